//! Topics that change, and brokers that go away, under clients that are at work.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{
    Consumer, ConsumerConfig, Error, Event, NewTopic, OffsetReset, Producer, ProducerRecord, TopicPartition,
};

use crate::broker::{admin, bootstrap, create_topic, unique};

const WAIT: Duration = Duration::from_secs(30);

async fn produce(bootstrap: &str, topic: &str, values: std::ops::Range<u32>) {
    let producer = Producer::builder().bootstrap(bootstrap).build().await.unwrap();
    for n in values {
        producer.send(ProducerRecord::to(topic).value(&n.to_string())).await.unwrap();
    }
    producer.close().await.unwrap();
}

fn reader(bootstrap: &str) -> ConsumerConfig {
    let config = Consumer::builder().bootstrap(bootstrap).auto_offset_reset(OffsetReset::Earliest);
    config.set("metadata.max.age.ms", "300").unwrap()
}

async fn read(consumer: &mut Consumer, count: usize) -> Vec<u32> {
    let mut values = Vec::new();
    while values.len() < count {
        let Event::Fetched(fetched) = consumer.poll(WAIT).await.unwrap().expect("records") else { continue };
        fetched
            .for_each(|record| {
                values.push(std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap());
                Ok(())
            })
            .unwrap();
    }
    values
}

async fn delete(bootstrap: &str, topic: &str) {
    admin(bootstrap).await.delete_topics([topic]).await.unwrap().remove(0).1.unwrap();
    // Another broker's controller takes the name back a little later.
    let deadline = Instant::now() + WAIT;
    while admin(bootstrap).await.create_topics([NewTopic::new(topic, 1)]).await.unwrap().remove(0).1.is_err()
    {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The new topic has the old one's name, another id, and fewer records than were read.
#[tokio::test]
async fn a_topic_that_is_made_anew_is_read_and_written_from_its_start() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("anew"), 1).await;
    let producer = Producer::builder().bootstrap(&bootstrap).build().await.unwrap();
    let config = reader(&bootstrap).set("allow.auto.create.topics", "false").unwrap();
    let mut consumer = config.build().await.unwrap();
    consumer.assign([TopicPartition::new(topic.as_str(), 0)]);
    for n in 0..10 {
        producer.send(ProducerRecord::to(&topic).value(&n.to_string())).await.unwrap();
    }
    assert_eq!(read(&mut consumer, 10).await.len(), 10);
    delete(&bootstrap, &topic).await;
    for n in 20..25 {
        let delivery = producer.send(ProducerRecord::to(&topic).value(&n.to_string())).await.unwrap();
        assert_eq!(delivery.await.unwrap().offset.unwrap().0, n - 20);
    }
    assert_eq!(read(&mut consumer, 5).await, [20, 21, 22, 23, 24]);
}

#[tokio::test]
async fn partitions_that_are_added_are_written_and_read() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("grown"), 1).await;
    let config = Producer::builder().bootstrap(&bootstrap).batch_size(100);
    let producer = config.set("metadata.max.age.ms", "300").unwrap().build().await.unwrap();
    let mut consumer = reader(&bootstrap).group_id(unique("group")).build().await.unwrap();
    consumer.subscribe([topic.clone()]).unwrap();
    producer.send(ProducerRecord::to(&topic).value("0")).await.unwrap().await.unwrap();
    read(&mut consumer, 1).await;
    admin(&bootstrap).await.create_partitions([(topic.clone(), 4)]).await.unwrap().remove(0).1.unwrap();
    let (mut written, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let deadline = Instant::now() + WAIT;
    while written.len() < 4 || seen.len() < 4 {
        assert!(Instant::now() < deadline, "written {written:?}, read {seen:?}");
        let delivery = producer.send(ProducerRecord::to(&topic).value(&"9".repeat(60))).await.unwrap();
        written.insert(delivery.partition());
        if let Some(Event::Fetched(fetched)) = consumer.poll(Duration::from_millis(5)).await.unwrap() {
            seen.insert(fetched.partition.partition);
        }
    }
}

#[tokio::test]
async fn a_committed_offset_that_is_gone_is_reset_as_configured() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("stale"), 1).await;
    let partition = TopicPartition::new(topic.as_str(), 0);
    produce(&bootstrap, &topic, 0..10).await;
    let admin = admin(&bootstrap).await;
    admin.delete_records([(partition.clone(), 4)]).await.unwrap().remove(0).1.unwrap();
    // Below the log's start and above its end.
    for committed in [2, 99] {
        for (reset, first) in
            [("earliest", 4), ("latest", 10), ("by_duration:PT1H", 4), ("by_duration:PT0S", 10)]
        {
            let group = unique("group");
            admin.alter_group_offsets(&group, [(partition.clone(), committed)]).await.unwrap();
            let config = reader(&bootstrap).group_id(&group).set("auto.offset.reset", reset).unwrap();
            let mut consumer = config.build().await.unwrap();
            consumer.assign([partition.clone()]);
            let deadline = Instant::now() + WAIT;
            while consumer.position(&partition).map(|position| position.0) != Some(first) {
                assert!(Instant::now() < deadline, "{reset} from {committed}");
                if let Some(Event::Fetched(fetched)) = consumer.poll(Duration::from_millis(20)).await.unwrap()
                {
                    assert_eq!(fetched.offset, first, "{reset} from {committed}");
                    break;
                }
            }
        }
        let group = unique("group");
        admin.alter_group_offsets(&group, [(partition.clone(), committed)]).await.unwrap();
        let config = reader(&bootstrap).group_id(&group).auto_offset_reset(OffsetReset::None);
        let mut consumer = config.build().await.unwrap();
        consumer.assign([partition.clone()]);
        let error = consumer.poll(WAIT).await.unwrap_err();
        assert!(matches!(error, Error::NoOffset { offset, .. } if offset == committed), "{error}");
    }
}

#[tokio::test]
async fn a_large_record_is_read_whatever_the_limits_of_a_fetch() {
    let bootstrap = bootstrap().await;
    let topic = NewTopic::new(unique("large"), 1).config("max.message.bytes", "4000000");
    let name = topic.name.clone();
    admin(&bootstrap).await.create_topics([topic]).await.unwrap().remove(0).1.unwrap();
    let config = Producer::builder().bootstrap(&bootstrap).set("max.request.size", "4000000").unwrap();
    let producer = config.build().await.unwrap();
    for size in [3_000_000, 10, 2_000_000] {
        let delivery = producer.send(ProducerRecord::to(&name).value(&vec![7; size])).await.unwrap();
        delivery.await.unwrap();
    }
    let error = producer.send(ProducerRecord::to(&name).value(&vec![7; 4_000_001])).await.unwrap_err();
    assert!(matches!(error, Error::RecordTooLarge { limit: 4_000_000, .. }), "{error}");
    for limit in ["1000", "0"] {
        let config = reader(&bootstrap).set("max.partition.fetch.bytes", limit).unwrap();
        let mut consumer = config.set("fetch.max.bytes", limit).unwrap().build().await.unwrap();
        consumer.assign([TopicPartition::new(name.as_str(), 0)]);
        let mut sizes = Vec::new();
        while sizes.len() < 3 {
            let Some(Event::Fetched(fetched)) = consumer.poll(WAIT).await.unwrap() else {
                panic!("{sizes:?}")
            };
            fetched
                .for_each(|record| {
                    sizes.push(record.value.unwrap().len());
                    Ok(())
                })
                .unwrap();
        }
        assert_eq!(sizes, [3_000_000, 10, 2_000_000]);
    }
}

/// What could not be delivered in time has failed and says so; what comes later is written, in order, without a gap.
#[tokio::test]
async fn deliveries_end_while_the_broker_is_away_and_go_on_after_it() {
    let data = tempfile::tempdir().unwrap();
    let start = |listen: String| Broker::start(BrokerConfig::new(data.path()).listen(listen));
    let broker = start("127.0.0.1:0".to_owned()).await.unwrap();
    let address = broker.address().to_string();
    let config = Producer::builder().bootstrap(&address).delivery_timeout(Duration::from_millis(1_500));
    let config = config.buffer_memory(65_536).set("max.block.ms", "700").unwrap();
    let producer = config.set("request.timeout.ms", "1000").unwrap().build().await.unwrap();
    let record = |n: u32| n.to_be_bytes();
    producer.send(ProducerRecord::to("t").value(&record(0))).await.unwrap().await.unwrap();
    broker.close().await;

    let late = producer.send(ProducerRecord::to("t").value(&record(7))).await.unwrap();
    let error = late.await.unwrap_err();
    assert!(error.to_string().contains("delivery.timeout.ms"), "{error}");
    assert!(error.is_retriable(), "the program may send it again");

    let mut deliveries = Vec::new();
    let full = loop {
        match producer.send(ProducerRecord::to("t").value(&[7; 8_000])).await {
            Ok(delivery) => deliveries.push(delivery),
            Err(error) => break error,
        }
        assert!(deliveries.len() < 20, "more than buffer.memory holds");
    };
    assert!(
        full.to_string().contains("max.block.ms") && full.to_string().contains("buffer.memory"),
        "{full}"
    );
    for delivery in deliveries {
        assert!(delivery.await.is_err());
    }

    let broker = start(address.clone()).await.unwrap();
    let mut offsets = Vec::new();
    for n in 1..20 {
        let mut outcome = producer.send(ProducerRecord::to("t").value(&record(n))).await.unwrap().await;
        // The time-out is short, and the client may just be waiting to connect again.
        while outcome.is_err() {
            outcome = producer.send(ProducerRecord::to("t").value(&record(n))).await.unwrap().await;
        }
        offsets.push(outcome.unwrap().offset.unwrap().0);
    }
    assert!(offsets.into_iter().eq(1..20), "the broker holds what was acknowledged, once and in order");
    broker.close().await;
}

/// The group's own requests are stuck then, and must not hold up the last ones.
#[tokio::test]
async fn a_member_closes_though_its_broker_is_gone() {
    let config = BrokerConfig::ephemeral().set("group.initial.rebalance.delay.ms", "0").unwrap();
    let broker = Broker::start(config).await.unwrap();
    let bootstrap = broker.bootstrap();
    let topic = create_topic(&bootstrap, "closed", 1).await;
    let config = reader(&bootstrap).group_id("g").set("heartbeat.interval.ms", "100").unwrap();
    let mut consumer = config.set("request.timeout.ms", "2000").unwrap().build().await.unwrap();
    consumer.subscribe([topic]).unwrap();
    assert!(matches!(consumer.poll(WAIT).await.unwrap(), Some(Event::Assigned(_))));
    broker.close().await;
    // Until the member looks for its coordinator, again and again.
    assert!(consumer.poll(Duration::from_secs(3)).await.unwrap().is_none());
    tokio::time::timeout(WAIT, consumer.close()).await.expect("it closes").unwrap();
}

/// A place that is kept for long would have nobody read what belongs to it.
#[tokio::test]
async fn a_static_member_that_closed_while_its_cluster_was_away_leaves_when_it_is_back() {
    let data = tempfile::tempdir().unwrap();
    let start = |listen: String| {
        let config = BrokerConfig::new(data.path()).listen(listen);
        Broker::start(config.set("group.initial.rebalance.delay.ms", "0").unwrap())
    };
    let broker = start("127.0.0.1:0".into()).await.unwrap();
    let (bootstrap, topic) = (broker.bootstrap(), unique("static"));
    create_topic(&bootstrap, &topic, 1).await;
    produce(&bootstrap, &topic, 0..1).await;
    let member = async |instance: &str| {
        // Who goes without a word is missed after half an hour.
        let config = reader(&bootstrap).group_id(&topic).group_instance_id(instance);
        let config = config.set("session.timeout.ms", "1800000").unwrap();
        let config = config.set("request.timeout.ms", "500").unwrap();
        let consumer = config.set("default.api.timeout.ms", "1000").unwrap().build().await.unwrap();
        consumer.subscribe([topic.as_str()]).unwrap();
        consumer
    };
    let mut first = member("first").await;
    assert_eq!(read(&mut first, 1).await, [0]);
    broker.close().await;
    first.close_leaving().await.unwrap();
    let broker = start(bootstrap.clone()).await.unwrap();
    let mut second = member("second").await;
    let reads = tokio::time::timeout(WAIT, read(&mut second, 1)).await;
    assert_eq!(reads.expect("its partition within the time"), [0]);
    second.close().await.unwrap();
    broker.close().await;
}
