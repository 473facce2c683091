//! A stream read as a table.

use crate::data::Data;
use crate::dsl::table::source::add_table;
use crate::dsl::{KStream, KTable, repartition};
use crate::serde::SerdeHandle;
use crate::store::KeyValueStore;

impl<K: Data, V: Data> KStream<K, V> {
    /// Reads the stream as a table: each record sets the value of its key, a missing value removes it, a record without a key
    /// is dropped. A stream whose key may have changed goes through a repartition topic first. As with
    /// [`table`](crate::StreamsBuilder::table) the values are kept only if an operator below needs them.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const VISITS: Topic<String, String> = Topic::new("visits");
    /// const PER_PAGE: Topic<String, i64> = Topic::new("per-page");
    ///
    /// let builder = StreamsBuilder::new();
    /// let last_page = builder.stream(VISITS).to_table(); // of each user
    /// last_page.group_by(|user, page| (page.clone(), user.clone())).count("viewers").to(PER_PAGE);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(VISITS).send("ada", "/")?;
    /// driver.input(VISITS).send("ada", "/help")?;
    /// let viewers = driver.output(PER_PAGE).drain();
    /// assert_eq!(viewers, [record("/", 1), record("/", 0), record("/help", 1)]);
    /// # Ok(()) }
    /// ```
    pub fn to_table(&self) -> KTable<K::Present, V::Present> {
        self.to_table_in(KeyValueStore::generated_with(SerdeHandle::native(), SerdeHandle::native()))
    }

    /// [`to_table`](Self::to_table), kept in a store that can be queried.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const VISITS: Topic<String, String> = Topic::new("visits");
    /// const LAST: KeyValueStore<String, String> = KeyValueStore::new("last-page");
    ///
    /// let builder = StreamsBuilder::new();
    /// let _last = builder.stream(VISITS).to_table_in(LAST);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(VISITS).send("ada", "/")?;
    /// driver.input(VISITS).send("ada", "/help")?;
    /// assert_eq!(driver.store(LAST)?.get("ada")?, Some("/help".to_string()));
    /// # Ok(()) }
    /// ```
    pub fn to_table_in(
        &self,
        store: impl Into<KeyValueStore<K::Present, V::Present>>,
    ) -> KTable<K::Present, V::Present> {
        let store = store.into();
        let graph = &mut *self.graph.borrow_mut();
        let name = graph.generate("KSTREAM-TOTABLE-");
        let generated = store.name().is_none().then(|| graph.generate("KSTREAM-TOTABLE-STATE-STORE-"));
        let repartitioned = self.rekeyed.then(|| repartition::add::<K, V>(graph, self.node, &name));
        let parent = repartitioned.as_ref().map_or(self.node, |made| made.source);
        let node = add_table(graph, name, parent, store, generated, present::<K, V>);
        if let Some(made) = repartitioned {
            repartition::follow(graph, made, node);
        }
        KTable::new(self.graph.clone(), node)
    }
}

/// What a table takes of a record of the stream.
fn present<K: Data, V: Data>(key: K, value: V) -> (Option<K::Present>, Option<V::Present>) {
    (key.into_present(), value.into_present())
}
