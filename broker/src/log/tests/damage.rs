//! The cases from the disk: what was damaged, lost or refused by the file system while the broker was down or up.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::storage::{Access, Storage};

fn small_segments() -> LogConfig {
    LogConfig { segment_bytes: 600, index_interval_bytes: 100, ..LogConfig::default() }
}

fn file(name: &str) -> PathBuf {
    Path::new("/data/topic-0").join(name)
}

/// A partition with several segments, all synced, and its values.
fn filled(config: &LogConfig) -> (Broker, Vec<String>) {
    let broker = Broker::new();
    let partition = broker.partition(config);
    let values: Vec<String> = (0..30).map(|value| format!("value {value}")).collect();
    for value in &values {
        append(&partition, value);
    }
    partition.flush().unwrap();
    assert!(partition.log.lock().sealed.len() > 2);
    (broker, values)
}

fn logs(broker: &Broker) -> Vec<String> {
    let names = broker.disk.list("/data/topic-0".as_ref()).unwrap().into_iter().map(|entry| entry.name);
    let mut logs: Vec<_> = names.filter(|name| name.ends_with(".log")).collect();
    logs.sort();
    logs
}

fn truncate(broker: &Broker, path: &Path, by: usize) {
    broker.disk.damage(path, |bytes| bytes.truncate(bytes.len() - by));
}

#[test]
fn a_disk_that_hangs_does_not_keep_the_broker_from_stopping() {
    let disk = SimulatedStorage::new(1);
    let hasty = LogsOptions { flushers: 1, close_patience: Duration::from_millis(20), ..options() };
    let logs = Logs::open(hasty, Arc::new(disk.clone())).unwrap();
    let open = |logs: &Logs| {
        let config = Arc::new(LogConfig::default());
        logs.open_partition(TOPIC, TOPIC_ID, PartitionIndex(0), config).unwrap()
    };
    disk.hold_sync(Some("/topic-0/"));
    append(&open(&logs), "not acknowledged");
    assert!(matches!(logs.close(), Err(LogError::Io { action: "sync", .. })));
    drop(logs);
    disk.crash(Crash::Process);
    let broker = Broker::start(disk);
    assert_eq!(super::values(&open(&broker.logs), ReadUpTo::HighWatermark), ["not acknowledged"]);
}

#[test]
fn a_torn_last_batch_is_cut() {
    for durability in [Durability::Sync, Durability::Page] {
        let config = LogConfig { durability, ..small_segments() };
        let (broker, values) = filled(&config);
        let last = logs(&broker).pop().unwrap();
        truncate(&broker, &file(&last), 5);
        let broker = broker.restart(Crash::Process);
        let partition = broker.partition(&config);
        assert!(!partition.is_offline());
        assert_eq!(super::values(&partition, ReadUpTo::LogEnd), values[..29]);
        assert_eq!(append(&partition, "next").base_offset, Offset(29));
    }
}

#[test]
fn a_flipped_bit_takes_a_sync_partition_offline_until_it_is_cut() {
    let (broker, values) = filled(&small_segments());
    let second = logs(&broker).remove(1);
    let base: usize = second[..20].parse().unwrap();
    broker.disk.damage(&file(&second), |bytes| bytes[70] ^= 1);
    let broker = broker.restart(Crash::Process);
    let partition = broker.partition(&small_segments());
    assert!(partition.is_offline(), "valid batches follow: acknowledged ones, for all we know");
    assert!(matches!(
        partition.read(Offset(0), 100, ReadUpTo::LogEnd, true),
        Err(ReadError::Offline(reason)) if reason.contains(&format!("bad one at offset {base}"))
    ));
    let Broker { disk, logs } = broker;
    drop((partition, logs));
    disk.crash(Crash::Process);
    let name = TopicPartition::new(TOPIC, PartitionIndex(0));
    let end = cut(Arc::new(disk.clone()), "/data".as_ref(), &name, Offset(base as i64)).unwrap();
    assert_eq!(end, Offset(base as i64));
    let broker = Broker::start(disk);
    let partition = broker.partition(&small_segments());
    assert!(!partition.is_offline());
    assert_eq!(super::values(&partition, ReadUpTo::LogEnd), values[..base]);
}

#[test]
fn a_flipped_bit_is_cut_in_page_mode() {
    let config = LogConfig { durability: Durability::Page, ..small_segments() };
    let (broker, values) = filled(&config);
    let second = logs(&broker).remove(1);
    let base: usize = second[..20].parse().unwrap();
    broker.disk.damage(&file(&second), |bytes| bytes[70] ^= 1);
    let broker = broker.restart(Crash::Process);
    assert_eq!(super::values(&broker.partition(&config), ReadUpTo::LogEnd), values[..base]);
}

#[test]
fn nothing_below_the_recovery_point_is_scanned_or_cut() {
    let (broker, values) = filled(&small_segments());
    broker.logs.checkpoint().unwrap();
    let first = logs(&broker).remove(0);
    broker.disk.damage(&file(&first), |bytes| bytes[70] ^= 1);
    let broker = broker.restart(Crash::Process);
    let partition = broker.partition(&small_segments());
    assert!(!partition.is_offline());
    assert_eq!(partition.log_end_offset(), Offset(values.len() as i64));
    let served = partition.read(Offset(0), 100, ReadUpTo::LogEnd, true).unwrap().bytes().unwrap();
    let batch = Batches::new(&served).next().unwrap().unwrap();
    assert!(batch.verify_crc().is_err(), "the consumer sees the damage by its own check");
}

#[test]
fn files_that_end_before_the_recovery_point_take_a_sync_partition_offline() {
    let (broker, _) = filled(&small_segments());
    broker.logs.checkpoint().unwrap();
    let last = logs(&broker).pop().unwrap();
    truncate(&broker, &file(&last), 5);
    let broker = broker.restart(Crash::Process);
    assert!(broker.partition(&small_segments()).is_offline());
}

#[test]
fn offsets_are_not_given_twice_where_synced_records_are_missing_in_page_mode() {
    let config = LogConfig { durability: Durability::Page, ..small_segments() };
    let (broker, _) = filled(&config);
    broker.logs.checkpoint().unwrap();
    let last = logs(&broker).pop().unwrap();
    truncate(&broker, &file(&last), 5);
    let broker = broker.restart(Crash::Process);
    let partition = broker.partition(&config);
    assert_eq!(append(&partition, "next").base_offset, Offset(30));
}

/// Every index of every sealed segment, damaged in every way, after a clean stop and after a crash.
#[test]
fn indexes_are_made_anew() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 6] = [
        ("empty", |bytes| bytes.clear()),
        ("shorter", |bytes| bytes.truncate(8)),
        ("torn", |bytes| bytes.truncate(13)),
        ("longer", |bytes| bytes.extend_from_slice(&[0x7f; 24])),
        ("zeros behind", |bytes| bytes.extend_from_slice(&[0; 48])),
        ("garbage", |bytes| bytes.fill(0x55)),
    ];
    for (what, damage) in damages {
        for clean in [true, false] {
            let (broker, values) = filled(&small_segments());
            broker.logs.checkpoint().unwrap();
            if clean {
                broker.logs.close().unwrap();
            }
            for log in logs(&broker) {
                for extension in ["index", "timeindex"] {
                    let path = file(&log).with_extension(extension);
                    if broker.disk.open(&path, Access::Read).is_ok() {
                        broker.disk.damage(&path, damage);
                    }
                }
            }
            let broker = broker.restart(Crash::Process);
            let partition = broker.partition(&small_segments());
            assert_eq!(super::values(&partition, ReadUpTo::LogEnd), values, "{what}, clean: {clean}");
        }
    }
}

#[test]
fn a_segment_without_its_indexes_and_a_log_without_checkpoints_are_served() {
    let (broker, values) = filled(&small_segments());
    broker.logs.close().unwrap();
    for log in logs(&broker) {
        for extension in ["index", "timeindex", "snapshot"] {
            drop(broker.disk.remove_file(&file(&log).with_extension(extension)));
        }
    }
    for name in
        ["topic-0/leader-epoch-checkpoint", "recovery-point-offset-checkpoint", "topic-0/partition.metadata"]
    {
        broker.disk.remove_file(&Path::new("/data").join(name)).unwrap();
    }
    let broker = broker.restart(Crash::Process);
    let partition = broker.partition(&small_segments());
    assert_eq!(super::values(&partition, ReadUpTo::LogEnd), values);
    let epoch = partition.leader_epoch();
    assert_eq!(partition.end_offset_for_epoch(epoch), Some((epoch, Offset(30))));
    let found = partition.offset_for_timestamp(NOW).unwrap().unwrap();
    assert_eq!(found.offset, Offset(0));
}

#[test]
fn a_damaged_checkpoint_is_refused_by_name() {
    let (broker, _) = filled(&small_segments());
    broker.logs.checkpoint().unwrap();
    broker.disk.damage("/data/recovery-point-offset-checkpoint".as_ref(), |bytes| bytes.truncate(3));
    broker.disk.crash(Crash::Process);
    let refused = Logs::open(options(), Arc::new(broker.disk.clone())).err().unwrap();
    assert!(refused.to_string().contains("recovery-point-offset-checkpoint"), "{refused}");
}

#[test]
fn the_directory_of_another_node_is_refused() {
    let (broker, _) = filled(&small_segments());
    broker.disk.crash(Crash::Process);
    let other = LogsOptions { node_id: NodeId(2), ..options() };
    let refused = Logs::open(other, Arc::new(broker.disk.clone())).err().unwrap();
    assert!(
        matches!(&refused, LogError::ForeignDirectory { found, .. } if found == "node.id 1"),
        "{refused}"
    );
}

#[test]
fn a_directory_that_is_in_use_is_refused() {
    let broker = Broker::new();
    let refused = Logs::open(options(), Arc::new(broker.disk.clone())).err().unwrap();
    assert!(matches!(refused, LogError::Locked(_)));
}

#[test]
fn a_directory_that_cannot_be_written_is_refused() {
    let disk = SimulatedStorage::new(1);
    disk.fail_after(1);
    let refused = Logs::open(options(), Arc::new(disk)).err().unwrap();
    assert!(refused.to_string().contains("/data"), "{refused}");
}

#[test]
fn a_full_disk_takes_one_partition_offline_and_the_others_serve() {
    let broker = Broker::new();
    let full = broker.partition(&LogConfig::default());
    let open =
        |index| broker.logs.open_partition(TOPIC, TOPIC_ID, PartitionIndex(index), Arc::default()).unwrap();
    let other = open(1);
    append(&full, "before");
    append(&other, "before");
    full.flush().unwrap();
    broker.disk.set_space(Some(10));
    let batch = batch_of(NOW, &[(None, Some("too much"))]);
    let refused = full.append(batch.clone(), AppendOrigin::Client, NOW).unwrap_err();
    assert_eq!(refused.code(), kafka_protocol::ResponseError::KafkaStorageError);
    broker.disk.set_space(None);
    assert!(full.is_offline());
    assert!(full.append(batch, AppendOrigin::Client, NOW).is_err(), "until a restart");
    append(&other, "after");
    assert_eq!(values(&other, ReadUpTo::LogEnd), ["before", "after"]);
    let broker = broker.restart(Crash::Process);
    let partition = broker.partition(&LogConfig::default());
    assert_eq!(values(&partition, ReadUpTo::LogEnd), ["before"], "half of a batch was written and is cut");
}

#[test]
fn a_failed_fsync_is_sticky_and_acknowledges_nothing() {
    let broker = Broker::new();
    let partition = broker.partition(&LogConfig::default());
    append(&partition, "a");
    partition.flush().unwrap();
    append(&partition, "b");
    broker.disk.break_sync(Some("topic-0"));
    assert!(partition.flush().is_err());
    broker.disk.break_sync(None);
    assert_eq!(partition.high_watermark(), Offset(1));
    assert!(partition.is_offline(), "what a failed fsync dropped, the next one does not bring back");
    assert!(!broker.logs.partitions().is_empty());
    assert!(matches!(
        partition.append(batch_of(NOW, &[(None, None)]), AppendOrigin::Client, NOW),
        Err(AppendError::Offline(_))
    ));
}

#[test]
fn an_unreadable_segment_takes_its_partition_offline() {
    let (broker, _) = filled(&small_segments());
    let partition = broker.partition(&small_segments());
    broker.disk.break_read(Some("topic-0"));
    let failed = partition.read(Offset(0), 100, ReadUpTo::LogEnd, true).unwrap_err();
    assert_eq!(failed.code(), kafka_protocol::ResponseError::KafkaStorageError);
    assert!(partition.is_offline());
}

#[test]
fn the_log_of_an_earlier_topic_of_the_same_name_is_not_served() {
    let (broker, _) = filled(&small_segments());
    broker.logs.checkpoint().unwrap();
    let broker = broker.restart(Crash::Power);
    let again = broker
        .logs
        .open_partition(TOPIC, Uuid::from_u128(8), PartitionIndex(0), Arc::new(small_segments()))
        .unwrap();
    assert_eq!(again.log_end_offset(), Offset(0));
    assert_eq!(append(&again, "new").base_offset, Offset(0));
    assert_eq!(values(&again, ReadUpTo::LogEnd), ["new"]);
}

#[test]
fn a_deleted_topic_leaves_nothing_behind() {
    let (broker, _) = filled(&small_segments());
    let partition = broker.partition(&small_segments());
    broker.logs.delete_topic(TOPIC, TOPIC_ID).unwrap();
    assert!(matches!(partition.read(Offset(0), 1, ReadUpTo::LogEnd, true), Err(ReadError::Deleted)));
    let kind = broker.disk.list("/data/topic-0".as_ref()).unwrap_err().kind();
    assert_eq!(kind, io::ErrorKind::NotFound);
}
