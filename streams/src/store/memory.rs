//! A store in memory: ordered, gone with the process, rebuilt from its changelog.

use std::collections::BTreeMap;

use super::backend::{self, Checkpoint, Direction, KeyRange, KeyValueBackend, Position, Visit};
use super::error::StoreError;
use super::window::memory::MemoryWindowBackend;
use crate::topology::StoreSpec;

/// An empty store in memory of the kind that `spec` asks for.
pub fn open(spec: &StoreSpec) -> Box<dyn KeyValueBackend> {
    match spec.windows {
        Some(windows) => Box::new(MemoryWindowBackend::new(windows.retention_ms)),
        None => Box::new(MemoryBackend::new()),
    }
}

/// Keeps the bytes in a `BTreeMap`, which scans in the order of the key bytes as RocksDB does.
#[derive(Debug, Default)]
pub struct MemoryBackend {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The open batch. In a `Vec` because the cache above has already reduced it to one entry a key.
    staged: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    position: Option<Checkpoint>,
}

impl MemoryBackend {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Removes the entries whose keys are smaller than `bound`.
    pub(crate) fn remove_below(&mut self, bound: &[u8]) {
        while self.entries.first_key_value().is_some_and(|(key, _)| key.as_slice() < bound) {
            self.entries.pop_first();
        }
    }
}

impl KeyValueBackend for MemoryBackend {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, StoreError> {
        value.clear();
        let found = self.entries.get(key);
        if let Some(bytes) = found {
            value.extend_from_slice(bytes);
        }
        Ok(found.is_some())
    }

    fn stage(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.staged.push((key.to_vec(), value.map(<[u8]>::to_vec)));
    }

    fn write(&mut self, position: Position) -> Result<(), StoreError> {
        for (key, value) in self.staged.drain(..) {
            match value {
                Some(value) => self.entries.insert(key, value),
                None => self.entries.remove(&key),
            };
        }
        if let Position::At(checkpoint) = position {
            self.position = Some(checkpoint);
        }
        Ok(())
    }

    fn is_on_disk(&self) -> bool {
        false
    }

    fn position(&self) -> Option<Checkpoint> {
        self.position
    }

    fn scan(&self, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Result<(), StoreError> {
        if backend::is_empty(&range) {
            return Ok(());
        }
        let mut entries = self.entries.range::<[u8], _>(range);
        let mut next = || match direction {
            Direction::Forward => entries.next(),
            Direction::Reverse => entries.next_back(),
        };
        while let Some((key, value)) = next() {
            if visit(key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn approximate_len(&self) -> u64 {
        self.entries.len() as u64
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        *self = Self::default();
        Ok(())
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
        conformance::check(256, MemoryBackend::new);
    }
}
