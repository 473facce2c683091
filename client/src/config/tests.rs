//! Names, defaults and ranges, compared with what Kafka's clients define (`ProducerConfig`, `ConsumerConfig`,
//! `AdminClientConfig` and `CommonClientConfigs`).

use std::time::Duration;

use super::Configured;
use crate::{AdminConfig, ConfigError, ConsumerConfig, ProducerConfig};

/// What Kafka takes at most: `INT` and `LONG`.
const INT: &str = "2147483647";
const LONG: &str = "9223372036854775807";

/// Names, the least and the greatest value.
const COMMON: &[(&str, &str, &str)] = &[
    ("request.timeout.ms", "0", INT),
    ("default.api.timeout.ms", "0", INT),
    ("retry.backoff.ms", "0", LONG),
    ("retry.backoff.max.ms", "0", LONG),
    ("reconnect.backoff.ms", "0", LONG),
    ("reconnect.backoff.max.ms", "0", LONG),
    ("metadata.max.age.ms", "0", LONG),
    ("metadata.max.idle.ms", "5000", LONG),
    ("send.buffer.bytes", "-1", INT),
    ("receive.buffer.bytes", "-1", INT),
];
const PRODUCER: &[(&str, &str, &str)] = &[
    ("buffer.memory", "0", LONG),
    ("retries", "0", INT),
    ("compression.lz4.level", "1", "17"),
    ("compression.zstd.level", "-131072", "22"),
    ("compression.gzip.level", "-1", "9"),
    ("batch.size", "0", INT),
    ("partitioner.availability.timeout.ms", "0", LONG),
    ("linger.ms", "0", LONG),
    ("delivery.timeout.ms", "0", INT),
    ("max.request.size", "0", INT),
    ("max.block.ms", "0", LONG),
    ("max.in.flight.requests.per.connection", "1", INT),
];
const CONSUMER: &[(&str, &str, &str)] = &[
    ("session.timeout.ms", "0", INT),
    ("heartbeat.interval.ms", "0", INT),
    ("auto.commit.interval.ms", "0", INT),
    ("max.partition.fetch.bytes", "0", INT),
    ("fetch.min.bytes", "0", INT),
    ("fetch.max.bytes", "0", INT),
    ("fetch.max.wait.ms", "0", INT),
    ("max.poll.records", "1", INT),
    ("max.poll.interval.ms", "1", INT),
];

fn check_ranges<C: Configured + Default>(settings: &[(&str, &str, &str)]) {
    for (name, least, greatest) in settings {
        for within in [least, greatest] {
            C::default().apply(name, within).unwrap();
        }
        let beyond = |limit: &str, by: i128| (limit.parse::<i128>().unwrap() + by).to_string();
        for wrong in [beyond(least, -1), beyond(greatest, 1), "x".to_owned(), String::new()] {
            let error = C::default().apply(name, &wrong).unwrap_err().to_string();
            assert!(error.contains(&format!("from {least} to {greatest}")), "{error}");
        }
    }
}

#[test]
fn ranges_are_kafkas() {
    check_ranges::<ProducerConfig>(COMMON);
    check_ranges::<ConsumerConfig>(COMMON);
    check_ranges::<AdminConfig>(COMMON);
    check_ranges::<ProducerConfig>(PRODUCER);
    check_ranges::<ConsumerConfig>(CONSUMER);
    assert!(ProducerConfig::new().set("compression.gzip.level", "0").is_err());
}

#[test]
fn defaults_are_kafkas() {
    let (producer, consumer) = (ProducerConfig::new(), ConsumerConfig::new());
    let ms = Duration::from_millis;
    assert_eq!(producer.buffer_memory, 33_554_432);
    assert_eq!(producer.retries, 2_147_483_647);
    assert_eq!(producer.batch_size, 16_384);
    assert_eq!((producer.linger, producer.delivery_timeout), (ms(5), ms(120_000)));
    assert_eq!((producer.max_block, producer.availability_timeout), (ms(60_000), ms(0)));
    assert_eq!((producer.max_request_size, producer.max_in_flight), (1_048_576, 5));
    assert!(producer.adaptive_partitioning && !producer.ignore_keys);
    assert_eq!((consumer.session_timeout, consumer.heartbeat_interval), (ms(45_000), ms(3_000)));
    assert_eq!((consumer.max_poll_interval, consumer.auto_commit_interval), (ms(300_000), ms(5_000)));
    assert_eq!((consumer.fetch_min_bytes, consumer.fetch_max_bytes), (1, 52_428_800));
    assert_eq!((consumer.max_partition_fetch_bytes, consumer.fetch_max_wait), (1_048_576, ms(500)));
    assert!(consumer.auto_commit && consumer.check_crcs && consumer.allow_auto_create_topics);
    assert!(consumer.exclude_internal_topics);
    let client = consumer.client;
    assert_eq!((client.request_timeout, client.default_api_timeout), (ms(30_000), ms(60_000)));
    assert_eq!((client.retry_backoff, client.retry_backoff_max), (ms(100), ms(1_000)));
    assert_eq!((client.reconnect_backoff, client.reconnect_backoff_max), (ms(50), ms(1_000)));
    assert_eq!((client.metadata_max_age, client.metadata_max_idle), (ms(300_000), ms(300_000)));
    assert_eq!((client.connection_setup_timeout, client.connections_max_idle), (ms(10_000), ms(540_000)));
}

/// Every public name of Kafka 4.3's clients, but for those of TLS and SASL.
const NAMES: &str = "acks allow.auto.create.topics auto.commit.interval.ms auto.offset.reset batch.size \
    bootstrap.controllers bootstrap.servers buffer.memory check.crcs client.dns.lookup client.id client.rack \
    compression.gzip.level compression.lz4.level compression.type compression.zstd.level config.providers \
    connections.max.idle.ms default.api.timeout.ms delivery.timeout.ms enable.auto.commit enable.idempotence \
    enable.metrics.push exclude.internal.topics fetch.max.bytes fetch.max.wait.ms fetch.min.bytes group.id \
    group.instance.id group.protocol group.remote.assignor heartbeat.interval.ms interceptor.classes \
    isolation.level key.deserializer key.serializer linger.ms max.block.ms \
    max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms max.poll.records \
    max.request.size metadata.max.age.ms metadata.max.idle.ms metadata.recovery.rebootstrap.trigger.ms \
    metadata.recovery.strategy metric.reporters metrics.num.samples metrics.recording.level \
    metrics.sample.window.ms partition.assignment.strategy partitioner.adaptive.partitioning.enable \
    partitioner.availability.timeout.ms partitioner.class partitioner.ignore.keys receive.buffer.bytes \
    reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retries retry.backoff.max.ms \
    retry.backoff.ms security.protocol security.providers send.buffer.bytes session.timeout.ms \
    socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms transaction.timeout.ms \
    transaction.two.phase.commit.enable transactional.id value.deserializer value.serializer";

fn knows<C: Configured + Default>(name: &str) -> bool {
    !matches!(C::default().apply(name, "1"), Err(ConfigError::Unknown { .. }))
}

/// One set of properties is given to all clients of a program as a rule, so each knows the names of the others.
#[test]
fn every_client_knows_every_name() {
    for name in NAMES.split_whitespace().chain(["ssl.truststore.location", "sasl.jaas.config"]) {
        assert!(knows::<ProducerConfig>(name) && knows::<ConsumerConfig>(name), "{name}");
        assert!(knows::<AdminConfig>(name), "{name}");
    }
    AdminConfig::default().apply("fetch.min.bytes", "not looked at").unwrap();
}

#[test]
fn an_unknown_name_is_refused_with_its_neighbour() {
    let unknown =
        |name: &str, nearest: &str| ConfigError::Unknown { name: name.into(), nearest: nearest.into() };
    let error = ProducerConfig::new().apply("linger.mss", "5").unwrap_err();
    assert_eq!(error, unknown("linger.mss", "linger.ms"));
    let error = AdminConfig::default().apply("fetch.min.byte", "5").unwrap_err();
    assert_eq!(error, unknown("fetch.min.byte", "fetch.min.bytes"));
}

#[test]
fn values_of_words_say_which() {
    for (name, word) in [("acks", "all"), ("compression.type", "zstd"), ("enable.idempotence", "true")] {
        let error = ProducerConfig::new().set(name, "2").unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    for (name, word) in [("isolation.level", "read_committed"), ("auto.offset.reset", "earliest")] {
        let error = ConsumerConfig::new().set(name, "2").unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
    assert!(ConsumerConfig::new().set("enable.auto.commit", "False").is_ok());
}

#[test]
fn an_address_is_a_host_and_a_port() {
    let read = |text: &str| {
        let mut config = AdminConfig::default();
        config.apply("bootstrap.servers", text).map(|()| config.client().bootstrap_servers.clone())
    };
    let good = "a:9092, [::1]:9093 ,PLAINTEXT://b.example:1,";
    assert_eq!(read(good).unwrap(), ["a:9092", "[::1]:9093", "PLAINTEXT://b.example:1"]);
    for (wrong, instead) in [
        ("a", "a is no host:port: write it as a:9092"),
        ("a:9092,b", "b is no host:port: write it as b:9092"),
        ("a:b", "as a:9092"),
        ("a:0", "as a:9092"),
        ("a:65536", "as a:9092"),
        (":9092", "as localhost:9092"),
        ("a b:9092", "as localhost:9092"),
        ("http://a/b:9092", "as localhost:9092"),
    ] {
        let said = read(wrong).unwrap_err().to_string();
        assert!(said.contains(instead), "{said}");
    }
}
