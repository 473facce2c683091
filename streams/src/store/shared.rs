//! Stores that one thread fills and all threads read: those of global tables.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::backend::{Checkpoint, Direction, KeyRange, KeyValueBackend, Position, Visit};
use super::error::StoreError;
use crate::topology::{StoreSpec, Subtopology};

/// The bytes of a store behind a lock, so that the tasks of all threads can look into it. Held for one look or one write, and
/// never while anything waits.
#[derive(Clone)]
pub struct SharedBackend(Arc<Mutex<Box<dyn KeyValueBackend>>>);

impl SharedBackend {
    /// Shares a store.
    pub fn new(backend: Box<dyn KeyValueBackend>) -> Self {
        Self(Arc::new(Mutex::new(backend)))
    }

    fn lock(&self) -> MutexGuard<'_, Box<dyn KeyValueBackend>> {
        self.0.lock()
    }
}

impl KeyValueBackend for SharedBackend {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, StoreError> {
        self.lock().get(key, value)
    }

    fn stage(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.lock().stage(key, value);
    }

    fn write(&mut self, position: Position) -> Result<(), StoreError> {
        self.lock().write(position)
    }

    fn position(&self) -> Option<Checkpoint> {
        self.lock().position()
    }

    fn scan(&self, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Result<(), StoreError> {
        self.lock().scan(range, direction, visit)
    }

    fn approximate_len(&self) -> u64 {
        self.lock().approximate_len()
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.lock().clear()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.lock().flush()
    }
}

/// The stores of global tables by name, given to every task.
#[derive(Clone, Default)]
pub struct Globals(HashMap<String, SharedBackend>);

impl Globals {
    /// Adds the stores of a global part; returns what the part writes them through.
    pub fn share(
        &mut self,
        part: &Subtopology,
        backends: Vec<Box<dyn KeyValueBackend>>,
    ) -> Vec<Box<dyn KeyValueBackend>> {
        let share = |(spec, backend): (&StoreSpec, _)| {
            let shared = SharedBackend::new(backend);
            self.0.insert(spec.name.clone(), shared.clone());
            Box::new(shared) as Box<dyn KeyValueBackend>
        };
        part.stores.iter().zip(backends).map(share).collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<SharedBackend> {
        self.0.get(name).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance;
    use crate::store::memory::MemoryBackend;

    #[test]
    fn conforms() {
        conformance::check(64, || SharedBackend::new(Box::new(MemoryBackend::new())));
    }
}
