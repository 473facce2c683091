//! Combining values of one type.

use crate::data::Data;
use crate::dsl::{KGroupedTable, KTable};
use crate::processor::Change;
use crate::store::KeyValueStore;

use super::node::Since;

impl<K: Data<Present = K>, V: Data<Present = V>> KGroupedTable<K, V> {
    /// Combines the values of each group into one of their type: `add` puts a value in, `subtract` takes one out again. The
    /// first value of a group stands as it is.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const STOCK: Topic<String, i64> = Topic::new("stock"); // "house/item"
    /// const PER_ITEM: KeyValueStore<String, i64> = KeyValueStore::new("per-item");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_item = builder.table(STOCK).group_by(|place, n| {
    ///     (place.split('/').next_back().unwrap_or_default().to_string(), *n)
    /// });
    /// let _per_item = by_item.reduce(PER_ITEM, |sum, n| sum + n, |sum, n| sum - n);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(STOCK).send("north/tea", 5)?;
    /// driver.input(STOCK).send("south/tea", 3)?;
    /// driver.input(STOCK).send("north/tea", 4)?;
    /// assert_eq!(driver.store(PER_ITEM)?.get("tea")?, Some(7));
    /// # Ok(()) }
    /// ```
    pub fn reduce(
        &self,
        store: impl Into<KeyValueStore<K, V>>,
        add: impl Fn(V, V) -> V + Send + Sync + 'static,
        subtract: impl Fn(V, V) -> V + Send + Sync + 'static,
    ) -> KTable<K, V> {
        self.aggregated("KTABLE-REDUCE-", store.into(), move |_, Change { new, old }, sofar| match sofar {
            None => (new, Since::Record),
            Some(sofar) => {
                let since = if old.is_some() || new.is_some() { Since::Later } else { Since::Record };
                let rest = match old {
                    Some(old) => subtract(sofar, old),
                    None => sofar,
                };
                let sum = match new {
                    Some(new) => add(rest, new),
                    None => rest,
                };
                (Some(sum), since)
            }
        })
    }
}
