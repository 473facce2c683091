//! The same over a real directory, with the threads that flush.

use std::sync::Barrier;

use super::*;
use crate::storage::DiskStorage;

fn open(dir: &std::path::Path) -> Arc<Logs> {
    Logs::open(LogsOptions::new(dir, NodeId(1)), Arc::new(DiskStorage)).unwrap()
}

fn partition(logs: &Logs) -> Arc<Partition> {
    let config = LogConfig { segment_bytes: 4000, ..LogConfig::default() };
    logs.open_partition(TOPIC, TOPIC_ID, PartitionIndex(0), Arc::new(config)).unwrap()
}

#[test]
fn appends_of_many_threads_are_synced_together_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let logs = open(dir.path());
    let written = partition(&logs);
    let (threads, each) = (4, 50);
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (written, barrier) = (&written, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for number in 0..each {
                    let last = append(written, &format!("{thread}/{number}")).last_offset;
                    futures::executor::block_on(written.wait_for(last)).unwrap();
                    assert!(written.high_watermark() > last);
                }
            });
        }
    });
    let before = contents(&written, ReadUpTo::HighWatermark);
    assert_eq!(before.len(), threads * each);
    drop(logs);
    drop(written);
    let logs = open(dir.path());
    let recovered = partition(&logs);
    assert_eq!(contents(&recovered, ReadUpTo::HighWatermark), before, "after an unclean end");
    logs.close().unwrap();
    drop((logs, recovered));
    let logs = open(dir.path());
    assert_eq!(contents(&partition(&logs), ReadUpTo::HighWatermark), before, "after a clean one");
}

#[test]
fn the_directory_looks_like_kafkas() {
    let dir = tempfile::tempdir().unwrap();
    let logs = open(dir.path());
    append(&partition(&logs), "a");
    logs.close().unwrap();
    let names = |dir: &std::path::Path| {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let zeros = "00000000000000000000";
    let expected = [
        format!("{zeros}.index"),
        format!("{zeros}.log"),
        format!("{zeros}.timeindex"),
        "00000000000000000001.snapshot".to_owned(),
        "leader-epoch-checkpoint".to_owned(),
        "partition.metadata".to_owned(),
    ];
    assert_eq!(names(&dir.path().join("topic-0")), expected);
    let expected = [
        ".kafka_cleanshutdown",
        ".lock",
        "leader-epoch",
        "meta.properties",
        "recovery-point-offset-checkpoint",
        "topic-0",
    ];
    assert_eq!(names(dir.path()), expected);
}
