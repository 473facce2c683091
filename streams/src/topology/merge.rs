//! One repartition topic for all that group or join a stream of new keys: Kafka's `mergeRepartitionTopics`.

use std::any::TypeId;

use super::{Graph, NodeId, NodeKind, TopicName};

/// The nodes around a repartition topic that may be merged with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Repartition {
    pub(crate) filter: NodeId,
    pub(crate) sink: NodeId,
    /// Where the records come out again.
    pub(crate) source: NodeId,
    /// Of its records' keys and values.
    pub(crate) types: TypeId,
}

/// A node and the repartitions that its records go through further below.
type Candidate = (NodeId, Vec<Repartition>);

impl Graph {
    /// Has each stream of new keys go through one topic, right below the node that changes the keys or merges such streams.
    pub(super) fn merge_repartitions(&mut self) {
        let mut candidates = self.by_key_changer();
        self.move_to_merges(&mut candidates);
        for (changer, repartitions) in candidates {
            // A join in between may have changed the values: then there is no one type that a topic above it could have.
            let types = self.node(changer).output;
            if !repartitions.iter().all(|repartition| Some(repartition.types) == types) {
                continue;
            }
            // Kafka fails where merges lie below each other, and leaves new keys where they are that come another way.
            let is_left = |found: &Repartition| !self.node(found.filter).removed;
            let mergeable = repartitions.into_iter().filter(is_left);
            let mergeable: Vec<Repartition> =
                mergeable.filter(|found| self.leads_through(changer, found.filter)).collect();
            self.merge_below(changer, &mergeable);
        }
    }

    fn by_key_changer(&self) -> Vec<Candidate> {
        let changers = self.ids().filter(|id| self.node(*id).changes.keys());
        let mut candidates: Vec<Candidate> = changers.map(|id| (id, Vec::new())).collect();
        for repartition in self.repartitions() {
            let changes = |id: NodeId| self.node(id).changes;
            let any = self.find_above(repartition.filter, &|id| changes(id).keys() || changes(id).values());
            let keys = self.find_above(repartition.filter, &|id| changes(id).keys());
            let found = candidates.iter_mut().find(|(changer, _)| keys == Some(*changer) && any == keys);
            if let Some((_, repartitions)) = found {
                repartitions.push(*repartition);
            }
        }
        candidates
    }

    /// Repartitions below a merge of streams are merged there, whichever of the streams changed its keys.
    fn move_to_merges(&self, candidates: &mut Vec<Candidate>) {
        let mut moved = Vec::new();
        let mut merged = Vec::new();
        for merge in self.ids().filter(|id| self.node(*id).merges) {
            let mut below = Vec::new();
            for (changer, repartitions) in candidates.iter() {
                let is_below =
                    |repartition: &Repartition| self.child_towards(merge, repartition.filter).is_some();
                if repartitions.iter().all(is_below) && self.child_towards(*changer, merge).is_some() {
                    below.extend(
                        repartitions
                            .iter()
                            .copied()
                            .filter(|found| !below.contains(found))
                            .collect::<Vec<_>>(),
                    );
                    moved.push(*changer);
                }
            }
            merged.push((merge, below));
        }
        candidates.retain(|(changer, _)| !moved.contains(changer));
        candidates.extend(merged);
    }

    fn merge_below(&mut self, changer: NodeId, repartitions: &[Repartition]) {
        let Some(first) = repartitions.first() else { return };
        let one = self.copy_repartition(*first, changer);
        for repartition in repartitions {
            let Some(child) = self.child_towards(changer, repartition.filter) else { continue };
            self.attach(one.source, child);
            self.detach(changer, child);
            let parents = self.node(repartition.filter).parents.clone();
            for below in self.node(repartition.source).children.clone() {
                for parent in &parents {
                    self.attach(*parent, below);
                }
                self.detach(repartition.source, below);
            }
            for parent in parents {
                self.detach(parent, repartition.filter);
            }
            for node in [repartition.filter, repartition.sink, repartition.source] {
                self.node_mut(node).removed = true;
            }
        }
        self.attach(changer, one.filter);
    }

    /// The same nodes and the same topic once more, named after it and written right after `changer`.
    fn copy_repartition(&mut self, repartition: Repartition, changer: NodeId) -> Repartition {
        let kind = |graph: &Self, id| graph.node(id).kind.clone();
        let (filter, sink, source) =
            (kind(self, repartition.filter), kind(self, repartition.sink), kind(self, repartition.source));
        let topic = match &sink {
            NodeKind::Sink { topic, .. } => topic.as_str().to_owned(),
            _ => String::new(),
        };
        let filter = self.add(format!("{topic}-filter"), filter, &[]);
        let sink = self.add(format!("{topic}-sink"), sink, &[filter]);
        let source = self.add(format!("{topic}-source"), source, &[]);
        self.put_after(source, sink);
        for node in [filter, sink, source] {
            self.move_to(node, changer);
        }
        Repartition { filter, sink, source, ..repartition }
    }

    /// Whether no way to `start` but those through `above` changes keys after they were last in a topic.
    fn leads_through(&self, above: NodeId, start: NodeId) -> bool {
        let node = self.node(start);
        let parents_do = || node.parents.iter().all(|parent| self.leads_through(above, *parent));
        start == above || !node.changes.keys() && parents_do()
    }

    /// The node on the way from `start` up to `above` that stands right below `above`.
    fn child_towards(&self, above: NodeId, start: NodeId) -> Option<NodeId> {
        self.find_above(start, &|id| self.node(id).parents.contains(&above))
    }

    /// Kafka's `findParentNodeMatching`: `start` itself, or what is found above its last parent, unless a parent will do.
    fn find_above(&self, start: NodeId, wanted: &dyn Fn(NodeId) -> bool) -> Option<NodeId> {
        if wanted(start) {
            return Some(start);
        }
        let mut found = None;
        let node = self.node(start);
        for parent in node.parents.iter().chain(&node.written_by) {
            if wanted(*parent) {
                return Some(*parent);
            }
            found = self.find_above(*parent, wanted);
        }
        found
    }

    fn attach(&mut self, parent: NodeId, child: NodeId) {
        if !self.node(parent).children.contains(&child) {
            self.node_mut(parent).children.push(child);
            self.node_mut(child).parents.push(parent);
        }
    }

    fn detach(&mut self, parent: NodeId, child: NodeId) {
        self.node_mut(parent).children.retain(|known| *known != child);
        self.node_mut(child).parents.retain(|known| *known != parent);
    }

    /// Has the tables of topics be rebuilt from those (Kafka's `reuseKTableSourceTopics`).
    pub(super) fn reuse_source_topics(&mut self) {
        for (node, topic) in self.tables_of_topics().to_vec() {
            self.reuse(node, topic);
        }
    }

    fn reuse(&mut self, node: NodeId, topic: TopicName) {
        let Some(super::Values::Stored(store)) = self.values(node) else { return };
        let spec = self.store_spec_mut(store);
        if spec.changelog.is_some() {
            spec.changelog = Some(topic);
            spec.changelog_is_source = true;
        }
    }
}
