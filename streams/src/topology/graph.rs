//! The graph that the DSL draws: nodes with factories, in the order they were made.

use std::any::{Any, TypeId};
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::{StoreSpec, TopicName, TopologyError};
use crate::store::typed::TaskStore;
use crate::task::{Assembly, Source, StoreParts};

/// Characters of the longest name: Kafka's limit for topics.
const MAX_NAME: usize = 249;

/// A node of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(pub(crate) u32);

/// A store of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StoreId(pub(crate) u32);

/// Makes a node of a task. What it returns is a boxed `Rc<dyn Downstream<K, V>>`, which the nodes above downcast, once.
pub(crate) type ProcessorFactory = Arc<dyn Fn(&mut Assembly<'_>, NodeId) -> Box<dyn Any> + Send + Sync>;

/// Makes a source of a task.
pub(crate) type SourceFactory = Arc<dyn Fn(&mut Assembly<'_>, NodeId) -> Rc<dyn Source> + Send + Sync>;

/// Puts the typed store in front of a task's bytes.
pub(crate) type StoreFactory = Arc<dyn Fn(StoreParts) -> Rc<dyn TaskStore> + Send + Sync>;

/// Nodes and stores by id, ids in the order of creation. Cloned by `build`, so that a builder can go on.
#[derive(Clone, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    stores: Vec<(StoreSpec, StoreFactory)>,
    /// Counts generated names exactly as Kafka's `InternalStreamsBuilder` does: every node takes a number, named or not.
    counter: u32,
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
}

/// What a node does in a task.
#[derive(Clone)]
pub(crate) enum NodeKind {
    Source { topics: Vec<TopicName>, types: TypeId, factory: SourceFactory },
    Processor { factory: ProcessorFactory },
    Sink { topic: TopicName, factory: ProcessorFactory },
}

impl Graph {
    /// The next generated name: `KSTREAM-MAP-0000000003`.
    pub(crate) fn generate(&mut self, prefix: &str) -> String {
        let name = format!("{prefix}{:010}", self.counter);
        self.counter += 1;
        name
    }

    /// Adds a node. A parent named twice is one parent, as in Kafka: a stream merged with itself is itself.
    pub(crate) fn add(&mut self, name: String, kind: NodeKind, parents: &[NodeId]) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        let mut parents = parents.to_vec();
        parents.dedup();
        let (children, stores) = (Vec::new(), Vec::new());
        self.nodes.push(Node { name, kind, parents: parents.clone(), children, stores });
        for parent in parents {
            self.node_mut(parent).children.push(id);
        }
        id
    }

    pub(crate) fn add_store(&mut self, spec: StoreSpec, factory: StoreFactory) -> StoreId {
        self.check_name(&spec.name);
        self.stores.push((spec, factory));
        StoreId(self.stores.len() as u32 - 1)
    }

    pub(crate) fn connect_store(&mut self, node: NodeId, store: StoreId) {
        self.node_mut(node).stores.push(store);
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id.0 as usize]
    }

    pub(crate) fn rename(&mut self, id: NodeId, name: &str) {
        self.check_name(name);
        name.clone_into(&mut self.node_mut(id).name);
    }

    /// Names become parts of topic names and of directories: Kafka's `Named.validate`.
    fn check_name(&mut self, name: &str) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let valid =
            (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(allowed) && name != "." && name != "..";
        if !valid {
            self.mistake.get_or_insert(TopologyError::InvalidName(name.to_owned()));
        }
    }

    /// The stream source that already reads `topic` as these types: Kafka merges sources of one topic.
    pub(crate) fn source_of(&self, topic: &TopicName, wanted: TypeId) -> Option<NodeId> {
        self.ids().find(|id| match &self.node(*id).kind {
            NodeKind::Source { topics, types, .. } => *types == wanted && topics.contains(topic),
            NodeKind::Processor { .. } | NodeKind::Sink { .. } => false,
        })
    }

    /// Two streams of different builders met.
    pub(crate) fn report_foreign_stream(&mut self) {
        self.mistake.get_or_insert(TopologyError::ForeignStream);
    }

    pub(crate) fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }

    pub(crate) fn store(&self, id: StoreId) -> &(StoreSpec, StoreFactory) {
        &self.stores[id.0 as usize]
    }

    /// The mistakes that the types cannot rule out.
    pub(crate) fn check(&self) -> Result<(), TopologyError> {
        if let Some(mistake) = &self.mistake {
            return Err(mistake.clone());
        }
        let mut names = HashSet::new();
        if let Some(twice) = self.nodes.iter().find(|node| !names.insert(&node.name)) {
            return Err(TopologyError::DuplicateNode(twice.name.clone()));
        }
        let mut names = HashSet::new();
        if let Some((twice, _)) = self.stores.iter().find(|(spec, _)| !names.insert(&spec.name)) {
            return Err(TopologyError::DuplicateStore(twice.name.clone()));
        }
        let mut read = HashSet::new();
        let topics = self.nodes.iter().flat_map(|node| match &node.kind {
            NodeKind::Source { topics, .. } => topics.as_slice(),
            NodeKind::Processor { .. } | NodeKind::Sink { .. } => &[],
        });
        for topic in topics {
            if !read.insert(topic) {
                return Err(TopologyError::ConflictingSources(topic.to_string()));
            }
        }
        if read.is_empty() { Err(TopologyError::Empty) } else { Ok(()) }
    }
}
