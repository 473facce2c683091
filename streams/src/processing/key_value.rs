//! What a processor does with a key-value store.

use std::any::TypeId;
use std::ops::{Bound, ControlFlow, RangeBounds};

use super::open::{Declared, Open, OpenStore, ReadOnly};
use crate::dsl::Element;
use crate::processor::{Headers, ProcessError};
use crate::store::KeyValueStore;
use crate::store::backend::Direction;
use crate::store::error::StoreError;
use crate::store::typed::factory;

impl<K: Element, V: Element> OpenStore for KeyValueStore<K, V> {
    type Key = K;
    type Value = V;

    fn declare(self) -> Declared {
        let spec = self.clone().uncached().spec(self.name().unwrap_or_default().to_owned());
        Declared { spec, is_read: false, types: TypeId::of::<(K, V)>(), factory: factory(self) }
    }
}

impl<K: Element, V: Element> ReadOnly<KeyValueStore<K, V>> {
    /// The value of a key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn get(&self, key: &K) -> Result<Option<V>, StoreError> {
        Ok(self.get_with_time(key)?.map(|(value, _)| value))
    }

    /// The value of a key and the time (ms) of its last update.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn get_with_time(&self, key: &K) -> Result<Option<(V, i64)>, StoreError> {
        self.store().borrow().get(key)
    }

    /// The entries between two keys, in the order of their keys' bytes.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn range(&self, keys: impl RangeBounds<K>) -> Result<Vec<(K, V)>, StoreError> {
        self.collect(keys.start_bound(), keys.end_bound(), Direction::Forward)
    }

    /// The entries between two keys, the largest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn reverse_range(&self, keys: impl RangeBounds<K>) -> Result<Vec<(K, V)>, StoreError> {
        self.collect(keys.start_bound(), keys.end_bound(), Direction::Reverse)
    }

    /// All entries, in the order of their keys' bytes. They are read into memory; [`visit`](Self::visit) does not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn all(&self) -> Result<Vec<(K, V)>, StoreError> {
        self.range(..)
    }

    /// Shows entries one by one, in the order of their keys' bytes and with the time (ms) of their last update, until `visit`
    /// breaks. The store cannot be changed meanwhile.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn visit(
        &self,
        keys: impl RangeBounds<K>,
        visit: impl FnMut(K, V, i64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.store().borrow().range(keys.start_bound(), keys.end_bound(), Direction::Forward, visit)
    }

    /// Roughly how many entries there are; those that wait for a commit are not counted.
    pub fn approximate_len(&self) -> u64 {
        self.store().borrow().approximate_len()
    }

    fn collect(
        &self,
        from: Bound<&K>,
        to: Bound<&K>,
        direction: Direction,
    ) -> Result<Vec<(K, V)>, StoreError> {
        let mut entries = Vec::new();
        self.store().borrow().range(from, to, direction, |key, value, _| {
            entries.push((key, value));
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }
}

/// Updates carry the time of the record or punctuation that the processor is at. They wait in the task's memory for the next
/// commit, where the changelog and the disk get the last one of each key.
impl<K: Element, V: Element> Open<KeyValueStore<K, V>> {
    /// Sets the value of a key.
    ///
    /// # Errors
    /// The key has no bytes, or the store cannot be read.
    pub fn put(&mut self, key: &K, value: V) -> Result<(), ProcessError> {
        let time = self.time.get();
        self.put_at(key, value, time)
    }

    /// Sets the value of a key as of a time in milliseconds.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_at(&mut self, key: &K, value: V, time: i64) -> Result<(), ProcessError> {
        self.replace(key, Some(value), time).map(drop)
    }

    /// Sets the value of a key that has none; else returns the one it has.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_if_absent(&mut self, key: &K, value: V) -> Result<Option<V>, ProcessError> {
        let store = &mut *self.store().borrow_mut();
        let index = store.load(key)?;
        if let Some(there) = &store.cache.entry(index).value {
            return Ok(Some(there.clone()));
        }
        let entry = store.modify(index);
        entry.value = Some(value);
        entry.timestamp = self.time.get();
        entry.headers = Headers::default();
        Ok(None)
    }

    /// Removes a key and returns the value that it had.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete(&mut self, key: &K) -> Result<Option<V>, ProcessError> {
        let time = self.time.get();
        self.replace(key, None, time)
    }

    fn replace(&self, key: &K, value: Option<V>, time: i64) -> Result<Option<V>, ProcessError> {
        let store = &mut *self.store().borrow_mut();
        let index = store.load(key)?;
        let entry = store.modify(index);
        entry.timestamp = time;
        entry.headers = Headers::default();
        Ok(std::mem::replace(&mut entry.value, value))
    }
}
