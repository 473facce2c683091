//! Typed names of topics.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::data::Data;
use crate::serde::{Nullable, Serde, SerdeHandle};
use crate::topology::TopicName;
use crate::window::Windowed;

/// A topic and the types of its keys and values: the one place where a program says them.
///
/// ```
/// use millstream::prelude::*;
///
/// const ORDERS: Topic<String, i64> = Topic::new("orders");
/// const LINES: Topic<Option<String>, String> = Topic::new("lines"); // records without a key are welcome
/// assert_eq!(ORDERS.name(), "orders");
/// # let _ = LINES;
/// ```
#[derive(Debug)]
pub struct Topic<K: 'static, V: 'static> {
    name: Cow<'static, str>,
    pub(crate) key: SerdeHandle<K>,
    pub(crate) value: SerdeHandle<V>,
}

impl<K: Data, V: Data> Topic<K, V> {
    /// A topic whose keys and values are written as their types write them.
    pub const fn new(name: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), key: SerdeHandle::native(), value: SerdeHandle::native() }
    }
}

impl<K: Data, V: Data> Topic<Windowed<K>, V> {
    /// A topic of a windowed table: its keys are written as Kafka's `TimeWindowedSerde` writes them, which leaves the size of
    /// the windows for the reader to know.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const PER_MINUTE: Topic<Windowed<String>, i64> = Topic::windowed("per-minute", mins(1));
    /// # let _ = PER_MINUTE;
    /// ```
    pub const fn windowed(name: &'static str, size: Duration) -> Self {
        Self { name: Cow::Borrowed(name), key: SerdeHandle::windowed(size), value: SerdeHandle::native() }
    }
}

impl<K, V> Topic<K, V> {
    /// A topic with serdes of its own; [`Native`](crate::serde::Native) for a side that needs none.
    pub fn with(
        name: impl Into<Cow<'static, str>>,
        key: impl Serde<K> + 'static,
        value: impl Serde<V> + 'static,
    ) -> Self {
        Self { name: name.into(), key: SerdeHandle::shared(key), value: SerdeHandle::shared(value) }
    }

    /// The topic's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same topic with null values for what a table has removed.
    pub(crate) fn with_tombstones(self) -> Topic<K, Option<V>> {
        Topic { name: self.name, key: self.key, value: SerdeHandle::shared(Nullable(self.value)) }
    }

    pub(crate) fn topic_name(&self) -> TopicName {
        TopicName::External(Arc::from(self.name()))
    }
}

impl<K, V> Clone for Topic<K, V> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), key: self.key.clone(), value: self.value.clone() }
    }
}
