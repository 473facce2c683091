//! Keeping some entries.

use crate::dsl::{Element, KTable};
use crate::store::KeyValueStore;

use super::derive::Operator;

impl<K: Element, V: Element> KTable<K, V> {
    /// The entries for which `keep` is true. An entry that is kept no longer is removed from the result.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const STOCK: Topic<String, i64> = Topic::new("stock");
    /// const LOW: Topic<String, Option<i64>> = Topic::new("low");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table_in(STOCK, "stock-by-item").filter(|_, n| *n < 10).to_stream().to(LOW);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(STOCK).send("tea", 50)?; // no news: it was not in the result
    /// driver.input(STOCK).send("tea", 5)?;
    /// driver.input(STOCK).send("tea", 60)?;
    /// assert_eq!(driver.output(LOW).drain(), [record("tea", 5), record("tea", None)]);
    /// # Ok(()) }
    /// ```
    ///
    /// Where the table above is not kept in a store its old values are not known, so that an entry which was never in the
    /// result may be removed from it, as in Kafka Streams.
    pub fn filter(&self, keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.kept_if(None, keep)
    }

    /// [`filter`](Self::filter), with the result kept in a store that can be queried.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const STOCK: Topic<String, i64> = Topic::new("stock");
    /// const LOW: KeyValueStore<String, i64> = KeyValueStore::new("low");
    ///
    /// let builder = StreamsBuilder::new();
    /// let _low = builder.table(STOCK).filter_in(LOW, |_, n| *n < 10);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(STOCK).send("tea", 5)?;
    /// assert_eq!(driver.store(LOW)?.get("tea")?, Some(5));
    /// driver.input(STOCK).send("tea", 50)?;
    /// assert_eq!(driver.store(LOW)?.get("tea")?, None);
    /// # Ok(()) }
    /// ```
    pub fn filter_in(
        &self,
        store: impl Into<KeyValueStore<K, V>>,
        keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.kept_if(Some(store.into()), keep)
    }

    /// The entries for which `drop` is false; see [`filter`](Self::filter).
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const STOCK: Topic<String, i64> = Topic::new("stock");
    /// const LEFT: Topic<String, i64> = Topic::new("left");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(STOCK).filter_not(|_, n| *n == 0).to(LEFT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(STOCK).send("tea", 5)?;
    /// assert_eq!(driver.output(LEFT).drain(), [record("tea", 5)]);
    /// # Ok(()) }
    /// ```
    pub fn filter_not(&self, drop: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.kept_if(None, move |key, value| !drop(key, value))
    }

    /// [`filter_not`](Self::filter_not), with the result kept in a store that can be queried.
    pub fn filter_not_in(
        &self,
        store: impl Into<KeyValueStore<K, V>>,
        drop: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.kept_if(Some(store.into()), move |key, value| !drop(key, value))
    }

    fn kept_if(
        &self,
        store: Option<KeyValueStore<K, V>>,
        keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (prefix, store_prefix) = ("KTABLE-FILTER-", "KTABLE-FILTER-STATE-STORE-");
        let operator = Operator { prefix, store_prefix, filters: true, store };
        self.derive(operator, move |key, value| keep(key, &value).then_some(value))
    }
}
