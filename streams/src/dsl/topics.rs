//! Topics that match a regular expression.

use std::borrow::Cow;

use crate::data::Data;
use crate::serde::Serde;

use super::{Consumed, Element, IntoConsumed, Topic};

/// All topics whose names match a regular expression, also those that come later, read as one stream (Kafka's
/// `stream(Pattern)`). The whole name matches; topics of the cluster itself do not.
///
/// ```
/// # use millstream::prelude::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const ALL: Topic<String, i64> = Topic::new("all");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(Topics::<String, i64>::matching("sensor-[a-z]+")).to(ALL);
///
/// let mut driver = TestDriver::new(&builder.build()?)?;
/// driver.input(Topic::<String, i64>::new("sensor-a")).send("a", 1)?;
/// driver.input(Topic::<String, i64>::new("sensor-b")).send("b", 2)?;
/// assert_eq!(driver.output(ALL).drain(), [record("a", 1), record("b", 2)]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Topics<K: 'static, V: 'static> {
    /// The expression stands where a topic has its name.
    pattern: Topic<K, V>,
}

impl<K: Data, V: Data> Topics<K, V> {
    /// Topics whose keys and values are written as their types write them.
    pub fn matching(pattern: impl Into<Cow<'static, str>>) -> Self {
        Self::matching_with(pattern, crate::serde::Native, crate::serde::Native)
    }
}

impl<K, V> Topics<K, V> {
    /// Topics with serdes of their own.
    pub fn matching_with(
        pattern: impl Into<Cow<'static, str>>,
        key: impl Serde<K> + 'static,
        value: impl Serde<V> + 'static,
    ) -> Self {
        Self { pattern: Topic::with(pattern, key, value) }
    }
}

impl<K: Element, V: Element> From<Topics<K, V>> for Consumed<K, V> {
    fn from(topics: Topics<K, V>) -> Self {
        Self { is_pattern: true, ..topics.pattern.into() }
    }
}

impl<K: Element, V: Element> IntoConsumed for Topics<K, V> {
    type Key = K;
    type Value = V;

    fn into_consumed(self) -> Consumed<K, V> {
        self.into()
    }
}
