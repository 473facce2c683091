//! Typed names of key-value stores.

use std::borrow::Cow;

use crate::data::Data;
use crate::serde::{Serde, SerdeHandle};
use crate::topology::{Medium, StoreSpec};

use super::options::StoreOptions;
use super::tuning::RocksOptions;

/// A key-value store by name, and the types of its keys and values. Operators that keep state take one (or just its name),
/// queries ask for it by the same constant.
///
/// ```
/// use millstream::prelude::*;
///
/// const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
/// const RECENT: KeyValueStore<String, i64> = KeyValueStore::new("recent").in_memory();
/// # let _ = (COUNTS, RECENT);
/// ```
#[derive(Debug)]
pub struct KeyValueStore<K: 'static, V: 'static> {
    /// `None`: the name that Kafka Streams would generate.
    name: Option<Cow<'static, str>>,
    pub(crate) key: SerdeHandle<K>,
    pub(crate) value: SerdeHandle<V>,
    options: StoreOptions,
}

impl<K: Data, V: Data> KeyValueStore<K, V> {
    /// A store on disk, with a write-back cache and a changelog topic.
    pub const fn new(name: &'static str) -> Self {
        Self::native(Some(Cow::Borrowed(name)))
    }

    /// A store whose name is generated as Kafka Streams would, `KSTREAM-AGGREGATE-STATE-STORE-0000000003`. It changes when
    /// operators are added before it, and its state is then left behind: name the stores that matter.
    pub const fn generated() -> Self {
        Self::native(None)
    }

    const fn native(name: Option<Cow<'static, str>>) -> Self {
        Self {
            name,
            key: SerdeHandle::native(),
            value: SerdeHandle::native(),
            options: StoreOptions::DEFAULT,
        }
    }
}

impl<K, V> KeyValueStore<K, V> {
    /// A store with serdes of its own.
    pub fn with(
        name: impl Into<Cow<'static, str>>,
        key: impl Serde<K> + 'static,
        value: impl Serde<V> + 'static,
    ) -> Self {
        Self {
            name: Some(name.into()),
            key: SerdeHandle::shared(key),
            value: SerdeHandle::shared(value),
            options: StoreOptions::DEFAULT,
        }
    }

    /// A store of these serdes that the topology may need, under the name that Kafka Streams would generate.
    pub(crate) fn generated_with(key: SerdeHandle<K>, value: SerdeHandle<V>) -> Self {
        Self { name: None, key, value, options: StoreOptions::DEFAULT }
    }

    /// Keeps the entries in memory; after a restart they come back from the changelog.
    pub const fn in_memory(mut self) -> Self {
        self.options.medium = Medium::Memory;
        self
    }

    /// Tells the nodes below of every update at once, instead of the last one of each key at the next commit (Kafka's
    /// `withCachingDisabled`).
    pub const fn uncached(mut self) -> Self {
        self.options.cached = false;
        self
    }

    /// Does without a changelog: the store starts empty after it was lost (Kafka's `withLoggingDisabled`).
    pub const fn unlogged(mut self) -> Self {
        self.options.logged = false;
        self
    }

    /// Configurations of the changelog topic, by Kafka's names (Kafka's `withLoggingEnabled`). They come before those that are set
    /// for all internal topics, as `topic.segment.bytes`, and these before the library's own. They count when the topic is created; to
    /// change one that is there, alter the topic.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts").changelog(&[("segment.bytes", "16777216"), ("min.cleanable.dirty.ratio", "0.1")]);
    /// # let _ = COUNTS;
    /// ```
    pub const fn changelog(mut self, configs: &'static [(&'static str, &'static str)]) -> Self {
        self.options.changelog_configs = configs;
        self
    }

    /// How RocksDB keeps the store.
    pub const fn rocksdb(mut self, options: RocksOptions) -> Self {
        self.options.rocksdb = options;
        self
    }

    /// The same store under this name.
    pub(crate) fn named(mut self, name: String) -> Self {
        self.name = Some(Cow::Owned(name));
        self
    }

    /// The name, unless it is to be generated.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The store under its final name.
    pub(crate) fn spec(&self, name: String) -> StoreSpec {
        self.options.spec(name, None)
    }
}

impl<K, V> Clone for KeyValueStore<K, V> {
    fn clone(&self) -> Self {
        let (key, value) = (self.key.clone(), self.value.clone());
        Self { name: self.name.clone(), key, value, ..*self }
    }
}

impl<K: Data, V: Data> From<&'static str> for KeyValueStore<K, V> {
    fn from(name: &'static str) -> Self {
        Self::new(name)
    }
}

impl<K: Data, V: Data> From<String> for KeyValueStore<K, V> {
    fn from(name: String) -> Self {
        Self::native(Some(Cow::Owned(name)))
    }
}
