//! Cutting a graph into the parts that no record crosses but through a topic.

use super::{CopartitionGroup, Graph, NodeId, NodeKind, StoreId, StoreSpec, TopicName};

/// A connected part of a topology. It has one task per partition of the topics it reads.
#[derive(Debug, Clone)]
pub struct Subtopology {
    /// Its number, the first half of a [`TaskId`](crate::task::TaskId).
    pub id: u32,
    /// The topics it reads; a task reads its own partition of each. In this order a task numbers its inputs.
    pub sources: Vec<TopicName>,
    /// The topics it writes, changelogs not counted.
    pub sinks: Vec<TopicName>,
    /// Its stores; a task is given their backends in this order.
    pub stores: Vec<StoreSpec>,
    /// Which of its sources must have equally many partitions.
    pub copartitions: Vec<CopartitionGroup>,
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) source_nodes: Vec<NodeId>,
    pub(crate) store_ids: Vec<StoreId>,
}

impl Subtopology {
    /// Whether it fills the store of a global table.
    pub(super) fn is_global(&self, graph: &Graph) -> bool {
        self.nodes.iter().any(|node| graph.node(*node).global)
    }
}

/// Numbers the parts as Kafka's `InternalTopologyBuilder.makeNodeGroups` does: by the first of their nodes that was made.
pub(crate) fn partition(graph: &Graph) -> Vec<Subtopology> {
    let (groups, order) = (groups(graph), graph.order());
    let group_of = |id: &NodeId| groups[id.0 as usize];
    let mut numbered: Vec<usize> = Vec::new();
    for group in order.iter().map(group_of) {
        if !numbered.contains(&group) {
            numbered.push(group);
        }
    }
    let members = |group| order.iter().copied().filter(|id| group_of(id) == group).collect();
    numbered.into_iter().zip(0..).map(|(group, id)| describe(graph, id, members(group))).collect()
}

/// For each node the smallest node it is connected with, by an edge or by a shared store.
fn groups(graph: &Graph) -> Vec<usize> {
    let mut group: Vec<usize> = graph.ids().map(|id| id.0 as usize).collect();
    let mut owners: Vec<(StoreId, usize)> = Vec::new();
    for id in graph.ids() {
        let node = graph.node(id);
        for parent in &node.parents {
            merge(&mut group, id.0 as usize, parent.0 as usize);
        }
        for store in &node.stores {
            match owners.iter().find(|(owned, _)| owned == store) {
                Some((_, owner)) => merge(&mut group, id.0 as usize, *owner),
                None => owners.push((*store, id.0 as usize)),
            }
        }
    }
    group
}

fn merge(group: &mut [usize], a: usize, b: usize) {
    let (from, to) = (group[a].max(group[b]), group[a].min(group[b]));
    for member in group.iter_mut().filter(|member| **member == from) {
        *member = to;
    }
}

fn describe(graph: &Graph, id: u32, nodes: Vec<NodeId>) -> Subtopology {
    let mut part = Subtopology {
        id,
        sources: Vec::new(),
        sinks: Vec::new(),
        stores: Vec::new(),
        copartitions: Vec::new(),
        nodes,
        source_nodes: Vec::new(),
        store_ids: Vec::new(),
    };
    for node_id in part.nodes.clone() {
        let node = graph.node(node_id);
        match &node.kind {
            NodeKind::Source { topics, .. } => {
                part.sources.extend(topics.iter().cloned());
                part.source_nodes.extend(topics.iter().map(|_| node_id));
            }
            NodeKind::Sink { topic, .. } if !part.sinks.contains(topic) => part.sinks.push(topic.clone()),
            _ => {}
        }
        for store in &node.stores {
            if !part.store_ids.contains(store) {
                part.store_ids.push(*store);
                part.stores.push(graph.store(*store).0.clone());
            }
        }
    }
    part.copartitions = copartitions(graph, &part);
    part
}

/// The topics above the two sides of each join; joins that share a topic make one group.
fn copartitions(graph: &Graph, part: &Subtopology) -> Vec<CopartitionGroup> {
    let mut groups: Vec<CopartitionGroup> = Vec::new();
    for (node, table) in graph.copartitions().iter().filter(|(node, _)| part.nodes.contains(node)) {
        let mut topics = Vec::new();
        topics_above(graph, *node, &mut topics);
        topics_above(graph, *table, &mut topics);
        let meets = |group: &CopartitionGroup| group.0.iter().any(|topic| topics.contains(topic));
        let (met, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(meets);
        topics.extend(met.into_iter().flat_map(|group| group.0));
        topics.sort();
        topics.dedup();
        groups = others;
        groups.push(CopartitionGroup(topics));
    }
    groups
}

fn topics_above(graph: &Graph, node: NodeId, topics: &mut Vec<TopicName>) {
    if let NodeKind::Source { topics: read, .. } = &graph.node(node).kind {
        topics.extend(read.iter().cloned());
    }
    for parent in &graph.node(node).parents {
        topics_above(graph, *parent, topics);
    }
}
