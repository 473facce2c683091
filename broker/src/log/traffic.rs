//! What passes through a partition.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts by batch and fetch, for metrics; readable while it counts.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    bytes_in: AtomicU64,
    records_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Bytes of all segments when they were last summed up.
    pub(super) size: AtomicU64,
}

impl Traffic {
    /// Of a partition that is opened with so many bytes.
    pub(super) fn of(size: u64) -> Self {
        Self { size: AtomicU64::new(size), ..Self::default() }
    }

    /// Batches were appended. Called under the lock of the log, so that nobody else adds.
    pub(super) fn appended(&self, bytes: usize, records: i64) {
        let add =
            |counter: &AtomicU64, more: u64| counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
        add(&self.bytes_in, bytes as u64);
        add(&self.records_in, records.unsigned_abs());
    }

    /// A fetch is answered with so many bytes.
    pub(crate) fn fetched(&self, bytes: usize) {
        if bytes > 0 {
            self.bytes_out.fetch_add(bytes as u64, Relaxed);
        }
    }

    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Relaxed)
    }

    pub(crate) fn records_in(&self) -> u64 {
        self.records_in.load(Relaxed)
    }

    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Relaxed)
    }
}
