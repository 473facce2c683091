//! Records read, without a group.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use millstream_client::{
    Compression, Consumer, Event, Header, Offset, OffsetReset, Producer, ProducerRecord, TopicPartition,
};

use crate::broker::{bootstrap, unique};

const WAIT: Duration = Duration::from_secs(20);
/// The records' times begin here, ms: recent, or retention would delete them.
static START: LazyLock<i64> =
    LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64 - 3_600_000);

async fn fill(bootstrap: &str, topic: &str, values: std::ops::Range<u32>, codec: Compression) {
    let producer = Producer::builder().bootstrap(bootstrap).compression(codec).build().await.unwrap();
    for n in values {
        let record_value = n.to_string();
        let headers = [Header::new("n", Some(record_value.as_bytes())), Header::new("n", None)];
        let record = ProducerRecord::to(topic).partition(0).key("key").value(&record_value);
        producer.send(record.headers(&headers).timestamp(*START + i64::from(n) * 1000)).await.unwrap();
    }
    producer.close().await.unwrap();
}

fn reader(bootstrap: &str) -> Consumer {
    Consumer::builder()
        .bootstrap(bootstrap)
        .auto_offset_reset(OffsetReset::Earliest)
        .build_blocking()
        .unwrap()
}

/// The values up to `count` of them.
async fn read(consumer: &mut Consumer, count: usize) -> Vec<u32> {
    let mut values = Vec::new();
    while values.len() < count {
        let event = consumer.poll(WAIT).await.unwrap().expect("records within the time");
        if let Event::Fetched(fetched) = event {
            fetched
                .for_each(|record| {
                    values.push(std::str::from_utf8(record.value.unwrap()).unwrap().parse().unwrap());
                    assert_eq!(record.headers.len(), 2, "a header key may come twice");
                    Ok(())
                })
                .unwrap();
        }
    }
    values
}

#[tokio::test]
async fn every_codec_comes_back() {
    let bootstrap = bootstrap().await;
    let topic = unique("codecs");
    for (at, codec) in Compression::ALL.into_iter().enumerate() {
        let from = at as u32 * 100;
        fill(&bootstrap, &topic, from..from + 100, codec).await;
    }
    let mut consumer = reader(&bootstrap);
    consumer.assign([TopicPartition::new(topic.as_str(), 0)]);
    assert_eq!(read(&mut consumer, 500).await, (0..500).collect::<Vec<_>>());
}

/// In a fetch session a broker says nothing of a partition of which there is nothing new.
#[tokio::test]
async fn a_quiet_partition_is_heard_of_all_the_same() {
    let bootstrap = bootstrap().await;
    let topic = unique("quiet");
    fill(&bootstrap, &topic, 0..2, Compression::None).await;
    let partition = TopicPartition::new(topic.as_str(), 0);
    let mut consumer = reader(&bootstrap);
    assert_eq!(consumer.heard(&partition), None);
    consumer.assign([partition.clone()]);
    assert_eq!(read(&mut consumer, 2).await, [0, 1]);
    let mut heard = consumer.heard(&partition).unwrap();
    for _ in 0..3 {
        let again = async {
            while consumer.heard(&partition) <= Some(heard) {
                assert!(consumer.poll(Duration::from_millis(20)).await.unwrap().is_none());
            }
        };
        tokio::time::timeout(WAIT, again).await.expect("an answer within the time");
        heard = consumer.heard(&partition).unwrap();
    }
    assert_eq!(consumer.high_watermark(&partition), Some(Offset(2)));
}

/// Whatever the batches are, compressed ones included.
#[tokio::test]
async fn a_poll_hands_out_no_more_records_than_it_may() {
    let bootstrap = bootstrap().await;
    let topic = unique("portions");
    fill(&bootstrap, &topic, 0..100, Compression::None).await;
    fill(&bootstrap, &topic, 100..200, Compression::Zstd).await;
    let partition = TopicPartition::new(topic.as_str(), 0);
    let config = Consumer::builder().bootstrap(&bootstrap).auto_offset_reset(OffsetReset::Earliest);
    let mut consumer = config.set("max.poll.records", "7").unwrap().build().await.unwrap();
    consumer.assign([partition.clone()]);
    let mut values = Vec::new();
    while values.len() < 200 {
        let portion = read(&mut consumer, 1).await;
        assert!(portion.len() <= 7, "{portion:?}");
        values.extend(portion);
        assert_eq!(consumer.position(&partition), Some(Offset(values.len() as i64)));
        if values.len() == 14 {
            // Neither a pause nor a seek in the middle of a batch loses or repeats any.
            consumer.pause(std::slice::from_ref(&partition));
            assert!(consumer.poll(Duration::from_millis(50)).await.unwrap().is_none());
            consumer.resume(std::slice::from_ref(&partition));
            consumer.seek(&partition, Offset(12)).unwrap();
            values.truncate(12);
        }
    }
    assert!(values.into_iter().eq(0..200));
}

#[tokio::test]
async fn seek_pause_and_times() {
    let bootstrap = bootstrap().await;
    let topic = unique("seek");
    fill(&bootstrap, &topic, 0..50, Compression::None).await;
    let partition = TopicPartition::new(topic.as_str(), 0);
    let mut consumer = reader(&bootstrap);
    consumer.assign([partition.clone()]);
    assert_eq!(read(&mut consumer, 50).await.len(), 50);
    assert_eq!(consumer.position(&partition), Some(Offset(50)));

    consumer.seek(&partition, Offset(45)).unwrap();
    assert_eq!(read(&mut consumer, 5).await, [45, 46, 47, 48, 49]);

    consumer.seek_to_beginning(&partition).unwrap();
    consumer.pause(std::slice::from_ref(&partition));
    assert!(consumer.poll(Duration::from_millis(300)).await.unwrap().is_none(), "paused");
    consumer.resume(std::slice::from_ref(&partition));
    assert_eq!(read(&mut consumer, 50).await[0], 0);

    let at = consumer.offsets_for_times([(partition.clone(), *START + 20_001)]).await.unwrap();
    assert_eq!(at[&partition].unwrap().offset, 21);
    let late = consumer.offsets_for_times([(partition.clone(), *START + 99_000_000)]).await.unwrap();
    assert_eq!(late[&partition], None);
    assert_eq!(consumer.end_offsets([partition.clone()]).await.unwrap()[&partition], Offset(50));
    assert_eq!(consumer.beginning_offsets([partition.clone()]).await.unwrap()[&partition], Offset(0));
}

#[tokio::test]
async fn an_offset_out_of_range_is_reset_or_an_error() {
    let bootstrap = bootstrap().await;
    let topic = unique("range");
    fill(&bootstrap, &topic, 0..5, Compression::None).await;
    let partition = TopicPartition::new(topic.as_str(), 0);
    let mut consumer = reader(&bootstrap);
    consumer.assign_at(partition.clone(), Offset(1000));
    assert_eq!(read(&mut consumer, 5).await, [0, 1, 2, 3, 4]);

    let none = Consumer::builder().bootstrap(&bootstrap).auto_offset_reset(OffsetReset::None);
    let mut strict = none.build().await.unwrap();
    strict.assign_at(partition, Offset(1000));
    let error = strict.poll(WAIT).await.unwrap_err();
    assert!(error.to_string().contains("auto.offset.reset=none"), "{error}");
}

/// The narrow doors work from threads that know nothing of async, and bring their own runtime.
#[tokio::test]
async fn plain_threads_produce_and_consume() {
    let bootstrap = bootstrap().await;
    let topic = unique("threads");
    let work = move || {
        let producer = Producer::builder().bootstrap(&bootstrap).build_blocking().unwrap();
        let mut batches = producer.batches();
        let handle = batches.topic(&topic).unwrap();
        for n in 0..20_000_u32 {
            let value = |out: &mut Vec<u8>| out.extend_from_slice(&n.to_be_bytes());
            let key = None::<fn(&mut Vec<u8>)>;
            batches.append(handle, 0, 0, key, Some(value), millstream_wire::batch::NO_HEADERS).unwrap();
        }
        batches.flush_blocking().unwrap();
        assert_eq!(batches.acknowledged(handle, 0), Some(Offset(19_999)));

        let mut consumer = reader(&bootstrap);
        consumer.assign([TopicPartition::new(topic.as_str(), 0)]);
        let mut next = 0_u32;
        while next < 20_000 {
            let Some(Event::Fetched(fetched)) = consumer.poll_blocking(WAIT).unwrap() else { panic!() };
            fetched
                .for_each(|record| {
                    assert_eq!(record.value.unwrap(), next.to_be_bytes());
                    next += 1;
                    Ok(())
                })
                .unwrap();
        }
    };
    tokio::task::spawn_blocking(|| std::thread::spawn(work).join().unwrap()).await.unwrap();
}
