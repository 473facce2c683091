//! Combining values into something else.

use crate::data::Data;
use crate::dsl::{KGroupedStream, KTable};
use crate::store::KeyValueStore;

use super::AGGREGATE;

impl<K: Data, V: Data> KGroupedStream<K, V> {
    /// Folds the values of each key into an aggregate that starts as `initial` and is changed in place. An aggregate of type
    /// `Option<T>` that becomes `None` removes the key.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const IN: Topic<String, String> = Topic::new("in");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(IN)
    ///     .group_by_key()
    ///     .aggregate("letters", || 0_i64, |_key, text, letters| *letters += text.len() as i64)
    ///     .to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(IN).send("a", "white")?;
    /// driver.input(IN).send("a", "whale")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("a", 5), record("a", 10)]);
    /// # Ok(()) }
    /// ```
    pub fn aggregate<A: Data>(
        &self,
        store: impl Into<KeyValueStore<K::Present, A::Present>>,
        initial: impl Fn() -> A + Send + Sync + 'static,
        fold: impl Fn(&K::Present, V::Present, &mut A) + Send + Sync + 'static,
    ) -> KTable<K::Present, A::Present> {
        self.aggregated(AGGREGATE, store.into(), false, move |key, value, sofar: Option<A::Present>| {
            let known = sofar.and_then(|sofar| A::from_present(Some(sofar)));
            let mut aggregate = known.unwrap_or_else(&initial);
            fold(key, value, &mut aggregate);
            aggregate.into_present()
        })
    }
}
