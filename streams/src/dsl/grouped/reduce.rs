//! Combining values of one type.

use crate::data::Data;
use crate::dsl::{KGroupedStream, KTable};
use crate::store::KeyValueStore;

use super::REDUCE;

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Combines the values of each key, two at a time: what they made so far and the next one. The first value stands as it
    /// is.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, i64> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(IN).group_by_key().reduce("maxima", i64::max).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", 5)?;
    /// driver.input(IN).send("a", 3)?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 5), record("a", 5)]);
    /// # Ok(()) }
    /// ```
    pub fn reduce(
        &self,
        store: impl Into<KeyValueStore<K::Present, V::Present>>,
        combine: impl Fn(V::Present, V::Present) -> V::Present + Send + Sync + 'static,
    ) -> KTable<K::Present, V::Present> {
        self.aggregated(REDUCE, store.into(), false, move |_, value, sofar| match sofar {
            Some(sofar) => Some(combine(sofar, value)),
            None => Some(value),
        })
    }
}
