//! `Topology::describe()`: the text of Kafka Streams, to the byte.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

use super::java::{TreeSet, iteration_order};
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
        let mut parts: Vec<&Subtopology> = self.topology.subtopologies().iter().collect();
        parts.extend(self.topology.globals());
        parts.sort_by_key(|part| part.id);
        for part in parts {
            let is_global = part.is_global(self.topology.graph());
            let remark = if is_global { " for global store (will not generate tasks)" } else { "" };
            writeln!(formatter, "  Sub-topology: {}{remark}", part.id)?;
            let layout = Layout::new(self.topology.graph(), part);
            for node in layout.in_order(part.nodes.clone()) {
                write_node(formatter, &layout, node)?;
            }
            if !is_global {
                formatter.write_str("\n")?;
            }
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
    let (below, above) = (
        layout.names(&layout.successors[&id].in_order()),
        layout.names(&layout.predecessors[&id].in_order()),
    );
    match &node.kind {
        NodeKind::Source { topics, .. } if matches!(topics[..], [TopicName::Matching(_)]) => {
            writeln!(formatter, "    Source: {} (topics: {})\n      --> {below}", node.name, topics[0])
        }
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
        NodeKind::DynamicSink { extractor, .. } => {
            writeln!(formatter, "    Sink: {} (extractor class: {extractor})\n      <-- {above}", node.name)
        }
        NodeKind::Outlet { kind, .. } => {
            writeln!(formatter, "    Sink: {} (outlet: {kind})\n      <-- {above}", node.name)
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
    successors: HashMap<NodeId, TreeSet<NodeId>>,
    predecessors: HashMap<NodeId, TreeSet<NodeId>>,
}

impl<'a> Layout<'a> {
    fn new(graph: &'a Graph, part: &Subtopology) -> Self {
        let empty = || part.nodes.iter().map(|id| (*id, TreeSet::default())).collect();
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
        let mut above = self.predecessors.remove(&node).unwrap_or_default();
        above.insert(parent, |a, b| self.compare(a, b));
        self.predecessors.insert(node, above);
        let mut below = self.successors.remove(&parent).unwrap_or_default();
        below.insert(node, |a, b| self.compare(a, b));
        self.successors.insert(parent, below);
        self.grow(parent, self.sizes[&node]);
    }

    fn grow(&mut self, node: NodeId, by: usize) {
        *self.sizes.entry(node).or_default() += by;
        for above in self.predecessors[&node].in_order() {
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
