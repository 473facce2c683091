//! Records written: order, limits, failures that say what to do.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use millstream_client::{
    Acks, Compression, Consumer, Error, ErrorCode, Event, Header, NewTopic, OffsetReset, Producer,
    ProducerRecord, Record, TopicPartition,
};
use millstream_wire::batch::BatchError;

use crate::broker::{admin, bootstrap, create_topic, unique};

#[tokio::test]
async fn records_get_consecutive_offsets() {
    let bootstrap = bootstrap().await;
    let topic = unique("offsets");
    let producer = Producer::builder().bootstrap(&bootstrap).build().await.unwrap();
    let mut deliveries = Vec::new();
    for n in 0..1000 {
        let value = format!("value {n}");
        deliveries.push(producer.send(ProducerRecord::to(&topic).key("k").value(&value)).await.unwrap());
    }
    producer.flush().await.unwrap();
    for (n, delivery) in deliveries.into_iter().enumerate() {
        assert_eq!(delivery.await.unwrap().offset.unwrap().0, n as i64);
    }
    producer.close().await.unwrap();
}

#[tokio::test]
async fn every_kind_of_acknowledgement_works() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("acks"), 1).await;
    for (acks, known) in [(Acks::None, false), (Acks::Leader, true), (Acks::All, true)] {
        let producer = Producer::builder().bootstrap(&bootstrap).acks(acks).build().await.unwrap();
        let delivery = producer.send(ProducerRecord::to(&topic).value("v")).await.unwrap();
        producer.flush().await.unwrap();
        assert_eq!(delivery.await.unwrap().offset.is_some(), known, "{acks:?}");
    }
    let partition = TopicPartition::new(topic.as_str(), 0);
    let end = admin(&bootstrap).await.list_offsets([(partition.clone(), -1)]).await.unwrap();
    assert_eq!(end[&partition].unwrap().offset, 3);
}

/// Keys go where every Kafka client sends them; records without a key go everywhere.
#[tokio::test]
async fn partitions_are_chosen_as_in_kafka() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("partitions"), 7).await;
    let small = Producer::builder().bootstrap(&bootstrap).batch_size(200);
    let producer = small.build().await.unwrap();
    for key in ["key1", "key2", "some other key"] {
        let expected = millstream_wire::murmur2::partition_for_key(key.as_bytes(), 7);
        let delivery = producer.send(ProducerRecord::to(&topic).key(key).value("v")).await.unwrap();
        let written = delivery.await.unwrap();
        assert_eq!(written.partition, expected, "{key}");
    }
    let mut spread = BTreeSet::new();
    for _ in 0..500 {
        let delivery = producer.send(ProducerRecord::to(&topic).value(&[7; 50])).await.unwrap();
        spread.insert(delivery.partition());
    }
    producer.flush().await.unwrap();
    assert!(spread.len() >= 6, "{spread:?}");
    let error = producer.send(ProducerRecord::to(&topic).partition(7).value("v")).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchPartition { partitions: 7, .. }), "{error}");
}

#[tokio::test]
async fn senders_wait_for_memory_and_nothing_is_lost() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("memory"), 1).await;
    let tight = Producer::builder().bootstrap(&bootstrap).batch_size(4096).buffer_memory(16_384);
    let producer = tight.linger(Duration::from_secs(1)).build().await.unwrap();
    for n in 0..5_000_u32 {
        producer.send(ProducerRecord::to(&topic).value(&n.to_be_bytes())).await.unwrap();
    }
    producer.close().await.unwrap();
    assert_eq!(read_numbers(&bootstrap, &topic, 5_000).await, (0..5_000).collect::<Vec<_>>());
}

/// Of a batch with one record that is too large only that one comes back, and nothing else fails for its sake.
#[tokio::test]
async fn what_is_not_written_comes_back_to_who_asks_for_it() {
    let bootstrap = bootstrap().await;
    let topic = NewTopic::new(unique("rejected"), 1).config("max.message.bytes", "3000");
    let name = topic.name.clone();
    admin(&bootstrap).await.create_topics([topic]).await.unwrap().remove(0).1.unwrap();
    let producer = Producer::builder().bootstrap(&bootstrap).batch_size(60_000).build().await.unwrap();
    let door = tokio::task::spawn_blocking(move || {
        let mut batches = producer.batches();
        batches.keep_rejected();
        let topic = batches.topic(&name).unwrap();
        let mut append = |n: u32, padding: usize| {
            let mut value = n.to_be_bytes().to_vec();
            value.resize(4 + padding, 0);
            let headers = [Header::new("h", Some(b"1"))];
            batches.append_bytes(topic, 0, 7, Some(b"k"), Some(&value), &headers).unwrap();
        };
        append(1, 0);
        append(2, 5_000);
        append(3, 0);
        batches.flush_blocking().unwrap();
        let rejected = batches.take_rejected().unwrap();
        assert_eq!((&*rejected.topic, rejected.partition), (&*name, 0));
        assert_eq!(rejected.error.code(), Some(ErrorCode::MessageTooLarge));
        let mut seen = Vec::new();
        let each = |record: Record<'_>| {
            let header = record.headers.iter().next().unwrap();
            seen.push((record.key.unwrap().to_vec(), record.value.unwrap().len(), record.timestamp));
            assert_eq!((&*header.name(), header.value), ("h", Some(&b"1"[..])));
            Ok::<_, BatchError>(())
        };
        rejected.records(each).unwrap();
        assert_eq!(seen, [(b"k".to_vec(), 5_004, 7)]);
        assert!(batches.take_rejected().is_none());
        assert_eq!(batches.acknowledged(topic, 0).unwrap().0, 1);
        name
    });
    let name = door.await.unwrap();
    assert_eq!(read_numbers(&bootstrap, &name, 2).await, [1, 3]);
}

/// Batches that fill fast wait for each other, but not for ever.
#[tokio::test]
async fn sealed_batches_leave_with_the_threads_loop_and_with_its_end() {
    let bootstrap = bootstrap().await;
    let topic = create_topic(&bootstrap, &unique("sealed"), 1).await;
    let tiny = Producer::builder().bootstrap(&bootstrap).batch_size(100).linger(Duration::from_secs(3_600));
    let producer = tiny.build().await.unwrap();
    // Each record seals the batch of the one before it; the last batch stays open.
    let fill = |from: u32| {
        let (mut batches, name) = (producer.batches(), topic.clone());
        tokio::task::spawn_blocking(move || {
            let topic = batches.topic(&name).unwrap();
            for n in from..from + 4 {
                batches.append_bytes(topic, 0, 7, Some(&[7; 40]), Some(&n.to_be_bytes()), &[]).unwrap();
            }
            batches
        })
    };
    let mut looping = fill(0).await.unwrap();
    looping.seal_due(Instant::now());
    assert_eq!(read_numbers(&bootstrap, &topic, 3).await, [0, 1, 2]);
    drop(fill(10).await.unwrap());
    assert_eq!(read_numbers(&bootstrap, &topic, 6).await, [0, 1, 2, 10, 11, 12]);
}

#[tokio::test]
async fn a_batch_over_the_brokers_limit_is_split() {
    let bootstrap = bootstrap().await;
    let topic = NewTopic::new(unique("split"), 1).config("max.message.bytes", "3000");
    let name = topic.name.clone();
    admin(&bootstrap).await.create_topics([topic]).await.unwrap().remove(0).1.unwrap();
    for codec in [Compression::None, Compression::Lz4] {
        let wide = Producer::builder().bootstrap(&bootstrap).batch_size(60_000).compression(codec);
        let producer = wide.build().await.unwrap();
        let mut deliveries = Vec::new();
        for n in 0..2_000_u32 {
            deliveries.push(producer.send(ProducerRecord::to(&name).value(&n.to_be_bytes())).await.unwrap());
        }
        producer.flush().await.unwrap();
        let mut offsets = Vec::new();
        for delivery in deliveries {
            offsets.push(delivery.await.unwrap().offset.unwrap().0);
        }
        assert!(offsets.is_sorted_by(|a, b| a + 1 == *b), "{codec:?}");
    }
    let twice: Vec<u32> = (0..2_000).chain(0..2_000).collect();
    assert_eq!(read_numbers(&bootstrap, &name, 4_000).await, twice);

    let producer = Producer::builder().bootstrap(&bootstrap).build().await.unwrap();
    let delivery = producer.send(ProducerRecord::to(&name).value(&[0; 5_000])).await.unwrap();
    let error = delivery.await.unwrap_err();
    assert!(error.to_string().contains("MessageTooLarge"), "{error}");
    let fits = producer.send(ProducerRecord::to(&name).value("small")).await.unwrap();
    assert_eq!(fits.await.unwrap().offset.unwrap().0, 4_000, "a refused record leaves no gap behind");
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_named() {
    let config = Producer::builder().bootstrap("127.0.0.1:1").set("max.block.ms", "300").unwrap();
    let producer = config.build().await.unwrap();
    let error = producer.send(ProducerRecord::to("t").value("v")).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:1") && text.contains("is the broker running"), "{text}");
    assert!(error.is_retriable());
    let huge = vec![0; 2 << 20];
    let error = producer.send(ProducerRecord::to("t").value(&huge)).await.unwrap_err();
    assert!(error.to_string().contains("max.request.size"), "{error}");
}

pub(crate) async fn read_numbers(bootstrap: &str, topic: &str, count: usize) -> Vec<u32> {
    let config = Consumer::builder().bootstrap(bootstrap).auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = config.build().await.unwrap();
    consumer.assign([TopicPartition::new(topic, 0)]);
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let event = consumer.poll(Duration::from_secs(20)).await.unwrap();
        let Some(Event::Fetched(fetched)) = event else { panic!("{} of {count} came", numbers.len()) };
        fetched
            .for_each(|record| {
                numbers.push(u32::from_be_bytes(record.value.unwrap().try_into().unwrap()));
                Ok(())
            })
            .unwrap();
    }
    numbers
}
