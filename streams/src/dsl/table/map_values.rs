//! New values under the same keys.

use crate::dsl::{Element, KTable};
use crate::store::KeyValueStore;

use super::derive::Operator;

impl<K: Element, V: Element> KTable<K, V> {
    /// Makes a new value of each; a removed key stays removed.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const LOUD: Topic<String, String> = Topic::new("loud");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(USERS).map_values(|city| city.to_uppercase()).to(LOUD);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(USERS).send("ada", "London")?;
    /// assert_eq!(driver.output(LOUD).drain(), [record("ada", "LONDON")]);
    /// # Ok(()) }
    /// ```
    pub fn map_values<V2: Element>(&self, map: impl Fn(V) -> V2 + Send + Sync + 'static) -> KTable<K, V2> {
        self.mapped(None, move |_, value| map(value))
    }

    /// [`map_values`](Self::map_values), with the result kept in a store that can be queried.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const LENGTHS: KeyValueStore<String, i64> = KeyValueStore::new("lengths");
    ///
    /// let builder = StreamsBuilder::new();
    /// let _lengths = builder.table(USERS).map_values_in(LENGTHS, |city| city.len() as i64);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(USERS).send("ada", "London")?;
    /// assert_eq!(driver.store(LENGTHS)?.get("ada")?, Some(6));
    /// # Ok(()) }
    /// ```
    pub fn map_values_in<V2: Element>(
        &self,
        store: impl Into<KeyValueStore<K, V2>>,
        map: impl Fn(V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.mapped(Some(store.into()), move |_, value| map(value))
    }

    /// Makes a new value of each, seeing its key too (Kafka's `ValueMapperWithKey`).
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const OUT: Topic<String, String> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(USERS).map_values_with_key(|name, city| format!("{name} of {city}")).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(USERS).send("ada", "London")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("ada", "ada of London")]);
    /// # Ok(()) }
    /// ```
    pub fn map_values_with_key<V2: Element>(
        &self,
        map: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.mapped(None, map)
    }

    /// [`map_values_with_key`](Self::map_values_with_key), with the result kept in a store that can be queried.
    pub fn map_values_with_key_in<V2: Element>(
        &self,
        store: impl Into<KeyValueStore<K, V2>>,
        map: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        self.mapped(Some(store.into()), map)
    }

    fn mapped<V2: Element>(
        &self,
        store: Option<KeyValueStore<K, V2>>,
        map: impl Fn(&K, V) -> V2 + Send + Sync + 'static,
    ) -> KTable<K, V2> {
        let (prefix, store_prefix) = ("KTABLE-MAPVALUES-", "KTABLE-MAPVALUES-STATE-STORE-");
        let operator = Operator { prefix, store_prefix, filters: false, store };
        self.derive(operator, move |key, value| Some(map(key, value)))
    }
}
