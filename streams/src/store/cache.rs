//! The write-back cache: typed values by the bytes of their keys.

use std::cell::Cell;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::processor::Headers;

/// The bytes that the caches of one stream thread may hold: its share of `statestore.cache.max.bytes`.
#[derive(Debug)]
pub struct CacheBudget {
    /// Shared anew when threads come and go.
    limit: Cell<usize>,
    /// Estimated bytes in all caches that share this budget.
    used: Cell<usize>,
}

impl CacheBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit: Cell::new(limit), used: Cell::new(0) }
    }

    /// Bytes in use, estimated from the encoded sizes.
    pub fn used(&self) -> usize {
        self.used.get()
    }

    /// Whether a flush and an eviction are due.
    pub fn is_exceeded(&self) -> bool {
        self.used.get() > self.limit.get()
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit.get()
    }

    /// Sets the limit; returns whether it was another one.
    pub(crate) fn resize(&self, limit: usize) -> bool {
        self.limit.replace(limit) != limit
    }

    fn add(&self, bytes: usize) {
        self.used.set(self.used.get() + bytes);
    }

    fn remove(&self, bytes: usize) {
        self.used.set(self.used.get().saturating_sub(bytes));
    }
}

/// A key and what is known of it.
#[derive(Debug)]
pub(crate) struct Entry<K, V> {
    /// What lookups compare: two keys are the same if their bytes are, as in Kafka.
    pub(crate) bytes: SmallVec<[u8; 24]>,
    pub(crate) key: K,
    /// `None`: the store has no such key.
    pub(crate) value: Option<V>,
    /// Event time of the last update, in milliseconds.
    pub(crate) timestamp: i64,
    /// The headers of the last update, forwarded with it.
    pub(crate) headers: Headers,
    /// The offset of the last update, for the dead letter that it may become; -1 where no error policy could ask.
    offset: i64,
    /// The input that it came by.
    input: u16,
    /// Whether the key had a value at the last flush, so that its removal is news.
    pub(crate) known: bool,
    /// Whether it waits for a flush.
    pub(crate) dirty: bool,
    /// Set by every lookup, cleared by the eviction's hand: a second chance.
    used: Cell<bool>,
    hash: u64,
    weight: usize,
}

impl<K, V> Entry<K, V> {
    /// The input and the offset of the last update, where they are kept.
    pub(crate) fn source(&self) -> Option<(u16, i64)> {
        (self.offset >= 0).then_some((self.input, self.offset))
    }

    /// Keeps the input and the offset of an update.
    #[inline]
    pub(crate) fn set_source(&mut self, source: Option<(u16, i64)>) {
        if let Some((input, offset)) = source {
            self.input = input;
            self.offset = offset;
        }
    }
}

/// Entries that wait for a flush, in the order in which they became dirty, as Kafka's `NamedCache` flushes them.
#[derive(Debug)]
pub(crate) struct Dirty<V> {
    pub(crate) entries: Vec<u32>,
    /// The values of the same entries at the last flush, if anybody is to be told of them; else empty.
    pub(crate) olds: Vec<Option<V>>,
}

impl<V> Default for Dirty<V> {
    fn default() -> Self {
        Self { entries: Vec::new(), olds: Vec::new() }
    }
}

/// Entries in a slab, found by a hash of the key's bytes. Indexes stay valid until [`evict`](Self::evict).
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    table: HashTable<u32>,
    entries: Vec<Entry<K, V>>,
    dirty: Dirty<V>,
    /// Flushed, but not yet written to the backend.
    staged: Vec<u32>,
    hasher: FixedState,
}

impl<K, V> Cache<K, V> {
    pub(crate) fn new() -> Self {
        let (table, entries, staged) = (HashTable::new(), Vec::new(), Vec::new());
        Self { table, entries, dirty: Dirty::default(), staged, hasher: FixedState::default() }
    }

    pub(crate) fn hash(&self, key: &[u8]) -> u64 {
        self.hasher.hash_one(key)
    }

    pub(crate) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        let found = self.table.find(hash, |index| *self.entries[*index as usize].bytes == *key)?;
        self.entries[*found as usize].used.set(true);
        Some(*found)
    }

    pub(crate) fn insert(
        &mut self,
        hash: u64,
        bytes: &[u8],
        key: K,
        loaded: Loaded<V>,
        budget: &CacheBudget,
    ) -> u32 {
        let index = self.entries.len() as u32;
        let weight = size_of::<Entry<K, V>>() + 2 * bytes.len() + loaded.bytes;
        budget.add(weight);
        self.entries.push(Entry {
            bytes: SmallVec::from_slice(bytes),
            key,
            value: loaded.value,
            timestamp: loaded.timestamp,
            headers: Headers::default(),
            offset: -1,
            input: 0,
            known: false,
            dirty: false,
            used: Cell::new(true),
            hash,
            weight,
        });
        let entries = &self.entries;
        self.table.insert_unique(hash, index, |index| entries[*index as usize].hash);
        index
    }

    pub(crate) fn entry(&self, index: u32) -> &Entry<K, V> {
        &self.entries[index as usize]
    }

    pub(crate) fn entry_mut(&mut self, index: u32) -> &mut Entry<K, V> {
        &mut self.entries[index as usize]
    }

    /// An entry that is about to change, queued for the next flush; its value is kept until then if `keep_old`.
    pub(crate) fn mark_dirty(&mut self, index: u32, keep_old: bool) -> &mut Entry<K, V>
    where
        V: Clone,
    {
        let entry = &mut self.entries[index as usize];
        if !entry.dirty {
            entry.dirty = true;
            entry.known = entry.value.is_some();
            self.dirty.entries.push(index);
            if keep_old {
                self.dirty.olds.push(entry.value.clone());
            }
        }
        entry
    }

    /// Corrects the weight of an entry once its value has been encoded.
    pub(crate) fn weigh(&mut self, index: u32, value_bytes: usize, budget: &CacheBudget) {
        let entry = &mut self.entries[index as usize];
        budget.remove(entry.weight);
        entry.weight = size_of::<Entry<K, V>>() + 2 * entry.bytes.len() + value_bytes;
        budget.add(entry.weight);
    }

    /// The dirty entries in order; give the buffer back with [`flushed`](Self::flushed).
    pub(crate) fn take_dirty(&mut self) -> Dirty<V> {
        std::mem::take(&mut self.dirty)
    }

    /// Gives the buffer of [`take_dirty`](Self::take_dirty) back: these entries are staged now.
    pub(crate) fn flushed(&mut self, mut buffer: Dirty<V>) {
        self.staged.extend_from_slice(&buffer.entries);
        buffer.entries.clear();
        buffer.entries.append(&mut self.dirty.entries);
        buffer.olds.clear();
        buffer.olds.append(&mut self.dirty.olds);
        self.dirty = buffer;
    }

    /// The backend has what was staged.
    pub(crate) fn written(&mut self) {
        self.staged.clear();
    }

    /// The entries that the backend does not have yet, some twice.
    pub(crate) fn unwritten_entries(&self) -> impl Iterator<Item = &Entry<K, V>> {
        self.staged.iter().chain(&self.dirty.entries).map(|index| self.entry(*index))
    }

    /// Drops entries that were not looked up since the last eviction, then any, until the budget's use is at most
    /// `target`. All entries must be clean and written.
    pub(crate) fn evict(&mut self, target: usize, budget: &CacheBudget) {
        debug_assert!(
            self.dirty.entries.is_empty() && self.staged.is_empty(),
            "an entry that was not written would be lost"
        );
        for second_chance in [true, false] {
            if budget.used() > target {
                self.entries.retain(|entry| {
                    let keep = budget.used() <= target || (second_chance && entry.used.take());
                    if !keep {
                        budget.remove(entry.weight);
                    }
                    keep
                });
            }
        }
        self.rebuild();
    }

    fn rebuild(&mut self) {
        self.table.clear();
        let entries = &self.entries;
        for (index, entry) in entries.iter().enumerate() {
            self.table.insert_unique(entry.hash, index as u32, |index| entries[*index as usize].hash);
        }
    }

    /// Gives the whole weight back, as the store goes away.
    pub(crate) fn release(&mut self, budget: &CacheBudget) {
        let weight = self.entries.iter().map(|entry| entry.weight).sum();
        budget.remove(weight);
        self.entries.clear();
        self.table.clear();
        self.dirty = Dirty::default();
        self.staged.clear();
    }
}

/// What the backend knew of a key.
pub(crate) struct Loaded<V> {
    pub(crate) value: Option<V>,
    pub(crate) timestamp: i64,
    /// The encoded size, or a guess.
    pub(crate) bytes: usize,
}
