//! What the nodes of a graph are called.

use std::sync::Arc;

use super::{Follower, Graph, NodeId, NodeKind};
use crate::topology::name::repartition_topic;
use crate::topology::{TopicName, TopologyError};

/// Characters of the longest name: Kafka's limit for topics.
const MAX_NAME: usize = 249;

/// What a node does with a name that it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naming {
    /// It keeps the one it has: a source that two streams share is the first one's.
    Kept,
    /// It puts its parent's before it.
    AfterParent,
    /// It gives back the number of its generated name, if that was the last: Kafka takes none for a named processor.
    GivesBack(u32),
}

impl Graph {
    /// The next generated name: `KSTREAM-MAP-0000000003`.
    pub(crate) fn generate(&mut self, prefix: &str) -> String {
        let name = format!("{prefix}{:010}", self.counter);
        self.counter += 1;
        name
    }

    /// Has `node` take its name from `leader`, should that be given one.
    pub(crate) fn follow(&mut self, leader: NodeId, node: NodeId, suffix: &'static str) {
        self.node_mut(leader).followers.push(Follower { node, suffix, with_topic: false });
    }

    /// The same for a node of a repartition topic, which is named after `leader`, and the node after the topic.
    pub(crate) fn follow_with_topic(&mut self, leader: NodeId, node: NodeId, suffix: &'static str) {
        self.node_mut(leader).followers.push(Follower { node, suffix, with_topic: true });
    }

    pub(crate) fn rename(&mut self, id: NodeId, name: &str) {
        self.check_name(name);
        match self.naming.get(&id) {
            Some(Naming::Kept) => {}
            Some(Naming::GivesBack(number)) => {
                self.counter -= u32::from(self.counter == number + 1);
                name.clone_into(&mut self.node_mut(id).name);
                self.naming.remove(&id);
            }
            Some(Naming::AfterParent) => {
                let parent = self.node(id).parents[0];
                self.node_mut(id).name = format!("{}{name}", self.node(parent).name);
            }
            None => name.clone_into(&mut self.node_mut(id).name),
        }
        if let Some(redraw) = self.node_mut(id).on_named.take() {
            redraw(self, name);
        }
        for Follower { node, suffix, with_topic } in self.node(id).followers.clone() {
            let topic = repartition_topic(name);
            let follower = self.node_mut(node);
            follower.name = format!("{}{suffix}", if with_topic { &topic } else { name });
            let renamed = || TopicName::Internal(Arc::from(topic.as_str()));
            match &mut follower.kind {
                NodeKind::Sink { topic, .. } if with_topic => *topic = renamed(),
                NodeKind::Source { topics, .. } if with_topic => *topics = vec![renamed()],
                NodeKind::Sink { .. }
                | NodeKind::DynamicSink { .. }
                | NodeKind::Outlet { .. }
                | NodeKind::Source { .. }
                | NodeKind::Processor { .. } => {}
            }
        }
    }

    /// Names become parts of topic names and of directories: Kafka's `Named.validate`.
    pub(crate) fn check_name(&mut self, name: &str) {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let valid =
            (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(allowed) && name != "." && name != "..";
        if !valid {
            self.mistake.get_or_insert(TopologyError::InvalidName(name.to_owned()));
        }
    }

    /// Has the node, the last one made, take no number should it be given a name.
    pub(crate) fn takes_no_number_when_named(&mut self, id: NodeId) {
        self.naming.insert(id, Naming::GivesBack(self.counter - 1));
    }

    /// Has names that the node is given stand behind its parent's.
    pub(crate) fn name_after_parent(&mut self, id: NodeId) {
        self.naming.insert(id, Naming::AfterParent);
    }

    /// How many names were generated so far.
    pub(crate) fn generated(&self) -> u32 {
        self.counter
    }
}
