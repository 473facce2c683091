//! What the benchmarks of this crate share: an allocator that counts, and a sink that keeps records as a batch would.

#![allow(
    unsafe_code,
    reason = "a counting allocator forwards to the system's; it adds nothing but a counter"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use millstream::processor::Headers;
use millstream::task::{RecordSink, SinkError, TopicHandle};
use millstream::topology::TopicName;

pub(crate) static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Records as a producer's open batch would hold them: one buffer, key and value one after the other.
#[derive(Default)]
pub(crate) struct Batches {
    topics: Vec<TopicName>,
    pub(crate) bytes: Vec<u8>,
    /// Where the key and the value of each record end.
    pub(crate) ends: Vec<(u32, u32)>,
}

impl RecordSink for Batches {
    fn topic(&mut self, name: &TopicName) -> TopicHandle {
        self.topics.push(name.clone());
        TopicHandle(self.topics.len() as u32 - 1)
    }

    fn send(
        &mut self,
        _topic: TopicHandle,
        _partition: Option<i32>,
        _timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        _headers: &Headers,
    ) -> Result<(), SinkError> {
        self.bytes.extend_from_slice(key.unwrap_or_default());
        let key_end = self.bytes.len() as u32;
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.ends.push((key_end, self.bytes.len() as u32));
        Ok(())
    }
}
