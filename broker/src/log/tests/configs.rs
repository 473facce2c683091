//! Each topic configuration, by its effect.

use millstream_wire::batch::TimestampType as BatchTimestampType;

use super::*;
use crate::storage::{Access, Storage};

const MB: usize = 1 << 20;

fn page() -> LogConfig {
    LogConfig { durability: Durability::Page, ..LogConfig::default() }
}

fn append_at(partition: &Arc<Partition>, timestamp: i64, value: &str) -> Result<Appended, AppendError> {
    partition.append(batch_of(timestamp, &[(Some("key"), Some(value))]), AppendOrigin::Client, NOW)
}

fn segments(partition: &Arc<Partition>) -> usize {
    partition.log.lock().sealed.len() + 1
}

#[test]
fn segment_bytes_and_segment_ms_roll() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig { segment_bytes: 200, segment_ms: 1000, ..page() });
    append_at(&partition, NOW, "a").unwrap();
    append_at(&partition, NOW + 1000, "b").unwrap();
    assert_eq!(segments(&partition), 1);
    append_at(&partition, NOW + 1001, "a second too late").unwrap();
    assert_eq!(segments(&partition), 2);
    append_at(&partition, NOW + 1001, &"x".repeat(150)).unwrap();
    assert_eq!(segments(&partition), 3);
    assert_eq!(values(&partition, ReadUpTo::LogEnd).len(), 4);
}

#[test]
fn logs_that_begin_together_roll_apart_by_their_jitter() {
    let broker = Broker::new();
    let config = LogConfig { segment_ms: 1000, segment_jitter_ms: 500, ..page() };
    let age_at_roll = |index| {
        let config = Arc::new(config.clone());
        let partition = broker.logs.open_partition(TOPIC, TOPIC_ID, PartitionIndex(index), config).unwrap();
        append_at(&partition, NOW, "first").unwrap();
        let rolls = |age: &i64| {
            append_at(&partition, NOW + age, "x").unwrap();
            segments(&partition) > 1
        };
        (0..=1001).find(rolls).expect("it rolls by segment.ms")
    };
    let ages: Vec<i64> = (0..50).map(age_at_roll).collect();
    assert!(ages.iter().all(|age| (502..=1001).contains(age)), "{ages:?}");
    let tenths: std::collections::BTreeSet<i64> = ages.iter().map(|age| age / 50).collect();
    assert!(tenths.len() >= 8, "they roll at the same time: {ages:?}");
}

#[test]
fn segment_index_bytes_bounds_the_index() {
    let broker = Broker::new();
    let config = LogConfig { segment_index_bytes: 48, index_interval_bytes: 0, ..page() };
    let partition = broker.partition(&config);
    for value in 0..20 {
        append_at(&partition, NOW + value, "x").unwrap();
    }
    assert!(segments(&partition) >= 4);
}

#[test]
fn retention_ms_removes_what_is_too_old_and_keeps_the_end() {
    let broker = Broker::new();
    let config = LogConfig { segment_bytes: 200, retention_ms: 1000, file_delete_delay_ms: 50, ..page() };
    let partition = broker.partition(&config);
    for at in 0..6 {
        append_at(&partition, NOW + at * 1000, &"x".repeat(60)).unwrap();
    }
    broker.logs.retain(NOW + 3500);
    assert!(partition.log_start_offset() > Offset(0) && partition.log_start_offset() <= Offset(3));
    let first =
        Storage::open(&broker.disk, "/data/topic-0/00000000000000000000.log.deleted".as_ref(), Access::Read);
    assert!(first.is_ok(), "file.delete.delay.ms");
    broker.logs.retain(NOW + 3550);
    let first =
        Storage::open(&broker.disk, "/data/topic-0/00000000000000000000.log.deleted".as_ref(), Access::Read);
    assert!(first.is_err());
    broker.logs.retain(NOW + 99_000);
    assert_eq!((partition.log_start_offset(), partition.log_end_offset()), (Offset(6), Offset(6)));
    let broker = broker.restart(Crash::Power);
    let partition = broker.partition(&config);
    assert_eq!(partition.log_end_offset(), Offset(6), "an empty log still knows its end");
}

#[test]
fn retention_bytes_removes_the_oldest() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig { segment_bytes: 200, retention_bytes: 500, ..page() });
    for _ in 0..10 {
        append_at(&partition, NOW, &"x".repeat(100)).unwrap();
    }
    broker.logs.retain(NOW);
    let size = partition.log.lock().size();
    assert!((500..700).contains(&size), "{size}");
}

#[test]
fn cleanup_policy_compact_alone_keeps_old_segments() {
    let broker = Broker::new();
    let cleanup = Cleanup { delete: false, compact: true };
    let partition = broker.partition(&LogConfig { segment_bytes: 200, retention_ms: 1, cleanup, ..page() });
    for _ in 0..5 {
        append_at(&partition, NOW, &"x".repeat(100)).unwrap();
    }
    broker.logs.retain(NOW + 99_000);
    assert_eq!(partition.log_start_offset(), Offset(0));
}

#[test]
fn max_message_bytes_refuses() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig { max_message_bytes: 100, ..page() });
    let refused = append_at(&partition, NOW, &"x".repeat(100)).unwrap_err();
    assert_eq!(refused.code(), kafka_protocol::ResponseError::MessageTooLarge);
    append_at(&partition, NOW, "small").unwrap();
}

#[test]
fn timestamps_have_bounds() {
    let broker = Broker::new();
    let config = LogConfig { timestamp_before_max_ms: 1000, timestamp_after_max_ms: 2000, ..page() };
    let partition = broker.partition(&config);
    append_at(&partition, NOW - 1000, "x").unwrap();
    append_at(&partition, NOW + 2000, "x").unwrap();
    for timestamp in [NOW - 1001, NOW + 2001] {
        let refused = append_at(&partition, timestamp, "x").unwrap_err();
        assert_eq!(refused.code(), kafka_protocol::ResponseError::InvalidTimestamp);
    }
}

#[test]
fn log_append_time_is_the_brokers() {
    let broker = Broker::new();
    let config = LogConfig { timestamp_type: TimestampType::LogAppendTime, ..page() };
    let partition = broker.partition(&config);
    let appended = append_at(&partition, 5, "x").unwrap();
    assert_eq!(appended.log_append_time, NOW);
    let bytes = partition.read(Offset(0), MB, ReadUpTo::LogEnd, true).unwrap().bytes().unwrap();
    let batch = Batches::new(&bytes).next().unwrap().unwrap();
    batch.verify_crc().unwrap();
    assert_eq!(batch.header.timestamp_type(), BatchTimestampType::LogAppendTime);
    assert_eq!(batch.records(&mut Vec::new(), MB).unwrap().next().unwrap().unwrap().timestamp, NOW);
}

#[test]
fn compression_type_changes_the_codec_and_nothing_else() {
    let broker = Broker::new();
    let codecs =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for (index, codec) in codecs.into_iter().enumerate() {
        let config = LogConfig { compression: TopicCompression::Codec(codec, None), ..page() };
        let index = PartitionIndex(index as i32);
        let partition = broker.logs.open_partition(TOPIC, TOPIC_ID, index, Arc::new(config)).unwrap();
        for sent in codecs {
            let mut writer = BatchWriter::new(sent, None);
            writer.set_producer(producer(i64::from(sent as u8), 0, 0));
            writer.append(NOW, Some(b"key"), Some(b"value"), NO_HEADERS);
            writer.append(NOW, None, None, NO_HEADERS);
            let sent = writer.finish().unwrap();
            partition.append(sent, AppendOrigin::Client, NOW).unwrap();
        }
        let bytes = partition.read(Offset(0), MB, ReadUpTo::LogEnd, true).unwrap().bytes().unwrap();
        for batch in Batches::new(&bytes) {
            let batch = batch.unwrap();
            assert_eq!(batch.header.compression().unwrap(), codec);
            assert_eq!((batch.header.record_count, batch.header.base_sequence), (2, 0));
        }
        assert_eq!(contents(&partition, ReadUpTo::LogEnd).len(), 10);
    }
}

#[test]
fn flush_messages_and_flush_ms_sync_in_page_mode() {
    let broker = Broker::new();
    let config = LogConfig { flush_messages: 2, ..page() };
    let partition = broker.partition(&config);
    append_at(&partition, NOW, "a").unwrap();
    assert!(!partition.log.lock().wants_flush());
    append_at(&partition, NOW, "b").unwrap();
    assert!(partition.log.lock().wants_flush());
    partition.flush().unwrap();
    partition.configure(Arc::new(LogConfig { flush_ms: 500, ..page() }));
    append_at(&partition, NOW, "c").unwrap();
    broker.logs.tick(NOW + 499).unwrap();
    assert_eq!(partition.log.lock().durable.offset, Offset(2));
    broker.logs.tick(NOW + 500).unwrap();
    assert_eq!(partition.log.lock().durable.offset, Offset(3));
}

#[test]
fn quiet_producers_are_forgotten() {
    let broker = Broker::new();
    let partition = broker.partition(&page());
    let batch = produced(producer(1, 0, 0), NOW, &[(None, Some("x"))]);
    partition.append(batch.clone(), AppendOrigin::Client, NOW).unwrap();
    assert!(partition.append(batch.clone(), AppendOrigin::Client, NOW).unwrap().duplicate);
    broker.logs.tick(NOW + 86_400_000).unwrap();
    assert!(!partition.append(batch, AppendOrigin::Client, NOW).unwrap().duplicate);
}
