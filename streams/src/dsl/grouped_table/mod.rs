//! Grouped tables: what aggregations that also subtract start from.

mod aggregate;
mod count;
mod node;
mod reduce;

use std::cell::Cell;

use crate::data::Data;
use crate::processor::Change;
use crate::serde::{Changed, SerdeHandle};
use crate::store::KeyValueStore;
use crate::topology::{NodeId, TopicName};

use super::{KTable, SharedGraph, sink, source};
use node::Update;

/// A table grouped by another key, made by [`group_by`](KTable::group_by). It is counted, reduced or aggregated with two
/// closures: one adds a value to its group, the other takes one out again.
#[must_use = "a grouping does nothing until it is counted, reduced or aggregated"]
pub struct KGroupedTable<K, V> {
    graph: SharedGraph,
    /// The node that selects the new keys.
    node: NodeId,
    name: Option<String>,
    /// Sink and source of the repartition topic that the next aggregation shares, if the grouping has a name.
    repartitioned: Cell<Option<(NodeId, NodeId)>>,
    types: std::marker::PhantomData<fn() -> (K, V)>,
}

impl<K: Data<Present = K>, V: Data<Present = V>> KGroupedTable<K, V> {
    pub(super) fn new(graph: SharedGraph, node: NodeId) -> Self {
        Self { graph, node, name: None, repartitioned: Cell::new(None), types: std::marker::PhantomData }
    }

    /// Names the grouping: the node that selects the key and the repartition topic, `<application.id>-<name>-repartition`,
    /// which all aggregations of this grouping then share (Kafka's `Grouped.as`).
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let users = builder.table(Topic::<String, String>::new("users"));
    /// let by_city = users.group_by(|name, city| (city.clone(), name.clone())).named("by-city");
    /// let _counts = by_city.count("counts");
    /// assert_eq!(builder.build()?.subtopologies()[1].sources[0].as_str(), "by-city-repartition");
    /// # Ok(()) }
    /// ```
    pub fn named(mut self, name: &str) -> Self {
        self.graph.borrow_mut().rename(self.node, name);
        self.name = Some(name.to_owned());
        self
    }

    /// Adds an aggregation and the repartition topic it stands on.
    fn aggregated<A: Data<Present = A>>(
        &self,
        prefix: &str,
        store: KeyValueStore<K, A>,
        update: impl Update<K, V, A>,
    ) -> KTable<K, A> {
        let graph = &mut *self.graph.borrow_mut();
        let generated = || graph.generate("KTABLE-AGGREGATE-STATE-STORE-");
        let store_name = store.name().map(str::to_owned).unwrap_or_else(generated);
        let sink_name = graph.generate("KSTREAM-SINK-");
        let source_name = graph.generate("KSTREAM-SOURCE-");
        let name = graph.generate(prefix);
        let shared = self.repartitioned.get().filter(|_| self.name.is_some());
        let (sink, source) = match shared {
            Some((sink, source)) => {
                // Kafka adds the shared node once more, which moves it behind what was made meanwhile.
                graph.move_to_end(sink);
                graph.move_to_end(source);
                (sink, source)
            }
            None => {
                let topic = format!("{}-repartition", self.name.as_ref().unwrap_or(&store_name));
                let topic = TopicName::Internal(topic.into());
                let (key, value) =
                    (SerdeHandle::native(), SerdeHandle::shared(Changed(SerdeHandle::native())));
                let sink = sink::add::<K, Change<V>>(
                    graph,
                    sink_name,
                    &[self.node],
                    topic.clone(),
                    key.clone(),
                    value.clone(),
                );
                (sink, source::add_below::<K, Change<V>>(graph, source_name, sink, topic, key, value))
            }
        };
        self.repartitioned.set(Some((sink, source)));
        let node = node::add(graph, name, source, store, store_name, update);
        if shared.is_none() {
            graph.follow(node, sink, "-sink");
            graph.follow(node, source, "-source");
        }
        KTable::new(self.graph.clone(), node)
    }
}
