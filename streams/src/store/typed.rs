//! A key-value store of typed values: the cache in front, the backend's bytes behind it.

use std::any::{Any, TypeId, type_name};
use std::cell::{RefCell, RefMut};
use std::rc::Rc;

use crate::errors::{Bytes, LendEntry, Origin};
use crate::processor::{Change, Context, Downstream, Headers, ProcessError, Record};
use crate::serde::SerdeHandle;
use crate::task::{StoreParts, TopicHandle};
use crate::topology::{NodeId, StoreFactory, StoreTypes, WindowSpec};
use crate::window::Windowed;

use super::backend::{KeyValueBackend, Position};
use super::cache::{Cache, CacheBudget, Entry, Loaded};
use super::chunk::{Chunk, Page, Read};
use super::error::StoreError;
use super::key_value::KeyValueStore;
use super::memory::MemoryBackend;
use super::window::{self, WindowStore};

/// Bytes that a value is believed to take before the first one has been encoded.
const FIRST_GUESS: usize = 16;

/// One store of one task, as nodes and queries see it.
///
/// The backend holds Kafka's timestamped values (8 bytes big-endian milliseconds, then the value); the changelog holds the
/// plain value under the record's timestamp.
pub struct TypedStore<K: 'static, V: 'static> {
    pub(crate) name: String,
    pub(crate) key_serde: SerdeHandle<K>,
    pub(crate) value_serde: SerdeHandle<V>,
    pub(crate) backend: Box<dyn KeyValueBackend>,
    pub(crate) cache: Cache<K, V>,
    /// Whether updates wait for the flush before the nodes below hear of them.
    cached: bool,
    /// Whether the nodes below are told of old values too.
    sends_old: bool,
    /// The value before the last change, where updates are not cached and the old value is asked for.
    before: Option<V>,
    changelog: Option<(TopicHandle, i32)>,
    /// What windows it has if its keys are windowed, which the changelog writes another way than the store.
    pub(crate) windows: Option<WindowSpec>,
    budget: Rc<CacheBudget>,
    /// Accesses by key that the cache answered, and the others.
    accesses: Accesses,
    /// Size of the last value that was encoded or decoded: the guess for the next new one.
    typical: usize,
    key_buffer: Vec<u8>,
    value_buffer: Vec<u8>,
}

/// How often the cache had what was asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Accesses {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
}

/// What a task does to a store without knowing its types.
pub(crate) trait TaskStore {
    /// Writes what has been staged.
    fn write(&self, position: Position) -> Result<(), StoreError>;
    /// Drops cached values until the budget's use is at most `target`. The store must be flushed and written.
    fn evict(&self, target: usize);
    /// The bytes below; an empty store is left in their place.
    fn take_backend(&self) -> Box<dyn KeyValueBackend>;
    /// Runs `with` on the bytes below.
    fn with_backend(&self, with: &mut dyn FnMut(&mut dyn KeyValueBackend));
    /// Answers a query with about so many bytes at most.
    fn answer(&self, read: &Read, page: &Page, max_bytes: usize) -> Result<Chunk, StoreError>;
    /// How it was used.
    fn accesses(&self) -> Accesses;
    fn into_any(self: Rc<Self>) -> Rc<dyn Any>;
}

impl<K, V> TypedStore<K, V> {
    pub(crate) fn new(parts: StoreParts, key_serde: SerdeHandle<K>, value_serde: SerdeHandle<V>) -> Self {
        Self {
            name: parts.spec.name,
            key_serde,
            value_serde,
            backend: parts.backend,
            cache: Cache::new(),
            cached: parts.spec.cached,
            sends_old: false,
            before: None,
            changelog: parts.changelog,
            windows: parts.spec.windows,
            budget: parts.budget,
            accesses: Accesses::default(),
            typical: FIRST_GUESS,
            key_buffer: Vec::new(),
            value_buffer: Vec::new(),
        }
    }

    /// The store's name in the topology.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the nodes below hear of updates only at a flush.
    pub(crate) fn is_cached(&self) -> bool {
        self.cached
    }

    /// From now on the nodes below are told of old values too.
    pub(crate) fn send_old(&mut self) {
        self.sends_old = true;
    }

    /// The cached entry of `key`, loaded if need be; a key that the store does not have gets an entry without a value.
    pub(crate) fn load(&mut self, key: &K) -> Result<u32, ProcessError>
    where
        K: Clone,
    {
        self.key_buffer.clear();
        let encoded = self.key_serde.encode(key, &mut self.key_buffer);
        encoded.map_err(|source| ProcessError::encode("key", &self.name, source))?;
        let hash = self.cache.hash(&self.key_buffer);
        if let Some(index) = self.cache.find(hash, &self.key_buffer) {
            self.accesses.hits += 1;
            return Ok(index);
        }
        self.accesses.misses += 1;
        let loaded = self.read()?;
        Ok(self.cache.insert(hash, &self.key_buffer, key.clone(), loaded, &self.budget))
    }

    /// What the backend has under `key_buffer`.
    fn read(&mut self) -> Result<Loaded<V>, StoreError> {
        if !self.backend.get(&self.key_buffer, &mut self.value_buffer)? {
            return Ok(Loaded { value: None, timestamp: -1, bytes: self.typical });
        }
        self.typical = self.value_buffer.len();
        let (value, timestamp) = decode_timestamped(&self.name, &self.value_serde, &self.value_buffer)?;
        Ok(Loaded { value: Some(value), timestamp, bytes: self.typical })
    }

    /// An entry that is about to change; it waits for the next flush.
    pub(crate) fn modify(&mut self, index: u32) -> &mut Entry<K, V>
    where
        V: Clone,
    {
        if self.sends_old && !self.cached {
            self.before = self.cache.entry(index).value.clone();
        }
        self.cache.mark_dirty(index, self.sends_old && self.cached)
    }

    /// Has `update` make the value of an entry anew, of the present one and its time (ms); the entry waits for the next flush.
    /// If `update` may panic and its task go on, the entry stays as it was then.
    #[inline]
    pub(crate) fn update<R>(
        &mut self,
        index: u32,
        cx: &Context<'_>,
        update: impl FnOnce(Option<V>, i64) -> (Option<V>, R),
    ) -> (&mut Entry<K, V>, R)
    where
        V: Clone,
    {
        if cx.is_lenient() {
            return self.update_a_copy(index, cx.source(), update);
        }
        let entry = self.modify(index);
        let (value, rest) = update(entry.value.take(), entry.timestamp);
        entry.value = value;
        (entry, rest)
    }

    /// Out of line: where nothing is gone on after, an update costs nothing for the sake of it.
    #[inline(never)]
    fn update_a_copy<R>(
        &mut self,
        index: u32,
        source: Option<(u16, i64)>,
        update: impl FnOnce(Option<V>, i64) -> (Option<V>, R),
    ) -> (&mut Entry<K, V>, R)
    where
        V: Clone,
    {
        let entry = self.cache.entry(index);
        let (value, rest) = update(entry.value.clone(), entry.timestamp);
        let entry = self.modify(index);
        entry.value = value;
        entry.set_source(source);
        (entry, rest)
    }

    pub(crate) fn entry(&self, index: u32) -> &Entry<K, V> {
        self.cache.entry(index)
    }

    /// Sends a dirty entry to the changelog and stages it for the backend. `false`: the key came and went in the cache since
    /// the last flush, so nobody needs to hear of it.
    fn flush_entry(&mut self, index: u32, cx: &mut Context<'_>) -> Result<bool, ProcessError> {
        let entry = self.cache.entry_mut(index);
        entry.dirty = false;
        if self.cached && entry.value.is_none() && !entry.known {
            return Ok(false);
        }
        self.value_buffer.clear();
        self.value_buffer.extend_from_slice(&entry.timestamp.to_be_bytes());
        let present = match &entry.value {
            Some(value) => self.value_serde.encode(value, &mut self.value_buffer),
            None => Ok(false),
        };
        let present = present.map_err(|source| ProcessError::encode("value", &self.name, source))?;
        if let Some((topic, partition)) = self.changelog {
            let key = if self.windows.is_some() {
                window::key::to_changelog(&entry.bytes, &mut self.key_buffer);
                &self.key_buffer
            } else {
                entry.bytes.as_slice()
            };
            let value = present.then(|| &self.value_buffer[8..]);
            cx.sink.send(topic, Some(partition), entry.timestamp, Some(key), value, &Headers::default())?;
        }
        self.backend.stage(&entry.bytes, present.then_some(&self.value_buffer));
        self.typical = self.value_buffer.len();
        self.cache.weigh(index, self.typical, &self.budget);
        Ok(true)
    }

    /// What the nodes below are told of an entry that was `old` when they heard of it last.
    fn change_from(&self, index: u32, old: Option<V>) -> Record<K, Change<V>>
    where
        K: Clone,
        V: Clone,
    {
        let entry = self.cache.entry(index);
        let change = Change { new: entry.value.clone(), old };
        Record {
            key: entry.key.clone(),
            value: change,
            timestamp: entry.timestamp,
            headers: entry.headers.clone(),
        }
    }
}

/// Tells the nodes below of the entry that changed last, at a time (ms), unless they wait for the flush. The store is free
/// while they work, so they may read it.
#[inline]
pub(crate) fn tell<K: Clone, V: Clone>(
    mut store: RefMut<'_, TypedStore<K, V>>,
    index: u32,
    timestamp: i64,
    below: &dyn Downstream<K, Change<V>>,
    cx: &mut Context<'_>,
) -> Result<(), ProcessError> {
    if store.is_cached() {
        return Ok(());
    }
    let old = store.before.take();
    let change = store.change_from(index, old).at(timestamp);
    drop(store);
    cx.pass(below, change)
}

/// Flushes a store: each changed entry goes to the changelog and the backend and, where updates wait for the flush, on to the
/// nodes below. The store is free while they work, so they may read it.
pub(crate) fn flush<K: Clone, V: Clone>(
    store: &RefCell<TypedStore<K, V>>,
    node: NodeId,
    below: &dyn Downstream<K, Change<V>>,
    cx: &mut Context<'_>,
) -> Result<(), ProcessError> {
    let mut dirty = store.borrow_mut().cache.take_dirty();
    for (place, index) in dirty.entries.iter().copied().enumerate() {
        cx.return_to(node);
        let mut flushing = store.borrow_mut();
        if flushing.flush_entry(index, cx)? && flushing.is_cached() {
            let old = dirty.olds.get_mut(place).and_then(Option::take);
            let change = flushing.change_from(index, old);
            drop(flushing);
            let origin = Origin::Entry(store, index);
            Context { sink: &mut *cx.sink, state: &mut *cx.state, origin }.pass(below, change)?;
        }
    }
    store.borrow_mut().cache.flushed(dirty);
    Ok(())
}

/// Makes the stores of a typed name.
pub(crate) fn factory<K: 'static, V: 'static>(name: KeyValueStore<K, V>) -> StoreFactory {
    StoreFactory::new(types::<K, V>(), move |parts| {
        let store = TypedStore::new(parts, name.key.clone(), name.value.clone());
        Rc::new(RefCell::new(store)) as Rc<dyn TaskStore>
    })
}

/// Makes the stores of a typed name.
pub(crate) fn window_factory<K: 'static, V: 'static>(name: WindowStore<K, V>) -> StoreFactory {
    StoreFactory::new(types::<Windowed<K>, V>(), move |parts| {
        let size_ms = parts.spec.windows.map_or(0, |windows| windows.size_ms);
        let key = SerdeHandle::shared(window::key::StoreKey { key: name.key.clone(), size_ms });
        let store: TypedStore<Windowed<K>, V> = TypedStore::new(parts, key, name.value.clone());
        Rc::new(RefCell::new(store)) as Rc<dyn TaskStore>
    })
}

/// What a query must know of a store to ask with the right types.
pub(crate) fn types<K: 'static, V: 'static>() -> StoreTypes {
    StoreTypes { id: TypeId::of::<(K, V)>(), key: type_name::<K>(), value: type_name::<V>() }
}

/// Splits and decodes Kafka's timestamped value.
pub(crate) fn decode_timestamped<V>(
    store: &str,
    serde: &SerdeHandle<V>,
    bytes: &[u8],
) -> Result<(V, i64), StoreError> {
    let corrupt = |what: String| StoreError::Corrupt { store: store.to_owned(), what };
    let (timestamp, value) =
        bytes.split_first_chunk().ok_or_else(|| corrupt(format!("a value of {} bytes", bytes.len())))?;
    let value = serde.decode(Some(value)).map_err(|error| corrupt(error.to_string()))?;
    Ok((value, i64::from_be_bytes(*timestamp)))
}

impl<K: 'static, V: 'static> TaskStore for RefCell<TypedStore<K, V>> {
    fn write(&self, position: Position) -> Result<(), StoreError> {
        let store = &mut *self.borrow_mut();
        store.backend.write(position)?;
        store.cache.written();
        Ok(())
    }

    fn evict(&self, target: usize) {
        let store = &mut *self.borrow_mut();
        store.cache.evict(target, &store.budget);
    }

    fn with_backend(&self, with: &mut dyn FnMut(&mut dyn KeyValueBackend)) {
        with(&mut *self.borrow_mut().backend);
    }

    fn answer(&self, read: &Read, page: &Page, max_bytes: usize) -> Result<Chunk, StoreError> {
        self.borrow().answer(read, page, max_bytes)
    }

    fn accesses(&self) -> Accesses {
        self.borrow().accesses
    }

    fn take_backend(&self) -> Box<dyn KeyValueBackend> {
        std::mem::replace(&mut self.borrow_mut().backend, Box::new(MemoryBackend::new()))
    }

    fn into_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}

impl<K, V> LendEntry for RefCell<TypedStore<K, V>> {
    fn lend(&self, index: u32, take: &mut dyn FnMut(Bytes<'_>)) {
        let Ok(store) = self.try_borrow() else { return };
        let entry = store.cache.entry(index);
        let mut bytes = Vec::new();
        let value = entry.value.as_ref().map(|value| store.value_serde.encode(value, &mut bytes));
        let value = value.and_then(Result::ok).and_then(|present| present.then_some(&*bytes));
        let mut changelog_key = Vec::new();
        let key = match store.windows {
            Some(_) => {
                window::key::to_changelog(&entry.bytes, &mut changelog_key);
                &changelog_key
            }
            None => entry.bytes.as_slice(),
        };
        let (timestamp, headers) = (entry.timestamp, &entry.headers);
        take(Bytes { key: Some(key), value, timestamp, headers, source: entry.source() });
    }
}

impl<K, V> Drop for TypedStore<K, V> {
    fn drop(&mut self) {
        self.cache.release(&self.budget);
    }
}
