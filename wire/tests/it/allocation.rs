//! Reading and walking allocate nothing: counted, not believed.
#![allow(unsafe_code)] // A global allocator is unsafe by its signature; this one only counts and passes on.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use millstream_wire::batch::{Batch, BatchWriter, Header, ProduceLimits, validate_produced};
use millstream_wire::compression::Compression;
use millstream_wire::walk::walk_request;

struct Counting;

thread_local! {
    /// Of this thread only: tests run side by side.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATIONS.with(Cell::get);
    let result = work();
    (ALLOCATIONS.with(Cell::get) - before, result)
}

const HEADERS: [Header<'static>; 2] =
    [Header { key: b"trace", value: Some(b"1234") }, Header { key: b"trace", value: None }];

fn append_all(writer: &mut BatchWriter) {
    for index in 0..1_000 {
        writer.append(index, Some(b"0123456789"), Some(&[1; 100]), HEADERS);
    }
}

#[test]
fn reading_a_thousand_records_allocates_nothing() {
    let mut writer = BatchWriter::new(Compression::None, None);
    append_all(&mut writer);
    let bytes = writer.finish().unwrap();
    let (count, read) = allocations(|| {
        let limits = ProduceLimits { max_batch_bytes: bytes.len() };
        validate_produced(&bytes, limits).unwrap();
        let batch = Batch::parse(&bytes).unwrap();
        let mut scratch = Vec::new();
        let records = batch.records(&mut scratch, 0).unwrap();
        records.map(|record| record.unwrap().headers.iter().count()).sum::<usize>()
    });
    assert_eq!((count, read), (0, 2_000));
}

#[test]
fn appending_allocates_once_a_batch() {
    let mut writer = BatchWriter::new(Compression::None, None);
    append_all(&mut writer);
    writer.finish().unwrap();
    let (count, ()) = allocations(|| append_all(&mut writer));
    assert_eq!(count, 1, "the next batch takes its room at once");
}

#[test]
fn a_walk_allocates_nothing() {
    // A produce request of version 9: no transaction, acks -1, 30 s, one topic of one partition of 100 bytes.
    let mut body = vec![0, 0xff, 0xff, 0, 0, 0x75, 0x30, 2, 2, b't', 2, 0, 0, 0, 0, 101];
    body.extend([0; 100]);
    body.extend([0, 0, 0]);
    walk_request(0, 9, &body).unwrap();
    let (count, walked) = allocations(|| walk_request(0, 9, &body));
    assert_eq!((count, walked), (0, Ok(body.len())));
}
