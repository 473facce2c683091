use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{FLUSH_BYTES, FLUSH_RECORDS, MemoryBudget, RocksBackend, TaskDatabase};
use crate::store::backend::{Checkpoint, KeyValueBackend, Position};
use crate::store::conformance;

pub(super) fn budget() -> MemoryBudget {
    MemoryBudget::new(8 << 20)
}

/// So large that nothing is flushed for want of memory.
fn ample_budget() -> MemoryBudget {
    MemoryBudget::new(16 * FLUSH_BYTES as usize)
}

fn store_at(path: &Path) -> RocksBackend {
    TaskDatabase::open(path, &["store"], &budget()).unwrap().store("store").unwrap()
}

/// What a crash of the process leaves: the files as they are, without what RocksDB has in memory.
pub(super) fn crash(path: &Path) -> TempDir {
    let image = tempfile::tempdir().unwrap();
    for file in fs::read_dir(path).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), image.path().join(file.file_name())).unwrap();
    }
    image
}

pub(super) fn at(next_offset: i64) -> Position {
    Position::At(Checkpoint { next_offset, written_at: 0, changelog_id: uuid::Uuid::nil() })
}

#[test]
fn conforms() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &["store", "other"], &budget()).unwrap();
    let mut other = database.store("other").unwrap();
    other.stage(b"\x01", Some(b"kept"));
    other.write(Position::Unchanged).unwrap();
    conformance::check(64, || {
        let mut store = database.store("store").unwrap();
        store.clear().unwrap();
        store
    });
    assert!(other.get(b"\x01", &mut Vec::new()).unwrap(), "stores of a task do not mix");
}

#[test]
fn a_crash_loses_data_and_position_together() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = store_at(directory.path());
    store.stage(b"a", Some(b"1"));
    store.write(at(1)).unwrap();
    store.flush().unwrap();
    store.stage(b"a", Some(b"2"));
    store.write(at(2)).unwrap();

    let image = crash(directory.path());
    let survivor = store_at(image.path());
    let mut value = Vec::new();
    survivor.get(b"a", &mut value).unwrap();
    assert_eq!((value.as_slice(), survivor.position().unwrap().next_offset), (&b"1"[..], 1));
}

#[test]
fn a_clean_close_keeps_everything_and_a_forgotten_store_survives() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = store_at(directory.path());
    store.stage(b"a", Some(b"1"));
    store.write(at(1)).unwrap();
    store.flush().unwrap();
    drop(store);
    drop(TaskDatabase::open(directory.path(), &["another"], &budget()).unwrap());
    assert!(store_at(directory.path()).get(b"a", &mut Vec::new()).unwrap());
}

#[test]
fn what_a_crash_costs_is_bounded_in_records() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &["store"], &ample_budget()).unwrap();
    let mut store = database.store("store").unwrap();
    let batch = 10_000;
    let last = 2 * FLUSH_RECORDS as i64 + batch;
    for next_offset in (batch..=last).step_by(batch as usize) {
        for record in 0..batch {
            store.stage(&record.to_be_bytes(), Some(b""));
        }
        store.write(at(next_offset)).unwrap();
    }
    let image = crash(directory.path());
    let survived = store_at(image.path()).position().unwrap().next_offset;
    assert!(last - survived <= FLUSH_RECORDS as i64, "{survived} of {last}");
}

#[test]
fn what_a_crash_costs_is_bounded_in_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &["store"], &ample_budget()).unwrap();
    let mut store = database.store("store").unwrap();
    let value = vec![7; 1 << 20];
    let last = 3 * FLUSH_BYTES as i64 / value.len() as i64;
    for next_offset in 1..=last {
        store.stage(&next_offset.to_be_bytes(), Some(&value));
        store.write(at(next_offset)).unwrap();
    }
    let image = crash(directory.path());
    let survived = store_at(image.path()).position().unwrap().next_offset;
    assert!((last - survived) as u64 * value.len() as u64 <= FLUSH_BYTES, "{survived} of {last}");
}
