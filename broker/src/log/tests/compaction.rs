use super::*;

fn compacted() -> LogConfig {
    LogConfig {
        cleanup: Cleanup { delete: false, compact: true },
        segment_bytes: 400,
        min_cleanable_dirty_permille: 0,
        delete_retention_ms: 1000,
        ..LogConfig::default()
    }
}

fn put(partition: &Arc<Partition>, timestamp: i64, key: &str, value: Option<&str>) {
    partition.append(batch_of(timestamp, &[(Some(key), value)]), AppendOrigin::Client, timestamp).unwrap();
}

/// Seals what was written, so that it may be cleaned.
fn seal(partition: &Arc<Partition>) {
    partition.log.lock().roll().unwrap();
    partition.flush().unwrap();
}

fn clean(broker: &Broker, now: i64) -> bool {
    broker.logs.clean_dirtiest(now)
}

fn offsets(partition: &Arc<Partition>) -> Vec<i64> {
    contents(partition, ReadUpTo::LogEnd).into_iter().map(|(offset, ..)| offset).collect()
}

#[test]
fn the_last_value_of_each_key_is_kept_at_its_offset() {
    let broker = Broker::new();
    let partition = broker.partition(&compacted());
    for round in 0..10 {
        for key in ["a", "b", "c"] {
            put(&partition, NOW, key, Some(&format!("{key}{round}")));
        }
    }
    seal(&partition);
    put(&partition, NOW, "a", Some("active"));
    assert!(clean(&broker, NOW));
    let kept: Vec<_> = contents(&partition, ReadUpTo::LogEnd);
    let expected = [(27, "a", "a9"), (28, "b", "b9"), (29, "c", "c9"), (30, "a", "active")];
    assert_eq!(kept, expected.map(|(at, key, value)| (at, key.to_owned(), Some(value.to_owned()))));
    assert_eq!((partition.log_start_offset(), partition.log_end_offset()), (Offset(0), Offset(31)));
    assert!(!clean(&broker, NOW), "nothing is dirty any more");
    let broker = broker.restart(Crash::Power);
    let partition = broker.partition(&compacted());
    assert_eq!(offsets(&partition), [27, 28, 29], "the active record was not synced");
    assert!(!clean(&broker, NOW), "how far the log is clean survives");
}

#[test]
fn a_reader_goes_on_in_a_segment_that_was_replaced() {
    let broker = Broker::new();
    let partition = broker.partition(&compacted());
    for value in ["1", "2", "3"] {
        put(&partition, NOW, "a", Some(value));
    }
    seal(&partition);
    let before = partition.read(Offset(0), 10_000, ReadUpTo::HighWatermark, true).unwrap();
    assert!(clean(&broker, NOW));
    assert_eq!(Batches::new(&before.bytes().unwrap()).count(), 3);
    assert_eq!(offsets(&partition), [2]);
}

#[test]
fn a_tombstone_outlives_its_compaction_by_delete_retention() {
    let broker = Broker::new();
    let partition = broker.partition(&compacted());
    put(&partition, NOW, "a", Some("old"));
    put(&partition, NOW, "a", None);
    put(&partition, NOW, "b", Some("stays"));
    seal(&partition);
    assert!(clean(&broker, NOW));
    assert_eq!(offsets(&partition), [1, 2], "the tombstone is kept at first");
    put(&partition, NOW, "c", Some("dirt"));
    seal(&partition);
    assert!(clean(&broker, NOW + 999));
    assert_eq!(offsets(&partition), [1, 2, 3], "its time is not over");
    put(&partition, NOW, "d", Some("dirt"));
    seal(&partition);
    assert!(clean(&broker, NOW + 1000));
    assert_eq!(offsets(&partition), [2, 3, 4]);
}

#[test]
fn a_producer_whose_records_all_went_is_still_known() {
    let broker = Broker::new();
    let partition = broker.partition(&compacted());
    let batch = produced(producer(9, 0, 0), NOW, &[(Some("a"), Some("1")), (Some("b"), Some("1"))]);
    partition.append(batch.clone(), AppendOrigin::Client, NOW).unwrap();
    put(&partition, NOW, "a", Some("2"));
    put(&partition, NOW, "b", Some("2"));
    seal(&partition);
    assert!(clean(&broker, NOW));
    assert_eq!(offsets(&partition), [2, 3]);
    // Without any snapshot only the empty batch in the log can tell.
    for offset in [4, 5] {
        let path = format!("/data/topic-0/{offset:020}.snapshot");
        drop(crate::storage::Storage::remove_file(&broker.disk, path.as_ref()));
    }
    let broker = broker.restart(Crash::Process);
    let partition = broker.partition(&compacted());
    let again = partition.append(batch, AppendOrigin::Client, NOW).unwrap();
    assert_eq!((again.duplicate, again.base_offset), (true, Offset(0)));
}

#[test]
fn more_keys_than_the_map_holds_take_several_passes() {
    let broker = Broker::new();
    let partition = broker.partition(&compacted());
    for key in (0..40).chain(0..40) {
        put(&partition, NOW, &format!("key {key}"), Some("value"));
    }
    seal(&partition);
    let mut cleaned = Offset(0);
    let mut passes = 0;
    while cleaned < Offset(80) {
        let plan = partition.log.lock().plan_cleaning(cleaned, NOW).unwrap();
        let end = super::super::cleaner::Pass::new(&partition, NOW).run(&plan, 24 * 16).unwrap();
        assert!(end > cleaned);
        (cleaned, passes) = (end, passes + 1);
    }
    assert!(passes > 3);
    assert_eq!(offsets(&partition), (40..80).collect::<Vec<_>>());
}

#[test]
fn a_pass_over_a_segment_that_lost_its_end_is_the_last_one() {
    let broker = Broker::new();
    let partition = broker.partition(&compacted());
    let long = "x".repeat(150);
    put(&partition, NOW, "a", Some(&long));
    put(&partition, NOW, "b", Some(&long));
    seal(&partition);
    put(&partition, NOW + 9000, "b", Some(&long));
    seal(&partition);
    assert!(clean(&broker, NOW + 9000));
    assert_eq!(offsets(&partition), [0, 2], "the first segment ends with offset 0, the next begins with 2");
    broker.disk.crash(Crash::Process);
    crate::storage::Storage::remove_file(&broker.disk, "/data/cleaner-offset-checkpoint".as_ref()).unwrap();
    let broker = broker.restart(Crash::Process);
    broker.partition(&LogConfig { min_compaction_lag_ms: 5000, ..compacted() });
    assert!(clean(&broker, NOW + 9000), "nobody knows any more that it is clean");
    assert!(!clean(&broker, NOW + 9000));
}

#[test]
fn young_records_are_protected_and_old_ones_are_compacted_whatever_the_ratio() {
    let lagging = LogConfig { min_compaction_lag_ms: 500, ..compacted() };
    let broker = Broker::new();
    let partition = broker.partition(&lagging);
    put(&partition, NOW, "a", Some("1"));
    put(&partition, NOW, "a", Some("2"));
    seal(&partition);
    assert!(!clean(&broker, NOW + 499));
    assert!(clean(&broker, NOW + 500));
    let patient = LogConfig { min_cleanable_dirty_permille: 990, max_compaction_lag_ms: 2000, ..compacted() };
    partition.configure(Arc::new(patient));
    put(&partition, NOW + 600, "a", Some("3"));
    seal(&partition);
    assert!(!clean(&broker, NOW + 2600));
    assert!(clean(&broker, NOW + 2601));
    assert_eq!(offsets(&partition), [2]);
}

#[test]
fn a_record_without_a_key_is_refused() {
    let broker = Broker::new();
    let partition = broker.partition(&compacted());
    let refused = partition.append(batch_of(NOW, &[(None, Some("x"))]), AppendOrigin::Client, NOW);
    assert!(matches!(
        refused,
        Err(AppendError::Records { code: kafka_protocol::ResponseError::InvalidRecord, .. })
    ));
}

#[test]
fn a_crash_at_any_step_of_a_pass_leaves_the_last_values_once() {
    let mut completed = false;
    // Large enough that all segments become one.
    let merging = LogConfig { segment_bytes: 2000, index_interval_bytes: 50, ..compacted() };
    for (seed, changes) in (0..12).flat_map(|seed| (0..70).map(move |changes| (seed, changes))) {
        let broker = Broker::start(SimulatedStorage::new(seed * 100 + u64::from(changes)));
        let partition = broker.partition(&merging);
        for at in 0..12 {
            put(&partition, NOW + at, ["a", "b", "c", "d"][at as usize % 4], Some(&at.to_string()));
            if at % 3 == 2 {
                seal(&partition);
            }
        }
        broker.disk.fail_after(changes);
        clean(&broker, NOW);
        completed |= broker.disk.changes_left() > 0;
        let broker = broker.restart(Crash::Torn);
        let partition = broker.partition(&merging);
        assert!(!partition.is_offline(), "seed {seed}, {changes} changes");
        let found = offsets(&partition);
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}: seed {seed}, {changes} changes");
        assert!(found.ends_with(&[8, 9, 10, 11]), "{found:?}: seed {seed}, {changes} changes");
        // Wherever a reader comes in, it meets the same records: no old segment lies below the new one.
        for from in 0..12 {
            let read = contents_from(&partition, Offset(from), ReadUpTo::LogEnd);
            let read: Vec<i64> = read.into_iter().map(|(offset, ..)| offset).collect();
            let expected: Vec<i64> = found.iter().copied().filter(|offset| *offset >= from).collect();
            assert_eq!(read, expected, "from {from}: seed {seed}, {changes} changes");
        }
        let newest = partition.offset_for_timestamp(NOW + 11).unwrap().unwrap();
        assert_eq!(newest.offset, Offset(11), "seed {seed}, {changes} changes");
    }
    assert!(completed, "the crashes do not reach the end of a pass");
}
