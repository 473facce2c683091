//! Grouped streams: what aggregations start from.

mod aggregate;
mod count;
mod node;
mod reduce;

use std::cell::Cell;
use std::rc::Rc;

use crate::data::Data;
use crate::store::KeyValueStore;
use crate::topology::{Graph, NodeId};

use super::{KStream, KTable, SharedGraph, repartition};
pub(super) use node::Update;

/// A stream whose records of one key are together in one task. `count`, `reduce` and `aggregate` make tables of it.
#[must_use = "a grouping does nothing until it is counted, reduced or aggregated"]
pub struct KGroupedStream<K, V> {
    stream: KStream<K, V>,
    /// Whether grouping made a node of its own, which then carries the grouping's name.
    selects: bool,
    /// Kafka's `Grouped.as`: the repartition topic's name.
    name: Option<String>,
    /// The repartition source, once one exists: a named one is shared by all aggregations of the grouping.
    repartitioned: Rc<Cell<Option<NodeId>>>,
}

impl<K: Data, V: Data> KGroupedStream<K, V> {
    pub(super) fn new(stream: KStream<K, V>, selects: bool) -> Self {
        Self { stream, selects, name: None, repartitioned: Rc::default() }
    }

    /// Names the grouping: the repartition topic becomes `<application.id>-<name>-repartition` (Kafka's `Grouped.as`). All
    /// aggregations of a named grouping share the topic.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let words = builder.stream(Topic::<Option<String>, String>::new("words"));
    /// let _counts = words.group_by(|_, word| word.clone()).named("by-word").count("counts");
    /// assert_eq!(builder.build()?.subtopologies()[1].sources[0].as_str(), "by-word-repartition");
    /// # Ok(()) }
    /// ```
    pub fn named(mut self, name: &str) -> Self {
        if self.selects {
            self.stream.graph.borrow_mut().rename(self.stream.node, name);
        }
        self.name = Some(name.to_owned());
        self
    }

    /// Adds an aggregation and what it stands on. `legacy_number`: Kafka takes one more number for a `count` whose store it
    /// names itself.
    fn aggregated<A: Data<Present = A>>(
        &self,
        prefixes: Prefixes,
        store: KeyValueStore<K::Present, A>,
        legacy_number: bool,
        update: impl Update<K::Present, V::Present, A>,
    ) -> KTable<K::Present, A> {
        let graph = &mut *self.stream.graph.borrow_mut();
        let place = self.place(graph, prefixes, store.name(), legacy_number);
        self.table::<V, A>(graph, place, store, update)
    }

    /// Adds an aggregation of records whose values are `W` where they come from.
    pub(super) fn table<W: Data, A: Data<Present = A>>(
        &self,
        graph: &mut Graph,
        Place { name, store_name, parent }: Place,
        store: KeyValueStore<K::Present, A>,
        update: impl Update<K::Present, W::Present, A>,
    ) -> KTable<K::Present, A> {
        let node = node::add::<K, W, A, _>(graph, name, parent, store, store_name, update);
        KTable::new(self.stream.graph.clone(), node)
    }

    /// Takes the names of an aggregation, and adds the repartition that it needs.
    pub(super) fn place(
        &self,
        graph: &mut Graph,
        prefixes: Prefixes,
        store: Option<&str>,
        legacy_number: bool,
    ) -> Place {
        let parent = |graph: &mut Graph, store_name: &str| self.repartition(graph, store_name);
        self.place_below(graph, prefixes, store, legacy_number, parent)
    }

    /// The same for an aggregation whose records come to it another way, which `parent` draws, told the store's name.
    pub(super) fn place_below(
        &self,
        graph: &mut Graph,
        prefixes: Prefixes,
        store: Option<&str>,
        legacy_number: bool,
        parent: impl FnOnce(&mut Graph, &str) -> NodeId,
    ) -> Place {
        if legacy_number && store.is_none() {
            let _ = graph.generate(prefixes.store);
        }
        let store_name = store.map(str::to_owned).unwrap_or_else(|| graph.generate(prefixes.store));
        let name = graph.generate(prefixes.node);
        let parent = parent(graph, &store_name);
        Place { name, store_name, parent }
    }

    fn repartition(&self, graph: &mut Graph, store_name: &str) -> NodeId {
        let parent = match (self.stream.rekeyed, self.repartitioned.get()) {
            (false, _) => self.stream.node,
            (true, Some(source)) if self.name.is_some() => {
                repartition::skip_names(graph);
                source
            }
            (true, _) => {
                let prefix = self.name.as_deref().unwrap_or(store_name);
                repartition::add::<K, V>(graph, self.stream.node, prefix).source
            }
        };
        self.repartitioned.set(Some(parent));
        parent
    }

    /// The node whose records are grouped.
    pub(super) fn node(&self) -> NodeId {
        self.stream.node
    }

    /// Whether they must go through a topic for that.
    pub(super) fn is_shuffled(&self) -> bool {
        self.stream.rekeyed
    }

    pub(super) fn graph(&self) -> &SharedGraph {
        &self.stream.graph
    }
}

impl<K, V> Clone for KGroupedStream<K, V> {
    /// Another handle of the same grouping.
    fn clone(&self) -> Self {
        let (stream, repartitioned) = (self.stream.clone(), Rc::clone(&self.repartitioned));
        Self { stream, selects: self.selects, name: self.name.clone(), repartitioned }
    }
}

/// Where an aggregation stands in the graph.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) store_name: String,
    pub(super) parent: NodeId,
}

/// How Kafka's generated names of an aggregation begin.
#[derive(Clone, Copy)]
pub(super) struct Prefixes {
    node: &'static str,
    store: &'static str,
}

pub(super) const AGGREGATE: Prefixes =
    Prefixes { node: "KSTREAM-AGGREGATE-", store: "KSTREAM-AGGREGATE-STATE-STORE-" };
pub(super) const REDUCE: Prefixes =
    Prefixes { node: "KSTREAM-REDUCE-", store: "KSTREAM-REDUCE-STATE-STORE-" };
