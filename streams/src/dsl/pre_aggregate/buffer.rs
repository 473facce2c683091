//! Partials that wait to be sent, by the bytes of their keys and by pane.

use std::cell::RefCell;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::errors::{Bytes, LendEntry};
use crate::processor::{Headers, Record};
use crate::serde::SerdeHandle;

/// Partials in the order in which their first records came.
pub(super) struct Buffer<K, P: 'static> {
    table: HashTable<u32>,
    entries: Vec<Entry<K, P>>,
    /// Of all entries, estimated from encoded sizes.
    bytes: usize,
    /// Measures partials, and shows those that fail.
    serde: SerdeHandle<P>,
    scratch: Vec<u8>,
    hasher: FixedState,
}

struct Entry<K, P> {
    hash: u64,
    /// What look-ups compare: two keys are the same if their bytes are.
    bytes: SmallVec<[u8; 24]>,
    /// When (ms) the times begin that share its windows; 0 without windows.
    pane: i64,
    /// The partition that it goes to; 0 without windows.
    lane: usize,
    key: K,
    /// `None` only while it is combined.
    partial: Option<P>,
    /// The latest of its records (ms).
    timestamp: i64,
    /// Those of its last record.
    headers: Headers,
    /// The input and the offset of its last record, for the dead letter that it may become.
    source: Option<(u16, i64)>,
    /// Records in it.
    combined: u64,
    weight: usize,
}

/// Where a new partial stands.
pub(super) struct New<'a, K> {
    pub(super) hash: u64,
    pub(super) bytes: &'a [u8],
    pub(super) pane: i64,
    pub(super) lane: usize,
    pub(super) key: K,
}

/// What of a record is not its key or value.
pub(super) struct Update {
    pub(super) timestamp: i64,
    pub(super) headers: Headers,
    pub(super) source: Option<(u16, i64)>,
    /// Whether a closure that panics may be gone on after, so that it must leave the partial as it was.
    pub(super) lenient: bool,
}

impl<K: Clone, P: Clone> Buffer<K, P> {
    pub(super) fn new(serde: SerdeHandle<P>) -> Self {
        let (table, entries, scratch) = (HashTable::new(), Vec::new(), Vec::new());
        Self { table, entries, bytes: 0, serde, scratch, hasher: FixedState::default() }
    }

    pub(super) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    /// Bytes that are held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The hash of a key in a pane, and the partial that there is of it.
    pub(super) fn find(&self, bytes: &[u8], pane: i64) -> (u64, Option<u32>) {
        let hash = self.hasher.hash_one((bytes, pane));
        let is_it = |index: &u32| {
            let entry = &self.entries[*index as usize];
            entry.pane == pane && *entry.bytes == *bytes
        };
        (hash, self.table.find(hash, is_it).copied())
    }

    pub(super) fn lane(&self, index: u32) -> usize {
        self.entries[index as usize].lane
    }

    /// Adds a record to a partial.
    pub(super) fn update(&mut self, index: u32, update: Update, combine: impl FnOnce(&K, Option<P>) -> P) {
        let entry = &mut self.entries[index as usize];
        let sofar = if update.lenient { entry.partial.clone() } else { entry.partial.take() };
        entry.partial = Some(combine(&entry.key, sofar));
        entry.timestamp = entry.timestamp.max(update.timestamp);
        entry.headers = update.headers;
        entry.source = update.source;
        entry.combined += 1;
        // What grows with its records is so never thought smaller than half of what it is.
        if entry.combined.is_power_of_two() {
            self.weigh(index);
        }
    }

    /// Begins a partial with its first record.
    pub(super) fn insert(
        &mut self,
        new: New<'_, K>,
        update: Update,
        combine: impl FnOnce(&K, Option<P>) -> P,
    ) {
        let New { hash, bytes, pane, lane, key } = new;
        let Update { timestamp, headers, source, .. } = update;
        let partial = Some(combine(&key, None));
        let index = self.len();
        let bytes = SmallVec::from_slice(bytes);
        let (combined, weight) = (1, 0);
        self.entries.push(Entry {
            hash,
            bytes,
            pane,
            lane,
            key,
            partial,
            timestamp,
            headers,
            source,
            combined,
            weight,
        });
        let entries = &self.entries;
        self.table.insert_unique(hash, index, |index| entries[*index as usize].hash);
        self.weigh(index);
    }

    fn weigh(&mut self, index: u32) {
        let Self { entries, bytes, serde, scratch, .. } = self;
        let entry = &mut entries[index as usize];
        scratch.clear();
        // One that has no bytes is told of when it is sent.
        let encoded = entry.partial.as_ref().map(|partial| serde.encode(partial, scratch));
        let value = if matches!(encoded, Some(Ok(_))) { scratch.len() } else { 0 };
        let weight = size_of::<Entry<K, P>>() + 2 * entry.bytes.len() + value;
        *bytes = *bytes - entry.weight + weight;
        entry.weight = weight;
    }

    /// A partial as it is sent.
    pub(super) fn record(&self, index: u32) -> Option<Record<K, P>> {
        let entry = self.entries.get(index as usize)?;
        let (key, value, headers) = (entry.key.clone(), entry.partial.clone()?, entry.headers.clone());
        Some(Record { key, value, timestamp: entry.timestamp, headers })
    }

    /// All has been sent.
    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.entries.clear();
        self.bytes = 0;
    }
}

impl<K, P> LendEntry for RefCell<Buffer<K, P>> {
    fn lend(&self, index: u32, take: &mut dyn FnMut(Bytes<'_>)) {
        let Ok(buffer) = self.try_borrow() else { return };
        let Some(entry) = buffer.entries.get(index as usize) else { return };
        let mut bytes = Vec::new();
        let value = entry.partial.as_ref().map(|partial| buffer.serde.encode(partial, &mut bytes));
        let value = value.and_then(Result::ok).and_then(|present| present.then_some(&*bytes));
        let (key, timestamp, headers) = (Some(entry.bytes.as_slice()), entry.timestamp, &entry.headers);
        take(Bytes { key, value, timestamp, headers, source: entry.source });
    }
}
