//! One test for each sync that random lives seldom depend on: without it, this fails.

use super::*;

/// Crashes that are tried: each keeps other names, and other prefixes of files.
const CRASHES: u64 = 100;

fn small() -> LogConfig {
    LogConfig { segment_bytes: 300, index_interval_bytes: 0, ..LogConfig::default() }
}

/// The newest record stands in the middle of its segment: its time is known from the index alone.
fn timestamp(at: i64) -> i64 {
    NOW + at + if at % 3 == 1 { 1000 } else { 0 }
}

fn put(partition: &Arc<Partition>, at: i64, key: &str) {
    let value = format!("value {at}");
    let batch = batch_of(timestamp(at), &[(Some(key), Some(&value))]);
    partition.append(batch, AppendOrigin::Client, NOW).unwrap();
}

fn check_times(partition: &Arc<Partition>, records: std::ops::Range<i64>, seed: u64) {
    for at in records.filter(|at| at % 3 == 1) {
        let found = partition.offset_for_timestamp(timestamp(at)).unwrap();
        assert_eq!(found.map(|found| found.offset), Some(Offset(at)), "seed {seed}");
    }
}

#[test]
fn segments_that_roll_before_a_flush_leave_no_hole() {
    for seed in 0..CRASHES {
        let broker = Broker::start(SimulatedStorage::new(seed));
        let partition = broker.partition(&small());
        let written: Vec<String> = (0..30).map(|at| format!("value {at}")).collect();
        put(&partition, 0, "key");
        // The directory is there to stay.
        partition.flush().unwrap();
        (1..30).for_each(|at| put(&partition, at, "key"));
        let broker = broker.restart(Crash::Torn);
        let partition = broker.partition(&small());
        assert!(!partition.is_offline(), "seed {seed}");
        assert!(written.starts_with(&values(&partition, ReadUpTo::LogEnd)), "seed {seed}");
    }
}

/// What lies below the recovery point is not looked at again: its time indexes must be whole.
#[test]
fn times_are_found_in_segments_that_recovery_indexed() {
    for seed in 0..CRASHES {
        let broker = Broker::start(SimulatedStorage::new(seed));
        let partition = broker.partition(&small());
        (0..30).for_each(|at| put(&partition, at, "key"));
        let broker = broker.restart(Crash::Process);
        broker.partition(&small());
        broker.logs.checkpoint().unwrap();
        let broker = broker.restart(Crash::Torn);
        let partition = broker.partition(&small());
        check_times(&partition, 0..30, seed);
    }
}

#[test]
fn times_are_found_in_segments_that_compaction_wrote() {
    let config = LogConfig {
        cleanup: Cleanup { delete: false, compact: true },
        min_cleanable_dirty_permille: 0,
        ..small()
    };
    for seed in 0..CRASHES {
        let broker = Broker::start(SimulatedStorage::new(seed));
        let partition = broker.partition(&config);
        (0..40).for_each(|at| put(&partition, at, &format!("key {}", at % 25)));
        partition.log.lock().roll().unwrap();
        partition.flush().unwrap();
        assert!(broker.logs.clean_dirtiest(NOW));
        broker.logs.checkpoint().unwrap();
        let broker = broker.restart(Crash::Torn);
        let partition = broker.partition(&config);
        check_times(&partition, 15..40, seed);
    }
}

#[test]
fn what_was_cut_does_not_come_back() {
    for crash in [Crash::Power, Crash::Torn] {
        for seed in 0..CRASHES {
            let broker = Broker::start(SimulatedStorage::new(seed));
            let partition = broker.partition(&small());
            (0..30).for_each(|at| put(&partition, at, "key"));
            partition.flush().unwrap();
            broker.logs.checkpoint().unwrap();
            let Broker { disk, logs } = broker;
            drop((partition, logs));
            disk.crash(Crash::Process);
            let at = Offset(seed as i64 % 30);
            let name = TopicPartition::new(TOPIC, PartitionIndex(0));
            let end = cut(Arc::new(disk.clone()), "/data".as_ref(), &name, at).unwrap();
            assert_eq!(end, at);
            disk.crash(crash);
            let broker = Broker::start(disk);
            let partition = broker.partition(&small());
            assert!(!partition.is_offline(), "seed {seed}");
            assert_eq!(partition.log_end_offset(), at, "seed {seed}");
        }
    }
}

/// The worst that can come back of a deleted log: its directory without the file that says whose it is.
#[test]
fn the_log_of_a_deleted_topic_does_not_come_back_as_another_ones() {
    for seed in 0..CRASHES {
        let broker = Broker::start(SimulatedStorage::new(seed));
        let partition = broker.partition(&small());
        (0..30).for_each(|at| put(&partition, at, "key"));
        partition.flush().unwrap();
        drop(partition);
        broker.logs.delete_topic(TOPIC, TOPIC_ID).unwrap();
        let broker = broker.restart(Crash::Torn);
        let namesake =
            broker.logs.open_partition(TOPIC, Uuid::from_u128(8), PartitionIndex(0), Arc::new(small()));
        assert_eq!(namesake.unwrap().log_end_offset(), Offset(0), "seed {seed}");
    }
}
