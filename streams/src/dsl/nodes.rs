//! Topologies drawn node by node.

use std::rc::Rc;

use super::global_store::{add_global, add_read_only};
use super::sink::{self, Encoding};
use super::{Element, IntoConsumed, KStream, Sink, StreamsBuilder, Topic, processor};
use crate::processing::{Forwarded, Open, Processor, Stores};
use crate::store::KeyValueStore;
use crate::topology::{Changes, NodeId, Topology, TopologyError};

/// Draws a topology node by node, each with a name and with the nodes above it (Kafka's `Topology`): sources, processors and
/// sinks, without operators and without generated names. The nodes are streams all the same, so operators may stand below
/// them, a sink whose records name their topics ([`to_dynamic`](KStream::to_dynamic)) for one; and what a [`StreamsBuilder`] has drawn can go on here ([`on`](Self::on)).
///
/// Stores need no node: a processor [opens](Stores::open) them, which is Kafka's `addStateStore` and
/// `connectProcessorAndStateStores` in one. Two that open the same store share it.
///
/// ```
/// # use millstream::prelude::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const EUROPE: Topic<String, i64> = Topic::new("europe");
/// const ASIA: Topic<String, i64> = Topic::new("asia");
/// const TOTALS: Topic<String, i64> = Topic::new("totals");
///
/// #[derive(Stores)]
/// struct Total {
///     #[store("totals")]
///     totals: Open<KeyValueStore<String, i64>>,
/// }
///
/// impl Processor<String, i64> for Total {
///     type Out = (String, i64);
///
///     fn process(&mut self, sale: Record<String, i64>, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
///         let total = self.totals.get(&sale.key)?.unwrap_or(0) + sale.value;
///         self.totals.put(&sale.key, total)?;
///         cx.forward(sale.with_value(total));
///         Ok(())
///     }
/// }
///
/// let topology = TopologyBuilder::new();
/// let europe = topology.add_source("europe", EUROPE);
/// let asia = topology.add_source("asia", ASIA);
/// let total = topology.add_processor("total", Total::open, [&europe, &asia]);
/// topology.add_sink("out", TOTALS, [&total]);
///
/// let mut driver = TestDriver::new(&topology.build()?)?;
/// driver.input(EUROPE).send("tea", 3)?;
/// driver.input(ASIA).send("tea", 4)?;
/// assert_eq!(driver.output(TOTALS).drain(), [record("tea", 3), record("tea", 7)]);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct TopologyBuilder {
    drawn: StreamsBuilder,
}

impl TopologyBuilder {
    /// An empty topology.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with what `builder` has drawn. Both draw on the same sheet, and either can build it.
    pub fn on(builder: &StreamsBuilder) -> Self {
        Self { drawn: builder.clone() }
    }

    /// Adds a source of a topic, of several, or of those that match a pattern (`addSource`).
    pub fn add_source<C: IntoConsumed>(&self, name: &str, from: C) -> KStream<C::Key, C::Value> {
        self.checked(name);
        self.drawn.read_as(from, |_| name.to_owned())
    }

    /// Adds a processor below other nodes (`addProcessor`); it forwards to the nodes below it, to one of them by its name.
    pub fn add_processor<'p, K: Element, V: Element, P: Processor<K, V>>(
        &self,
        name: &str,
        make: impl Fn(&mut Stores<'_>) -> P + Send + Sync + 'static,
        parents: impl IntoIterator<Item = &'p KStream<K, V>>,
    ) -> KStream<<P::Out as Forwarded>::Key, <P::Out as Forwarded>::Value> {
        let name = self.checked(name);
        let parents = self.parents(parents);
        let made = processor::make(make);
        let graph = &mut *self.drawn.graph.borrow_mut();
        let node = made.add(graph, name, &parents);
        for parent in parents {
            graph.pass_serdes(parent, node, Changes::Both);
        }
        KStream::new(self.drawn.graph.clone(), node, true)
    }

    /// Adds a sink below other nodes (`addSink`).
    pub fn add_sink<'p, K: Element, V: Element>(
        &self,
        name: &str,
        topic: Topic<K, V>,
        parents: impl IntoIterator<Item = &'p KStream<K, V>>,
    ) -> Sink<K, V> {
        let name = self.checked(name);
        let parents = self.parents(parents);
        let encoding = Encoding::new(topic.key.clone(), topic.value.clone());
        let graph = &mut *self.drawn.graph.borrow_mut();
        let node = sink::add(graph, name, &parents, topic.topic_name(), topic.key, topic.value);
        Sink { graph: self.drawn.graph.clone(), node, encoding, redraw: Box::new(sink::redraw) }
    }

    /// Adds a source and the processor that fills a global store from it, under these names (`addGlobalStore`); see
    /// [`StreamsBuilder::add_global_store`].
    pub fn add_global_store<K: Element, V: Element, SK: Element, SV: Element, P>(
        &self,
        (source, processor): (&str, &str),
        topic: Topic<K, V>,
        store: impl Into<KeyValueStore<SK, SV>>,
        make: impl Fn(Open<KeyValueStore<SK, SV>>) -> P + Send + Sync + 'static,
    ) where
        P: Processor<K, V, Out = ()>,
    {
        let names = (self.checked(source), self.checked(processor));
        add_global(&mut self.drawn.graph.borrow_mut(), names, topic, store.into(), make);
    }

    /// Adds a source and the processor that fills a store from it, under these names (`addReadOnlyStateStore`, KIP-813): others
    /// [read](Stores::read) the store and none opens it. Each task has its partition of it. It has no changelog of its own: what
    /// is missing after a restart is taken from the topic as it lies there, so the processor keeps keys and values as they come.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// const PRICES: Topic<String, Option<i64>> = Topic::new("prices");
    /// const SALES: Topic<String, String> = Topic::new("sales");
    /// const OUT: Topic<String, i64> = Topic::new("out");
    /// const BY_ITEM: KeyValueStore<String, i64> = KeyValueStore::new("prices-by-item");
    ///
    /// struct Fill(Open<KeyValueStore<String, i64>>);
    ///
    /// impl Processor<String, Option<i64>> for Fill {
    ///     type Out = ();
    ///
    ///     fn process(&mut self, price: Record<String, Option<i64>>, _: &mut Context<()>) -> Result<(), ProcessError> {
    ///         match price.value {
    ///             Some(cents) => self.0.put(&price.key, cents),
    ///             None => self.0.delete(&price.key).map(drop),
    ///         }
    ///     }
    /// }
    ///
    /// struct Sell(ReadOnly<KeyValueStore<String, i64>>);
    ///
    /// impl Processor<String, String> for Sell {
    ///     type Out = (String, i64);
    ///
    ///     fn process(&mut self, sale: Record<String, String>, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
    ///         let price = self.0.get(&sale.key)?.unwrap_or(0);
    ///         cx.forward(sale.with_value(price));
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let topology = TopologyBuilder::new();
    /// topology.add_read_only_store(("prices", "fill"), PRICES, BY_ITEM, Fill);
    /// let sales = topology.add_source("sales", SALES);
    /// let sold = topology.add_processor("sell", |stores| Sell(stores.read(BY_ITEM)), [&sales]);
    /// topology.add_sink("out", OUT, [&sold]);
    ///
    /// let mut driver = TestDriver::new(&topology.build()?)?;
    /// driver.input(PRICES).send("tea", 3)?;
    /// driver.input(SALES).send("tea", "a pound")?;
    /// assert_eq!(driver.output(OUT).drain(), [record("tea", 3)]);
    /// # Ok(()) }
    /// ```
    pub fn add_read_only_store<K: Element, V: Element, SK: Element, SV: Element, P>(
        &self,
        (source, processor): (&str, &str),
        topic: Topic<K, V>,
        store: impl Into<KeyValueStore<SK, SV>>,
        make: impl Fn(Open<KeyValueStore<SK, SV>>) -> P + Send + Sync + 'static,
    ) where
        P: Processor<K, V, Out = ()>,
    {
        let names = (self.checked(source), self.checked(processor));
        add_read_only(&mut self.drawn.graph.borrow_mut(), names, topic, store.into(), make);
    }

    /// Checks the whole and makes it immutable.
    ///
    /// # Errors
    /// As [`StreamsBuilder::build`].
    pub fn build(&self) -> Result<Topology, TopologyError> {
        self.drawn.build()
    }

    fn checked(&self, name: &str) -> String {
        self.drawn.graph.borrow_mut().check_name(name);
        name.to_owned()
    }

    fn parents<'p, K: 'p, V: 'p>(&self, parents: impl IntoIterator<Item = &'p KStream<K, V>>) -> Vec<NodeId> {
        let node = |parent: &KStream<K, V>| {
            if !Rc::ptr_eq(&parent.graph, &self.drawn.graph) {
                self.drawn.graph.borrow_mut().report_foreign_stream();
            }
            parent.node
        };
        let mut nodes: Vec<NodeId> = Vec::new();
        for parent in parents.into_iter().map(node) {
            if !nodes.contains(&parent) {
                nodes.push(parent);
            }
        }
        nodes
    }
}
