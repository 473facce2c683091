//! Reading a store past its nodes: queries see what the cache holds before the backend does.

use std::ops::{Bound, ControlFlow, RangeBounds};

use super::backend::{Direction, KeyRange};
use super::cache::Entry;
use super::error::StoreError;
use super::typed::{TypedStore, decode_timestamped};

impl<K: Clone, V: Clone> TypedStore<K, V> {
    /// The value of `key` and the event time of its last update in milliseconds.
    ///
    /// # Errors
    /// The key has no bytes, or the backend cannot be read.
    pub fn get(&self, key: &K) -> Result<Option<(V, i64)>, StoreError> {
        let bytes = self.key_bytes(key)?;
        let hash = self.cache.hash(&bytes);
        if let Some(index) = self.cache.find(hash, &bytes) {
            let Entry { value, timestamp, .. } = self.cache.entry(index);
            return Ok(value.clone().map(|value| (value, *timestamp)));
        }
        let mut stored = Vec::new();
        let found = self.backend.get(&bytes, &mut stored)?;
        found.then(|| decode_timestamped(&self.name, &self.value_serde, &stored)).transpose()
    }

    /// Visits the entries between two keys, both sides by their bytes (Kafka's order), until `visit` breaks.
    ///
    /// # Errors
    /// A bound has no bytes, the backend cannot be read, or holds what does not decode.
    pub fn range(
        &self,
        from: Bound<&K>,
        to: Bound<&K>,
        direction: Direction,
        visit: impl FnMut(K, V, i64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (from, to) = (self.bound(from)?, self.bound(to)?);
        self.scan((from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice)), direction, visit)
    }

    /// Visits the entries whose keys' bytes lie in `range`, until `visit` breaks.
    ///
    /// # Errors
    /// The backend cannot be read, or holds what does not decode.
    pub fn scan(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        mut visit: impl FnMut(K, V, i64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.walk(range, direction, |found| {
            let (key, value, timestamp) = match found {
                Found::Cached(entry, value) => (entry.key.clone(), value.clone(), entry.timestamp),
                Found::Stored(key, value) => self.decode(key, value)?,
            };
            Ok(visit(key, value, timestamp))
        })
    }

    fn decode(&self, key: &[u8], value: &[u8]) -> Result<(K, V, i64), StoreError> {
        let corrupt = |error: crate::data::DataError| StoreError::Corrupt {
            store: self.name.clone(),
            what: error.to_string(),
        };
        let key = self.key_serde.decode(Some(key)).map_err(corrupt)?;
        let (value, timestamp) = decode_timestamped(&self.name, &self.value_serde, value)?;
        Ok((key, value, timestamp))
    }

    fn bound(&self, bound: Bound<&K>) -> Result<Bound<Vec<u8>>, StoreError> {
        Ok(match bound {
            Bound::Included(key) => Bound::Included(self.key_bytes(key)?),
            Bound::Excluded(key) => Bound::Excluded(self.key_bytes(key)?),
            Bound::Unbounded => Bound::Unbounded,
        })
    }
}

/// What a walk through a store meets.
pub(crate) enum Found<'a, K, V> {
    /// An entry that the backend does not have yet, and its value.
    Cached(&'a Entry<K, V>, &'a V),
    /// A key and a timestamped value of the backend's.
    Stored(&'a [u8], &'a [u8]),
}

impl<K, V> TypedStore<K, V> {
    /// Shows the entries whose keys' bytes lie in `range`, until `visit` breaks or fails.
    pub(crate) fn walk(
        &self,
        range: KeyRange<'_>,
        direction: Direction,
        mut visit: impl FnMut(Found<'_, K, V>) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let mut failure = None;
        let mut visit = |found: Found<'_, K, V>| {
            visit(found).unwrap_or_else(|error| {
                failure = Some(error);
                ControlFlow::Break(())
            })
        };
        let mut overlay = Overlay::new(self.cache.unwritten_entries(), range, direction);
        let mut stopped = false;
        self.backend.scan(range, direction, &mut |key, value| {
            let step = match overlay.before(key, &mut visit) {
                ControlFlow::Continue(true) => ControlFlow::Continue(()),
                ControlFlow::Continue(false) => visit(Found::Stored(key, value)),
                ControlFlow::Break(()) => ControlFlow::Break(()),
            };
            stopped = step.is_break();
            step
        })?;
        if !stopped {
            let _ = overlay.rest(&mut visit);
        }
        failure.map_or(Ok(()), Err)
    }

    /// The timestamped value under a key's bytes.
    pub(crate) fn get_bytes(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(index) = self.cache.find(self.cache.hash(key), key) {
            let Entry { value, timestamp, .. } = self.cache.entry(index);
            return value.as_ref().map_or(Ok(None), |value| self.timestamped(value, *timestamp));
        }
        let mut stored = Vec::new();
        Ok(self.backend.get(key, &mut stored)?.then_some(stored))
    }

    /// A value as the backend would have it; `None`: it is a null, so that the backend would not have it.
    pub(crate) fn timestamped(&self, value: &V, timestamp: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut bytes = timestamp.to_be_bytes().to_vec();
        let present = self.value_serde.encode(value, &mut bytes);
        let present = present.map_err(|source| StoreError::Encode { store: self.name.clone(), source })?;
        Ok(present.then_some(bytes))
    }

    /// Roughly how many entries there are; what the cache has not written yet is not counted.
    pub fn approximate_len(&self) -> u64 {
        self.backend.approximate_len()
    }

    pub(crate) fn key_bytes(&self, key: &K) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let encoded = self.key_serde.encode(key, &mut bytes);
        encoded.map_err(|source| StoreError::Encode { store: self.name.clone(), source })?;
        Ok(bytes)
    }
}

/// The cached entries that the backend does not have yet, in the order of a scan.
struct Overlay<'a, K, V> {
    entries: std::iter::Peekable<std::vec::IntoIter<&'a Entry<K, V>>>,
    direction: Direction,
}

impl<'a, K, V> Overlay<'a, K, V> {
    fn new(
        entries: impl Iterator<Item = &'a Entry<K, V>>,
        range: KeyRange<'_>,
        direction: Direction,
    ) -> Self {
        let within = |entry: &&Entry<K, V>| RangeBounds::<[u8]>::contains::<[u8]>(&range, &entry.bytes);
        let mut entries: Vec<_> = entries.filter(within).collect();
        entries.sort_unstable_by(|a, b| match direction {
            Direction::Forward => a.bytes.cmp(&b.bytes),
            Direction::Reverse => b.bytes.cmp(&a.bytes),
        });
        entries.dedup_by(|a, b| a.bytes == b.bytes);
        Self { entries: entries.into_iter().peekable(), direction }
    }

    /// Visits the entries that come before `key`, and one of that very key, which hides the backend's: then `true`.
    fn before(
        &mut self,
        key: &[u8],
        visit: &mut impl FnMut(Found<'_, K, V>) -> ControlFlow<()>,
    ) -> ControlFlow<(), bool> {
        let direction = self.direction;
        let up_to = |entry: &&Entry<K, V>| match direction {
            Direction::Forward => *entry.bytes <= *key,
            Direction::Reverse => *entry.bytes >= *key,
        };
        let mut hidden = false;
        while let Some(entry) = self.entries.next_if(up_to) {
            hidden = *entry.bytes == *key;
            show(entry, visit)?;
        }
        ControlFlow::Continue(hidden)
    }

    fn rest(&mut self, visit: &mut impl FnMut(Found<'_, K, V>) -> ControlFlow<()>) -> ControlFlow<()> {
        self.entries.try_for_each(|entry| show(entry, visit))
    }
}

fn show<K, V>(
    entry: &Entry<K, V>,
    visit: &mut impl FnMut(Found<'_, K, V>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    match &entry.value {
        Some(value) => visit(Found::Cached(entry, value)),
        None => ControlFlow::Continue(()),
    }
}
