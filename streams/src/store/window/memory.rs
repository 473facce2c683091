//! A window store in memory.

use crate::store::backend::{Checkpoint, Direction, KeyRange, KeyValueBackend, Position, Visit};
use crate::store::error::StoreError;
use crate::store::memory::MemoryBackend;

use super::{key, live_from};

/// The entries of a [`MemoryBackend`], those that are older than the retention removed. The time comes first in their keys,
/// so the oldest are found at once and no segments are needed.
#[derive(Debug)]
pub struct MemoryWindowBackend {
    entries: MemoryBackend,
    retention_ms: i64,
    /// The latest start of a window that was written, as Kafka's stores observe it; `-1` before the first.
    newest: i64,
    scratch: Vec<u8>,
}

impl MemoryWindowBackend {
    /// An empty store that keeps windows for `retention_ms`.
    pub fn new(retention_ms: i64) -> Self {
        let (entries, scratch) = (MemoryBackend::new(), Vec::new());
        Self { entries, retention_ms, newest: -1, scratch }
    }
}

impl KeyValueBackend for MemoryWindowBackend {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, StoreError> {
        self.entries.get(key, value)
    }

    fn stage(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.newest = self.newest.max(key::start(key));
        self.entries.stage(key, value);
    }

    fn stage_changelog(&mut self, key: &[u8], value: Option<&[u8]>) {
        let mut stored = std::mem::take(&mut self.scratch);
        if key::from_changelog(key, &mut stored) {
            self.stage(&stored, value);
        }
        self.scratch = stored;
    }

    fn write(&mut self, position: Position) -> Result<(), StoreError> {
        self.entries.write(position)?;
        self.entries.remove_below(&live_from(self.newest, self.retention_ms).to_be_bytes());
        Ok(())
    }

    fn is_on_disk(&self) -> bool {
        false
    }

    fn position(&self) -> Option<Checkpoint> {
        self.entries.position()
    }

    fn scan(&self, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Result<(), StoreError> {
        self.entries.scan(range, direction, visit)
    }

    fn approximate_len(&self) -> u64 {
        self.entries.approximate_len()
    }

    fn newest_window(&self) -> i64 {
        self.newest
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.newest = -1;
        self.entries.clear()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;

    #[test]
    fn conforms() {
        conformance::check_windowed(256, || MemoryWindowBackend::new(i64::MAX));
        conformance::check_windows(256, MemoryWindowBackend::new);
    }
}
