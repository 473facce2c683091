//! The graph that the DSL draws: nodes with factories, in the order they were made.

mod check;
mod naming;
mod stores;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use millstream_client::OffsetReset;

use self::naming::Naming;
pub(crate) use self::stores::{StoreFactory, StoreTypes};
use super::merge::Repartition;
use super::serdes::Changes;
use super::serdes::Serdes;
use super::table::Table;
use super::{StoreSpec, TopicName, TopologyError};
use crate::errors::Policy;
use crate::task::{Assembly, Source};

/// A node of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

/// A store of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StoreId(pub(crate) u32);

/// Makes a node of a task. What it returns is a boxed `Rc<dyn Downstream<K, V>>`, which the nodes above downcast, once.
pub(crate) type ProcessorFactory = Arc<dyn Fn(&mut Assembly<'_>, NodeId) -> Box<dyn Any> + Send + Sync>;

/// Makes the sources of a task: one a topic of the node.
pub(crate) type SourceFactory = Arc<dyn Fn(&mut Assembly<'_>, NodeId) -> Vec<Rc<dyn Source>> + Send + Sync>;

/// Makes a sink of a task, for a topic of this name.
pub(crate) type SinkFactory =
    Arc<dyn Fn(&mut Assembly<'_>, NodeId, &TopicName) -> Box<dyn Any> + Send + Sync>;

/// Nodes and stores by id, ids in the order of creation. Cloned by `build`, so that a builder can go on.
#[derive(Clone, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    stores: Vec<(StoreSpec, StoreFactory)>,
    /// Counts generated names exactly as Kafka's `InternalStreamsBuilder` does: every node takes a number, named or not.
    counter: u32,
    /// Nodes whose names are not simply what they are told.
    naming: HashMap<NodeId, Naming>,
    /// What records came with, by the node they leave.
    pub(super) serdes: HashMap<NodeId, Serdes>,
    /// The stores that processors have opened and no other operator has made, with their types.
    of_processors: HashMap<StoreId, TypeId>,
    /// Where reading begins without a committed offset, for topics of which the program says so.
    resets: HashMap<TopicName, OffsetReset>,
    /// Repartition topics with a number of partitions of their own.
    partitions: HashMap<TopicName, u32>,
    next_priority: u32,
    /// Nodes and the tables they join: the topics of both have equally many partitions.
    copartitions: Vec<(NodeId, NodeId)>,
    /// The repartitions that the optimiser may merge, in the order in which they were made.
    repartitions: Vec<Repartition>,
    /// The tables of topics, and their topics.
    tables_of_topics: Vec<(NodeId, TopicName)>,
    /// The source of the repartition topic through which a stream of new keys last went into a join: the next join shares it.
    joined: HashMap<NodeId, NodeId>,
    /// A mistake that an operator had no way to return.
    mistake: Option<TopologyError>,
}

/// A node and its edges.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) kind: NodeKind,
    pub(crate) parents: Vec<NodeId>,
    pub(crate) children: Vec<NodeId>,
    pub(crate) stores: Vec<StoreId>,
    /// What is known of the values if the node makes a table.
    pub(crate) table: Option<Table>,
    /// The nodes that take their names from this one when it is given a name.
    followers: Vec<Follower>,
    /// Where it stands among the others, edges allowing: Kafka's `buildPriority`.
    priority: u32,
    /// The sink of the repartition topic that this source reads: it comes first.
    pub(crate) written_by: Option<NodeId>,
    /// Whether it joins records without a key too, so that a repartition topic above it lets them through.
    pub(crate) welcomes_missing_keys: bool,
    /// Whether it is a program's own, which may keep something from one record to the next without a store.
    pub(crate) remembers: bool,
    /// Whether it fills the store of a global table, which no task does.
    pub(crate) global: bool,
    /// Whether it changes the keys or the values of a stream.
    pub(crate) changes: Changes,
    /// Whether it makes one stream of several.
    pub(crate) merges: bool,
    /// Whether the program chooses the partitions of what it sends, so that the hash of a key does not say where it is.
    pub(crate) chooses_partitions: bool,
    /// The types of the keys and values that leave it, where keys change or streams merge.
    pub(crate) output: Option<TypeId>,
    /// Whether the optimiser has taken it out.
    pub(crate) removed: bool,
    /// What becomes of records that fail here, if the program says so; else the application decides.
    pub(crate) on_error: Option<Policy>,
    /// What happens when it is given a name, besides.
    on_named: Option<OnNamed>,
}

/// Redraws the graph around a node that is given this name.
pub(crate) type OnNamed = Arc<dyn Fn(&mut Graph, &str) + Send + Sync>;

/// A node that is named after another one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Follower {
    node: NodeId,
    /// What stands behind the other's name.
    suffix: &'static str,
    /// Whether that is the name of a repartition topic after the other's, which it reads, writes or guards.
    with_topic: bool,
}

/// What a node does in a task.
#[derive(Clone)]
pub(crate) enum NodeKind {
    Source {
        topics: Vec<TopicName>,
        types: TypeId,
        factory: SourceFactory,
    },
    Processor {
        factory: ProcessorFactory,
    },
    Sink {
        topic: TopicName,
        factory: SinkFactory,
    },
    /// A sink whose records name their topics; `extractor` is the type that does.
    DynamicSink {
        extractor: &'static str,
        factory: ProcessorFactory,
    },
    /// An end that is no topic; `kind` says in words what it is.
    Outlet {
        kind: String,
        factory: ProcessorFactory,
    },
}

impl Graph {
    /// Adds a node. A parent named twice is one parent, as in Kafka: a stream merged with itself is itself.
    pub(crate) fn add(&mut self, name: String, kind: NodeKind, parents: &[NodeId]) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        let mut parents = parents.to_vec();
        parents.dedup();
        let (children, stores) = (Vec::new(), Vec::new());
        let (table, followers) = (None, Vec::new());
        self.nodes.push(Node {
            name,
            kind,
            parents: parents.clone(),
            children,
            stores,
            table,
            followers,
            priority: self.next_priority,
            written_by: None,
            welcomes_missing_keys: false,
            remembers: false,
            global: false,
            changes: Changes::Nothing,
            merges: false,
            chooses_partitions: false,
            output: None,
            removed: false,
            on_error: None,
            on_named: None,
        });
        self.next_priority += 1;
        for parent in parents {
            self.node_mut(parent).children.push(id);
        }
        id
    }

    /// Says what becomes of records that fail at a node; if it makes the table of a topic, at its source too.
    pub(crate) fn on_error(&mut self, node: NodeId, policy: Policy) {
        if self.tables_of_topics.iter().any(|(table, _)| *table == node) {
            for source in self.node(node).parents.clone() {
                self.node_mut(source).on_error = Some(Policy::clone(&policy));
            }
        }
        self.node_mut(node).on_error = Some(policy);
    }

    /// The sinks of a topic.
    pub(crate) fn sinks_of<'a>(&'a self, of: &'a TopicName) -> impl Iterator<Item = &'a Node> {
        let is_sink = move |kind: &NodeKind| matches!(kind, NodeKind::Sink { topic, .. } if topic == of);
        self.nodes.iter().filter(move |node| is_sink(&node.kind))
    }

    /// Whether a partitioner of the program's chooses the partitions of records that go to one of these topics. A sink whose
    /// records name their topics may mean any.
    pub(super) fn chooses_partitions_of(&self, topics: &[TopicName]) -> bool {
        let mut choosing = self.nodes.iter().filter(|node| node.chooses_partitions && !node.removed);
        choosing.any(|node| match &node.kind {
            NodeKind::Sink { topic, .. } => {
                let pattern = |read: &TopicName| matches!(read, TopicName::Matching(_));
                topics.iter().any(|read| read == topic || pattern(read) && read.covers(topic.as_str(), ""))
            }
            NodeKind::DynamicSink { .. } => true,
            NodeKind::Source { .. } | NodeKind::Processor { .. } | NodeKind::Outlet { .. } => false,
        })
    }

    /// Whether what comes to a node would come again if its records were read again: no node above it keeps anything.
    pub(crate) fn is_repeatable(&self, node: NodeId) -> bool {
        self.node(node).parents.iter().all(|above| {
            let at = self.node(*above);
            at.stores.is_empty() && at.table.is_none() && !at.remembers && self.is_repeatable(*above)
        })
    }

    /// Whether a node has a say in what becomes of records that fail.
    pub(crate) fn has_policies(&self) -> bool {
        self.nodes.iter().any(|node| node.on_error.is_some())
    }

    /// Has a source come after the sink that writes its topic.
    pub(crate) fn put_after(&mut self, source: NodeId, sink: NodeId) {
        self.node_mut(source).written_by = Some(sink);
    }

    /// Says that the topics above `node` and above `table` have equally many partitions.
    pub(crate) fn copartition(&mut self, node: NodeId, table: NodeId) {
        self.copartitions.push((node, table));
    }

    pub(crate) fn copartitions(&self) -> &[(NodeId, NodeId)] {
        &self.copartitions
    }

    pub(crate) fn add_repartition(&mut self, repartition: Repartition) {
        self.repartitions.push(repartition);
    }

    pub(super) fn repartitions(&self) -> &[Repartition] {
        &self.repartitions
    }

    pub(crate) fn add_table_of_topic(&mut self, node: NodeId, topic: TopicName) {
        self.tables_of_topics.push((node, topic));
    }

    pub(super) fn tables_of_topics(&self) -> &[(NodeId, TopicName)] {
        &self.tables_of_topics
    }

    /// Records leave `node` as these types, in one stream of several if it `merges`.
    pub(crate) fn set_output(&mut self, node: NodeId, types: TypeId, merges: bool) {
        self.node_mut(node).output = Some(types);
        self.node_mut(node).merges = merges;
    }

    /// Has every node tell those below it in the order in which Kafka attaches them.
    pub(super) fn sort_children(&mut self, order: &[NodeId]) {
        let place = |id: &NodeId| order.iter().position(|known| known == id);
        for id in order {
            self.node_mut(*id).children.sort_by_key(place);
        }
    }

    /// The repartition of a stream for a join that the next join shares.
    pub(crate) fn joined_through(&self, stream: NodeId) -> Option<NodeId> {
        self.joined.get(&stream).copied()
    }

    pub(crate) fn join_through(&mut self, stream: NodeId, source: NodeId) {
        self.joined.insert(stream, source);
    }

    pub(crate) fn welcome_missing_keys(&mut self, node: NodeId) {
        self.node_mut(node).welcomes_missing_keys = true;
    }

    /// Whether a node below joins records without a key too (Kafka's `NodesWithRelaxedNullKeyJoinDownstream`).
    pub(crate) fn leads_to_left_join(&self, node: NodeId) -> bool {
        let below = |id: &NodeId| self.node(*id).welcomes_missing_keys || self.leads_to_left_join(*id);
        let reads = |id: &NodeId| self.node(*id).written_by == Some(node);
        self.node(node).children.iter().any(below) || self.ids().filter(reads).any(|id| below(&id))
    }

    pub(crate) fn on_named(&mut self, node: NodeId, redraw: OnNamed) {
        self.node_mut(node).on_named = Some(redraw);
    }

    /// Moves the edge from `from` to `node`, so that it comes from `to`; what stands above `to` is made before `node`.
    pub(crate) fn move_edge(&mut self, node: NodeId, from: NodeId, to: NodeId) {
        self.node_mut(from).children.retain(|child| *child != node);
        self.node_mut(to).children.push(node);
        self.node_mut(node)
            .parents
            .iter_mut()
            .filter(|parent| **parent == from)
            .for_each(|parent| *parent = to);
    }

    /// Moves a node to the place of another one, edges allowing.
    pub(crate) fn move_to(&mut self, node: NodeId, place: NodeId) {
        self.node_mut(node).priority = self.node(place).priority;
    }

    /// Moves a node behind all that were made so far, edges allowing.
    pub(crate) fn move_to_end(&mut self, node: NodeId) {
        self.node_mut(node).priority = self.next_priority;
        self.next_priority += 1;
    }

    /// The nodes from sources to sinks, in the order in which Kafka writes them into its topology: the next is the one of
    /// the smallest priority whose parents are all there.
    pub(crate) fn order(&self) -> Vec<NodeId> {
        let mut order: Vec<NodeId> = Vec::with_capacity(self.nodes.len());
        let mut waiting: Vec<NodeId> = self.ids().filter(|id| !self.node(*id).removed).collect();
        waiting.sort_by_key(|id| self.node(*id).priority);
        while !waiting.is_empty() {
            let is_free = |id: &NodeId| {
                let node = self.node(*id);
                node.parents.iter().chain(&node.written_by).all(|above| order.contains(above))
            };
            let next = waiting.iter().position(is_free).unwrap_or_default();
            order.push(waiting.remove(next));
        }
        order
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    /// The stream source that already reads `wanted` as these types: Kafka merges sources of the same topics, and the first
    /// one's name stays.
    pub(crate) fn source_of(&mut self, wanted: &[TopicName], wanted_types: TypeId) -> Option<NodeId> {
        let found = self.ids().find(|id| match &self.node(*id).kind {
            NodeKind::Source { topics, types, .. } => *types == wanted_types && topics == wanted,
            _ => false,
        })?;
        self.naming.insert(found, Naming::Kept);
        Some(found)
    }

    /// Says where reading of these topics begins without a committed offset; who reads them `again` says the same.
    pub(crate) fn reset_offsets(&mut self, topics: &[TopicName], reset: Option<OffsetReset>, again: bool) {
        for topic in topics {
            if again && self.resets.get(topic).copied() != reset {
                self.mistake.get_or_insert(TopologyError::ConflictingResets(topic.to_string()));
            }
            if let Some(reset) = reset {
                self.resets.insert(topic.clone(), reset);
            }
        }
    }

    /// What the program says of a topic; a repartition topic is read from its beginning.
    pub(crate) fn offset_reset(&self, topic: &TopicName) -> Option<OffsetReset> {
        if topic.is_internal() {
            return Some(OffsetReset::Earliest);
        }
        self.resets.get(topic).copied()
    }

    /// Gives the topic that a source reads a number of partitions of its own.
    pub(crate) fn set_partitions(&mut self, source: NodeId, partitions: u32) {
        let NodeKind::Source { topics, .. } = &self.node(source).kind else { return };
        let topic = topics[0].clone();
        if partitions == 0 {
            self.mistake.get_or_insert(TopologyError::NoPartitions(topic.to_string()));
        }
        self.partitions.insert(topic, partitions);
    }

    pub(crate) fn wanted_partitions(&self, topic: &TopicName) -> Option<u32> {
        self.partitions.get(topic).copied()
    }

    pub(crate) fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }
}
