//! What a broker tells of itself, against what it was asked.

use std::time::{Duration, Instant};

use millstream_broker::metrics::{BrokerMetrics, RequestMetrics, TopicMetrics};
use millstream_broker::{Broker, BrokerConfig};
use millstream_exposition::read;

use crate::client::{Client, batch, fetch_request};

/// The requests of an API; what was never asked for has none.
pub(crate) fn api<'a>(metrics: &'a BrokerMetrics, api: &str) -> Option<&'a RequestMetrics> {
    metrics.requests.iter().find(|told| told.api == api)
}

fn topic<'a>(metrics: &'a BrokerMetrics, topic: &str) -> &'a TopicMetrics {
    metrics.topics.iter().find(|told| &*told.topic == topic).unwrap()
}

/// Asks until it is so.
fn wait_until(broker: &Broker, is_so: impl Fn(&BrokerMetrics) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so(&broker.metrics().unwrap()) {
        assert!(Instant::now() < deadline, "{:#?}", broker.metrics());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_passes_is_counted_by_topic_and_what_fails_by_name() {
    let broker = Broker::start_blocking(BrokerConfig::ephemeral()).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("a", 2, &[]);
    client.create_topic("b", 1, &[]);
    let batches = [batch(&["x", "y"]), batch(&["z"])];
    let bytes: usize = batches.iter().map(|batch| batch.len()).sum();
    for (partition, batch) in batches.into_iter().enumerate() {
        client.produce("a", i32::try_from(partition).unwrap(), -1, batch);
    }
    assert_ne!(client.produce("none", 0, -1, batch(&["x"])).error_code, 0);
    let fetched = client.fetch("a", 0, 0).records.unwrap().len();
    client.fetch("a", 0, 2);

    let metrics = broker.metrics().unwrap();
    let (a, b) = (topic(&metrics, "a"), topic(&metrics, "b"));
    assert_eq!((a.bytes_in, a.records_in, a.bytes_out), (bytes as u64, 3, fetched as u64));
    assert_eq!((b.bytes_in, b.records_in, b.bytes_out), (0, 0, 0));
    let ends: Vec<_> =
        a.partitions.iter().map(|told| (told.partition, told.end_offset, told.high_watermark)).collect();
    assert_eq!(ends, [(0, 2, 2), (1, 1, 1)]);
    let size =
        |metrics: &BrokerMetrics| topic(metrics, "a").partitions.iter().map(|told| told.size).sum::<u64>();
    // A log that is busy is told as it was.
    wait_until(&broker, |metrics| size(metrics) == bytes as u64);
    assert_eq!((metrics.partitions, metrics.partitions_offline), (4, 0), "and that of the metadata");
    assert!(metrics.flushes.count() >= 2, "{:?}", metrics.flushes);

    let produced = api(&metrics, "Produce").unwrap();
    assert_eq!((produced.took.count(), produced.waiting), (3, 0));
    assert_eq!(produced.errors, [("UNKNOWN_TOPIC_OR_PARTITION".to_owned(), 1)]);
    assert_eq!(api(&metrics, "Fetch").unwrap().took.count(), 2);
    assert_eq!(api(&metrics, "CreateTopics").unwrap().errors, []);
    assert_eq!(api(&metrics, "DeleteGroups"), None);
    assert_eq!((metrics.connections.open, metrics.connections.accepted), (1, 1));

    let (samples, kinds) = read(&metrics.to_prometheus()).unwrap();
    assert_eq!(samples["millstream_broker_topic_records_in_total{topic=\"a\"}"], 3.0);
    assert_eq!(samples["millstream_broker_request_seconds_count{api=\"Produce\"}"], 3.0);
    let directory = metrics.disk.as_ref().unwrap().directory.display();
    assert!(samples[&format!("millstream_broker_disk_free_bytes{{directory=\"{directory}\"}}")] > 0.0);
    let documented = include_str!("../../../monitoring/broker.md");
    for name in kinds.keys() {
        let row = format!("\n| `{}` |", name.strip_prefix("millstream_broker_").unwrap());
        assert!(documented.contains(&row), "{row} is missing from the table");
    }
    drop(client);
    wait_until(&broker, |metrics| {
        metrics.connections.closed.contains(&("client", 1)) && metrics.connections.open == 0
    });
    broker.close_blocking();
}

#[test]
fn who_waits_is_counted_until_it_is_answered_or_has_gone() {
    let broker = Broker::start_blocking(BrokerConfig::ephemeral()).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("a", 1, &[]);
    let waiting = |metrics: &BrokerMetrics| api(metrics, "Fetch").map_or(0, |told| told.waiting);
    let (mut answered, mut leaves) = (Client::connect(&broker), Client::connect(&broker));
    answered.send(12, &fetch_request("a", 0, 0).with_max_wait_ms(60_000));
    wait_until(&broker, |metrics| waiting(metrics) == 1);
    client.produce("a", 0, -1, batch(&["x"]));
    assert!(answered.read_frame().is_some());
    wait_until(&broker, |metrics| waiting(metrics) == 0);
    leaves.send(12, &fetch_request("a", 0, 1).with_max_wait_ms(60_000));
    wait_until(&broker, |metrics| waiting(metrics) == 1);
    drop(leaves);
    wait_until(&broker, |metrics| waiting(metrics) == 0);
    assert_eq!(api(&broker.metrics().unwrap(), "Fetch").unwrap().took.count(), 1, "one was answered");
    broker.close_blocking();
}

#[test]
fn who_comes_with_nonsense_or_is_one_too_many_is_counted() {
    let config = BrokerConfig::ephemeral().set("max.connections.per.ip", "1").unwrap();
    let broker = Broker::start_blocking(config).unwrap();
    let mut nonsense = Client::connect(&broker);
    wait_until(&broker, |metrics| metrics.connections.open == 1);
    assert!(Client::connect(&broker).is_closed_by_broker());
    nonsense.send_raw(&[0xff; 64]);
    assert!(nonsense.is_closed_by_broker());
    wait_until(&broker, |metrics| metrics.connections.closed.contains(&("bad_frame", 1)));
    let connections = broker.metrics().unwrap().connections;
    assert_eq!(connections.refused, [("max.connections", 0), ("max.connections.per.ip", 1)]);
    broker.close_blocking();
}

#[test]
fn a_reader_outlives_its_broker_and_does_not_keep_its_directory() {
    let directory = tempfile::tempdir().unwrap();
    let config = || BrokerConfig::new(directory.path()).listen("127.0.0.1:0");
    let broker = Broker::start_blocking(config()).unwrap();
    let reader = broker.metrics_reader();
    let page = reader.clone().page();
    assert!(page().contains("millstream_broker_info{"));
    broker.close_blocking();
    assert!(reader.read().is_err());
    assert_eq!(page(), "");
    Broker::start_blocking(config()).unwrap().close_blocking();
}
