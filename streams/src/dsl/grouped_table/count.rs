//! Counting.

use crate::data::Data;
use crate::dsl::{KGroupedTable, KTable};
use crate::store::KeyValueStore;

impl<K: Data<Present = K>, V: Data<Present = V>> KGroupedTable<K, V> {
    /// Counts the entries of each group. A group that was left by all its entries counts 0.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_city = builder.table(USERS).group_by(|name, city| (city.clone(), name.clone()));
    /// let _counts = by_city.count(COUNTS);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(USERS).send("ada", "London")?;
    /// driver.input(USERS).send("tim", "London")?;
    /// driver.input(USERS).send_tombstone("ada")?;
    /// assert_eq!(driver.store(COUNTS)?.get("London")?, Some(1));
    /// # Ok(()) }
    /// ```
    pub fn count(&self, store: impl Into<KeyValueStore<K, i64>>) -> KTable<K, i64> {
        let add = |_: &K, _: V, count: &mut i64| *count += 1;
        let subtract = |_: &K, _: V, count: &mut i64| *count -= 1;
        self.aggregate(store, || 0, add, subtract)
    }
}
