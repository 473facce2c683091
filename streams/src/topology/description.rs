//! `Topology::describe()`: the text of Kafka Streams, to the byte.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use super::java_set::iteration_order;
use super::{Graph, NodeId, NodeKind, Subtopology, TopicName, Topology};

/// Prints a topology as Kafka Streams does.
pub struct Description<'a> {
    topology: &'a Topology,
}

impl<'a> Description<'a> {
    pub(super) fn new(topology: &'a Topology) -> Self {
        Self { topology }
    }
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Topologies:\n ")?;
        for part in self.topology.subtopologies() {
            writeln!(formatter, "  Sub-topology: {}", part.id)?;
            let layout = Layout::new(self.topology.graph(), part);
            for node in layout.in_order(part.nodes.clone()) {
                write_node(formatter, &layout, node)?;
            }
            formatter.write_str("\n")?;
        }
        Ok(())
    }
}

fn write_node(formatter: &mut fmt::Formatter<'_>, layout: &Layout<'_>, id: NodeId) -> fmt::Result {
    let node = layout.graph.node(id);
    let stores = || {
        let mut names: Vec<_> =
            node.stores.iter().map(|id| layout.graph.store(*id).0.name.as_str()).collect();
        names.sort_unstable();
        names.join(", ")
    };
    let (below, above) = (layout.names(&layout.successors[&id]), layout.names(&layout.predecessors[&id]));
    match &node.kind {
        NodeKind::Source { topics, .. } => {
            let topics: Vec<&str> = topics.iter().map(TopicName::as_str).collect();
            writeln!(
                formatter,
                "    Source: {} (topics: [{}])\n      --> {below}",
                node.name,
                topics.join(", ")
            )
        }
        NodeKind::Processor { .. } => {
            let (name, stores) = (&node.name, stores());
            writeln!(
                formatter,
                "    Processor: {name} (stores: [{stores}])\n      --> {below}\n      <-- {above}"
            )
        }
        NodeKind::Sink { topic, .. } => {
            writeln!(formatter, "    Sink: {} (topic: {topic})\n      <-- {above}", node.name)
        }
    }
}

/// The order of nodes and edges. Kafka sorts both by the size of the tree below a node, but puts edges into sorted sets while
/// the sizes still grow, so that the result depends on the order in which it walks the nodes: a hash set's.
struct Layout<'a> {
    graph: &'a Graph,
    sizes: HashMap<NodeId, usize>,
    successors: HashMap<NodeId, Vec<NodeId>>,
    predecessors: HashMap<NodeId, Vec<NodeId>>,
}

impl<'a> Layout<'a> {
    fn new(graph: &'a Graph, part: &Subtopology) -> Self {
        let empty = || part.nodes.iter().map(|id| (*id, Vec::new())).collect();
        let sizes = part.nodes.iter().map(|id| (*id, 1)).collect();
        let mut layout = Self { graph, sizes, successors: empty(), predecessors: empty() };
        let by_name: HashMap<&str, NodeId> =
            part.nodes.iter().map(|id| (graph.node(*id).name.as_str(), *id)).collect();
        let names = part.nodes.iter().map(|id| graph.node(*id).name.as_str()).collect();
        for name in iteration_order(names) {
            let node = by_name[name];
            for parent in &graph.node(node).parents {
                layout.connect(*parent, node);
            }
        }
        layout
    }

    fn connect(&mut self, parent: NodeId, node: NodeId) {
        let above = self.inserted(&self.predecessors[&node], parent);
        let below = self.inserted(&self.successors[&parent], node);
        self.predecessors.insert(node, above);
        self.successors.insert(parent, below);
        self.grow(parent, self.sizes[&node]);
    }

    /// A sorted set whose order may have gone stale takes one more: it goes before the first that it precedes.
    fn inserted(&self, nodes: &[NodeId], node: NodeId) -> Vec<NodeId> {
        let place = nodes.iter().position(|other| self.compare(node, *other).is_lt()).unwrap_or(nodes.len());
        let mut nodes = nodes.to_vec();
        nodes.insert(place, node);
        nodes
    }

    fn grow(&mut self, node: NodeId, by: usize) {
        *self.sizes.entry(node).or_default() += by;
        for above in self.predecessors[&node].clone() {
            self.grow(above, by);
        }
    }

    /// The larger tree first, then by name.
    fn compare(&self, a: NodeId, b: NodeId) -> Ordering {
        let by_name = || self.graph.node(a).name.cmp(&self.graph.node(b).name);
        self.sizes[&b].cmp(&self.sizes[&a]).then_with(by_name)
    }

    fn in_order(&self, mut nodes: Vec<NodeId>) -> Vec<NodeId> {
        nodes.sort_by(|a, b| self.compare(*a, *b));
        nodes
    }

    fn names(&self, nodes: &[NodeId]) -> String {
        match nodes {
            [] => "none".to_owned(),
            _ => nodes.iter().map(|id| self.graph.node(*id).name.as_str()).collect::<Vec<_>>().join(", "),
        }
    }
}
