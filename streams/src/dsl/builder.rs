//! Where a topology begins.

use std::any::TypeId;

use crate::serde::{Nullable, SerdeHandle};
use crate::store::KeyValueStore;
use crate::topology::{Graph, TopicName, TopicPattern, Topology, TopologyError};

use super::global_table::Lookup;
use super::table::source::add_table;
use super::{Consumed, Element, GlobalKTable, IntoConsumed, KStream, KTable, SharedGraph, Topic, source};

/// Collects the streams and tables of a program; [`build`](Self::build) makes the [`Topology`].
#[derive(Clone, Default)]
pub struct StreamsBuilder {
    pub(super) graph: SharedGraph,
}

impl StreamsBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// The records of a topic.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const LINES: Topic<Option<String>, String> = Topic::new("lines");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(LINES).to(Topic::<Option<String>, String>::new("copy"));
    /// # builder.build()?;
    /// # Ok(()) }
    /// ```
    ///
    /// Several topics are read by one node, each with its own serdes. A task reads one partition of each of them.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const EUROPE: Topic<String, i64> = Topic::new("europe");
    /// const ASIA: Topic<String, i64> = Topic::new("asia");
    /// const WORLD: Topic<String, i64> = Topic::new("world");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream([EUROPE, ASIA]).to(WORLD);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(ASIA).send("a", 1)?;
    /// driver.input(EUROPE).send("b", 2)?;
    /// assert_eq!(driver.output(WORLD).drain(), [record("a", 1), record("b", 2)]);
    /// # Ok(()) }
    /// ```
    pub fn stream<C: IntoConsumed>(&self, from: C) -> KStream<C::Key, C::Value> {
        self.read_as(from, |graph| graph.generate("KSTREAM-SOURCE-"))
    }

    /// A stream whose source has a name of the caller's.
    pub(super) fn read_as<C: IntoConsumed>(
        &self,
        from: C,
        name: impl FnOnce(&mut Graph) -> String,
    ) -> KStream<C::Key, C::Value> {
        let Consumed { mut topics, is_pattern, timestamps, offset_reset, on_error } = from.into_consumed();
        topics.sort_by(|a, b| a.name().cmp(b.name()));
        topics.dedup_by(|a, b| a.name() == b.name());
        let graph = &mut *self.graph.borrow_mut();
        let name = name(graph);
        let names: Vec<_> = topics.iter().map(|topic| name_of(graph, topic, is_pattern)).collect();
        let known = graph.source_of(&names, TypeId::of::<(C::Key, C::Value)>());
        graph.reset_offsets(&names, offset_reset, known.is_some());
        let reading = known.map(|_| graph.generated());
        let node = known.unwrap_or_else(|| source::add_topics(graph, name, names, topics, timestamps));
        if let Some(policy) = on_error {
            graph.on_error(node, policy);
        }
        let mut stream = KStream::new(self.graph.clone(), node, false);
        stream.reading = reading;
        stream
    }

    /// The table of a topic: each record sets the value of its key, a null value removes it, a record without a key is
    /// dropped. As in Kafka Streams the values are kept in a store only if that is asked for
    /// ([`table_in`](Self::table_in)) or an operator below needs it.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const SEEN: Topic<String, Option<String>> = Topic::new("seen");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(USERS).to_stream().to(SEEN);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(USERS).send("ada", "London")?;
    /// assert_eq!(driver.output(SEEN).drain(), [record("ada", Some("London".to_string()))]);
    /// # Ok(()) }
    /// ```
    pub fn table<K: Element, V: Element>(&self, topic: Topic<K, V>) -> KTable<K, V> {
        let store = KeyValueStore::generated_with(topic.key.clone(), topic.value.clone());
        self.add_table(topic, store)
    }

    /// The table of a topic, kept in a store that can be queried (Kafka's `Materialized.as`). A store without a name is only
    /// there if an operator below needs it: [`KeyValueStore::generated`] says how it is to be kept then.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const USERS: Topic<String, String> = Topic::new("users");
    /// const BY_NAME: KeyValueStore<String, String> = KeyValueStore::new("by-name");
    ///
    /// let builder = StreamsBuilder::new();
    /// let _users = builder.table_in(USERS, BY_NAME);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(USERS).send("ada", "London")?;
    /// assert_eq!(driver.store(BY_NAME)?.get("ada")?, Some("London".to_string()));
    /// # Ok(()) }
    /// ```
    pub fn table_in<K: Element, V: Element>(
        &self,
        topic: Topic<K, V>,
        store: impl Into<KeyValueStore<K, V>>,
    ) -> KTable<K, V> {
        self.add_table(topic, store.into())
    }

    /// The table of all partitions of a topic, kept whole by every instance, to be looked up by any key
    /// ([`join_global`](KStream::join_global)). It is filled before the application processes its first record, by a thread of
    /// its own, which goes on filling it. Its topic is its changelog.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const PRICES: Topic<String, i64> = Topic::new("prices");
    /// const SALES: Topic<i64, String> = Topic::new("sales"); // till, item
    /// const OUT: Topic<i64, i64> = Topic::new("out");
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.global_table(PRICES);
    /// builder.stream(SALES).join_global(&prices, |_till, item| item.clone(), |_item, price| *price).to(OUT);
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(PRICES).send("tea", 3)?;
    /// driver.input(SALES).send(1, "tea")?;
    /// assert_eq!(driver.output(OUT).drain(), [record(1, 3)]);
    /// # Ok(()) }
    /// ```
    pub fn global_table<K: Element, V: Element>(&self, topic: Topic<K, V>) -> GlobalKTable<K, V> {
        let store = KeyValueStore::generated_with(topic.key.clone(), topic.value.clone());
        self.global_table_in(topic, store)
    }

    /// [`global_table`](Self::global_table), in a store of this name.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const PRICES: Topic<String, i64> = Topic::new("prices");
    /// const BY_ITEM: KeyValueStore<String, i64> = KeyValueStore::new("prices-by-item");
    ///
    /// let builder = StreamsBuilder::new();
    /// let _prices = builder.global_table_in(PRICES, BY_ITEM);
    /// builder.stream(Topic::<i64, String>::new("sales")).for_each(|_, _| {});
    ///
    /// let mut driver = TestDriver::new(&builder.build()?)?;
    /// driver.input(PRICES).send("tea", 3)?;
    /// assert_eq!(driver.store(BY_ITEM)?.get("tea")?, Some(3));
    /// # Ok(()) }
    /// ```
    pub fn global_table_in<K: Element, V: Element>(
        &self,
        topic: Topic<K, V>,
        store: impl Into<KeyValueStore<K, V>>,
    ) -> GlobalKTable<K, V> {
        let store = store.into().unlogged();
        let graph = &mut *self.graph.borrow_mut();
        let generated = || graph.generate(&format!("{}-STATE-STORE-", topic.name()));
        let store_name = store.name().map(str::to_owned).unwrap_or_else(generated);
        let (name, table) = (graph.generate("KSTREAM-SOURCE-"), graph.generate("KTABLE-SOURCE-"));
        let key = SerdeHandle::shared(Nullable(topic.key.clone()));
        let value = SerdeHandle::shared(Nullable(topic.value.clone()));
        let source = source::add(graph, name, topic.topic_name(), key, value);
        let (key, value) = (store.key.clone(), store.value.clone());
        let node = add_table(graph, table, source, store.named(store_name), None, |key, value| (key, value));
        graph.follow(node, source, "-source");
        let store = graph.make_global(node);
        GlobalKTable::new(self.graph.clone(), node, Lookup { store, key, value })
    }

    fn add_table<K: Element, V: Element>(
        &self,
        topic: Topic<K, V>,
        store: KeyValueStore<K, V>,
    ) -> KTable<K, V> {
        let graph = &mut *self.graph.borrow_mut();
        let generated =
            store.name().is_none().then(|| graph.generate(&format!("{}-STATE-STORE-", topic.name())));
        let name = graph.generate("KSTREAM-SOURCE-");
        let table = graph.generate("KTABLE-SOURCE-");
        let key = SerdeHandle::shared(Nullable(topic.key.clone()));
        let value = SerdeHandle::shared(Nullable(topic.value.clone()));
        let read = topic.topic_name();
        let source = source::add(graph, name, read.clone(), key, value);
        let node = add_table(graph, table, source, store, generated, |key, value| (key, value));
        graph.add_table_of_topic(node, read);
        graph.follow(node, source, "-source");
        KTable::new(self.graph.clone(), node)
    }

    /// Checks the whole and makes it immutable.
    ///
    /// # Errors
    /// What the types could not rule out: two nodes or stores of one name, a topic read with two types, nothing read at all.
    pub fn build(&self) -> Result<Topology, TopologyError> {
        Topology::build(self.graph.borrow().clone())
    }
}

/// A topic as the graph names it.
fn name_of<K, V>(graph: &mut Graph, topic: &Topic<K, V>, is_pattern: bool) -> TopicName {
    if !is_pattern {
        return topic.topic_name();
    }
    TopicPattern::new(topic.name()).map(TopicName::Matching).unwrap_or_else(|| {
        graph.report_pattern(topic.name());
        topic.topic_name()
    })
}
