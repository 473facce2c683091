use std::cell::Cell;
use std::ops::{Bound, ControlFlow};
use std::path::Path;

use ::rocksdb::WriteBatch;

use super::tests::{at, budget, crash};
use super::{RocksWindowBackend, TaskDatabase};
use crate::store::backend::{Direction, KeyValueBackend, Position};
use crate::store::conformance;
use crate::topology::WindowSpec;

const SEGMENT_MS: i64 = 60_000;

fn spec(retention_ms: i64) -> WindowSpec {
    WindowSpec { size_ms: 10_000, advance_ms: 10_000, retention_ms, segment_ms: SEGMENT_MS }
}

fn open(path: &Path, spec: WindowSpec) -> RocksWindowBackend {
    TaskDatabase::open(path, &[], &budget()).unwrap().windows("store", spec).unwrap()
}

fn key(start: i64) -> Vec<u8> {
    [&start.to_be_bytes()[..], b"k"].concat()
}

fn put(store: &mut RocksWindowBackend, start: i64, position: Position) {
    store.stage(&key(start), Some(b"v"));
    store.write(position).unwrap();
}

fn starts(store: &RocksWindowBackend) -> Vec<i64> {
    let mut starts = Vec::new();
    store
        .scan((Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut |key, _| {
            starts.push(i64::from_be_bytes(*key.first_chunk().unwrap()));
            ControlFlow::Continue(())
        })
        .unwrap();
    starts
}

/// The starts of all windows that are on disk, expired ones too.
fn on_disk(database: &TaskDatabase) -> Vec<i64> {
    let mut starts = Vec::new();
    let all = (Bound::Unbounded, Bound::Unbounded);
    let scanned = database.scan("windows.store", all, Direction::Forward, &mut |key, _| {
        starts.push(i64::from_be_bytes(*key.first_chunk().unwrap()));
        ControlFlow::Continue(())
    });
    assert!(scanned.unwrap().is_continue());
    starts
}

#[test]
fn conforms() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &["plain"], &budget()).unwrap();
    let mut other = database.windows("store.60000", spec(i64::MAX)).unwrap();
    put(&mut other, 0, Position::Unchanged);
    conformance::check_windowed(12, || {
        let mut store = database.windows("store", spec(i64::MAX)).unwrap();
        store.clear().unwrap();
        store
    });
    let opened = Cell::new(0);
    conformance::check_windows(12, |retention| {
        // Stores of its own each time, since the retention differs.
        opened.set(opened.get() + 1);
        database.windows(&format!("expiring{}", opened.get()), spec(retention)).unwrap()
    });
    assert_eq!(starts(&other), [0], "stores of a task do not mix");
}

#[test]
fn what_has_expired_is_deleted_a_segment_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path(), spec(100_000));
    for start in (0..300_000).step_by(10_000) {
        put(&mut store, start, at(start));
    }
    assert_eq!(starts(&store), (200_000..300_000).step_by(10_000).collect::<Vec<_>>());
    store.flush().unwrap();
    drop(store);
    let database = TaskDatabase::open(directory.path(), &[], &budget()).unwrap();
    let segments_with_life = (180_000..300_000).step_by(10_000).collect::<Vec<_>>();
    assert_eq!(on_disk(&database), segments_with_life);
    let mut store = database.windows("store", spec(100_000)).unwrap();
    assert_eq!((store.newest_window(), starts(&store).len()), (290_000, 10));
    put(&mut store, 150_000, Position::Unchanged);
    assert_eq!(starts(&store).len(), 10, "what has expired stays away");
}

#[test]
fn a_file_in_which_all_has_expired_goes_unread() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &[], &budget()).unwrap();
    let mut store = database.windows("store", spec(100_000)).unwrap();
    put(&mut store, 10_000, at(1));
    store.flush().unwrap();
    // Files of the first level may lie over one another and stay.
    database.db().compact_range_cf(&database.family("windows.store"), None::<&[u8]>, None::<&[u8]>);
    let files = || {
        let files = database.db().live_files().unwrap();
        files.iter().filter(|file| file.column_family_name == "windows.store").count()
    };
    assert_eq!(files(), 1);
    put(&mut store, 500_000, at(2));
    assert_eq!(files(), 0);
}

#[test]
fn a_long_silence_in_a_backlog_makes_no_files() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &[], &budget()).unwrap();
    let mut store = database.windows("store", spec(100_000)).unwrap();
    let entries = || directory.path().read_dir().unwrap().count();
    put(&mut store, 0, at(0));
    let before = (database.families().len(), entries());
    for minute in 0..500 {
        put(&mut store, minute * SEGMENT_MS, at(minute));
    }
    assert_eq!((database.families().len(), entries()), before);
}

#[test]
fn a_crash_loses_segments_and_position_together() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path(), spec(1_000_000));
    put(&mut store, 0, at(1));
    store.flush().unwrap();
    put(&mut store, 10_000, at(2));
    put(&mut store, 70_000, at(3));

    let image = crash(directory.path());
    let survivor = open(image.path(), spec(1_000_000));
    assert_eq!((starts(&survivor), survivor.position().unwrap().next_offset), (vec![0], 1));
}

#[test]
fn what_lives_is_kept_when_the_retention_becomes_another() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path(), spec(100_000));
    put(&mut store, 0, at(1));
    store.flush().unwrap();
    drop(store);
    let other = WindowSpec { segment_ms: 90_000, ..spec(180_000) };
    let store = open(directory.path(), other);
    assert_eq!((starts(&store), store.position().map(|position| position.next_offset)), (vec![0], Some(1)));
}

#[test]
fn a_store_whose_segments_were_families_is_rebuilt() {
    let directory = tempfile::tempdir().unwrap();
    let database = TaskDatabase::open(directory.path(), &[], &budget()).unwrap();
    for family in ["win.store.60000.0", "win.store.60000.60000", "win.store-2.60000.0"] {
        database.create_family(family).unwrap();
    }
    let mut batch = WriteBatch::default();
    let Position::At(position) = at(1) else { panic!("a position") };
    database.stage_position(&mut batch, "store", position);
    database.write(batch).unwrap();
    database.flush().unwrap();
    let mut store = database.windows("store", spec(100_000)).unwrap();
    assert_eq!((starts(&store), store.position()), (vec![], None));
    put(&mut store, 0, Position::Unchanged);

    let image = crash(directory.path());
    let database = TaskDatabase::open(image.path(), &[], &budget()).unwrap();
    assert_eq!(database.families(), ["default", "offsets", "win.store-2.60000.0", "windows.store"]);
    let store = database.windows("store", spec(100_000)).unwrap();
    assert_eq!(
        (starts(&store), store.position()),
        (vec![], None),
        "the new family is not taken for complete"
    );
}
