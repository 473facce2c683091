use std::cell::Cell;
use std::ops::{Bound, ControlFlow};
use std::path::Path;

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

/// The column families of the segments on disk.
fn segments(path: &Path) -> Vec<String> {
    let families = TaskDatabase::open(path, &[], &budget()).unwrap().families();
    families.into_iter().filter(|family| family.starts_with("win.")).collect()
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
fn a_segment_in_which_all_has_expired_is_dropped_whole() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path(), spec(100_000));
    for start in (0..300_000).step_by(10_000) {
        put(&mut store, start, at(start));
    }
    assert_eq!(starts(&store), (200_000..300_000).step_by(10_000).collect::<Vec<_>>());
    store.flush().unwrap();
    drop(store);
    assert_eq!(
        segments(directory.path()),
        ["win.store.60000.180000", "win.store.60000.240000"],
        "and those of which a part lives are kept"
    );
    let mut store = open(directory.path(), spec(100_000));
    assert_eq!((store.newest_window(), starts(&store).len()), (290_000, 10));
    put(&mut store, 150_000, Position::Unchanged);
    assert_eq!(starts(&store).len(), 10, "what has expired stays away");
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
fn a_store_whose_segments_were_cut_another_way_is_rebuilt() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path(), spec(100_000));
    put(&mut store, 0, at(1));
    store.flush().unwrap();
    drop(store);
    let other = WindowSpec { segment_ms: 90_000, ..spec(180_000) };
    let store = open(directory.path(), other);
    assert_eq!((starts(&store), store.position()), (vec![], None));
}
