//! Counting.

use crate::data::Data;
use crate::dsl::{KGroupedStream, KTable};
use crate::store::KeyValueStore;

use super::AGGREGATE;

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Counts the records of each key. The store is named by a text, a constant, or
    /// [`KeyValueStore::generated`].
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).group_by_key().count(COUNTS).to(Topic::<String, i64>::new("out"));
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", "x")?;
    /// driver.input(IN).send("a", "y")?;
    /// assert_eq!(driver.store(COUNTS)?.get("a")?, Some(2));
    /// # Ok(()) }
    /// ```
    pub fn count(&self, store: impl Into<KeyValueStore<K::Present, i64>>) -> KTable<K::Present, i64> {
        self.aggregated(AGGREGATE, store.into(), true, |_, _, count| Some(count.unwrap_or(0) + 1))
    }
}
