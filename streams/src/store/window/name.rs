//! Typed names of window stores.

use std::borrow::Cow;
use std::time::Duration;

use crate::data::Data;
use crate::serde::{Serde, SerdeHandle};
use crate::store::RocksOptions;
use crate::store::options::StoreOptions;
use crate::topology::{Medium, StoreSpec, WindowSpec};
use crate::window::{TimeWindows, to_millis};

/// No segment is shorter (`Stores.persistentWindowStore`), ms.
const MIN_SEGMENT_MS: i64 = 60_000;

/// A window store by name, and the types of its keys and values. Windowed aggregations take one (or just its name), queries
/// ask for it by the same constant.
///
/// ```
/// use millstream::prelude::*;
///
/// const HITS: WindowStore<String, i64> = WindowStore::new("hits");
/// const A_DAY: WindowStore<String, i64> = WindowStore::new("a-day").retention(days(1));
/// # let _ = (HITS, A_DAY);
/// ```
#[derive(Debug)]
pub struct WindowStore<K: 'static, V: 'static> {
    /// `None`: the name that Kafka Streams would generate.
    name: Option<Cow<'static, str>>,
    pub(crate) key: SerdeHandle<K>,
    pub(crate) value: SerdeHandle<V>,
    /// `None`: as long as a window can change.
    retention: Option<Duration>,
    /// The windows of a store that a processor fills; an aggregation says which it makes.
    windows: Option<TimeWindows>,
    options: StoreOptions,
}

impl<K: Data, V: Data> WindowStore<K, V> {
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
            retention: None,
            windows: None,
            options: StoreOptions::DEFAULT,
        }
    }
}

impl<K, V> WindowStore<K, V> {
    /// A store with serdes of its own.
    pub fn with(
        name: impl Into<Cow<'static, str>>,
        key: impl Serde<K> + 'static,
        value: impl Serde<V> + 'static,
    ) -> Self {
        let (name, key, value) = (Some(name.into()), SerdeHandle::shared(key), SerdeHandle::shared(value));
        Self { name, key, value, retention: None, windows: None, options: StoreOptions::DEFAULT }
    }

    /// How long windows can be queried, counted from their start to the latest one. Unless it is said they go when nothing can
    /// change them any more: after their size and grace, which is also the least.
    pub const fn retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    /// Says which windows a processor is going to put into the store.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const SEEN: WindowStore<String, i64> = WindowStore::new("seen").windows(TimeWindows::of(mins(5)).grace(mins(1)));
    /// # let _ = SEEN;
    /// ```
    pub const fn windows(mut self, windows: TimeWindows) -> Self {
        self.windows = Some(windows);
        self
    }

    /// Keeps the entries in memory; after a restart they come back from the changelog.
    pub const fn in_memory(mut self) -> Self {
        self.options.medium = Medium::Memory;
        self
    }

    /// Tells the nodes below of every update at once, instead of the last one of each window at the next commit (Kafka's
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
    /// const HITS: WindowStore<String, i64> = WindowStore::new("hits").changelog(&[("segment.bytes", "16777216"), ("min.cleanable.dirty.ratio", "0.1")]);
    /// # let _ = HITS;
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

    /// The name, unless it is to be generated.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The store of a processor; windows of no size if nothing says what they are.
    pub(crate) fn spec_for_processors(&self) -> StoreSpec {
        let windows = self.windows.unwrap_or(TimeWindows::of(Duration::ZERO));
        self.spec(self.name().unwrap_or_default().to_owned(), &windows)
    }

    /// The store under its final name.
    pub(crate) fn spec(&self, name: String, windows: &TimeWindows) -> StoreSpec {
        let retention_ms = self.retention.map_or(windows.lifetime_ms(), to_millis);
        let windows = WindowSpec {
            size_ms: windows.size_ms(),
            advance_ms: windows.advance_ms(),
            retention_ms,
            segment_ms: (retention_ms / 2).max(MIN_SEGMENT_MS),
        };
        self.options.spec(name, Some(windows))
    }
}

impl<K, V> Clone for WindowStore<K, V> {
    fn clone(&self) -> Self {
        let (key, value) = (self.key.clone(), self.value.clone());
        Self { name: self.name.clone(), key, value, ..*self }
    }
}

impl<K: Data, V: Data> From<&'static str> for WindowStore<K, V> {
    fn from(name: &'static str) -> Self {
        Self::new(name)
    }
}

impl<K: Data, V: Data> From<String> for WindowStore<K, V> {
    fn from(name: String) -> Self {
        Self::native(Some(Cow::Owned(name)))
    }
}
