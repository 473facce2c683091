//! The mistakes of a graph.

use std::collections::{HashMap, HashSet};

use super::{Graph, NodeKind};
use crate::topology::{TopicName, TopologyError};

impl Graph {
    /// Windows that cannot be.
    pub(crate) fn report_windows(&mut self, what: String) {
        self.mistake.get_or_insert(TopologyError::InvalidWindows(what));
    }

    /// A pattern that is no regular expression.
    pub(crate) fn report_pattern(&mut self, pattern: &str) {
        self.mistake.get_or_insert(TopologyError::InvalidPattern(pattern.to_owned()));
    }

    /// Two streams of different builders met.
    pub(crate) fn report_foreign_stream(&mut self) {
        self.mistake.get_or_insert(TopologyError::ForeignStream);
    }

    pub(crate) fn report_outlet(&mut self, kind: &str, why: &str) {
        self.mistake.get_or_insert(TopologyError::Outlet { kind: kind.to_owned(), why: why.to_owned() });
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
        self.check_sources()
    }

    fn check_sources(&self) -> Result<(), TopologyError> {
        let mut read: HashMap<&TopicName, &[TopicName]> = HashMap::new();
        let sources = self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Source { topics, .. } => Some(topics.as_slice()),
            _ => None,
        });
        for topics in sources {
            for topic in topics {
                match read.insert(topic, topics) {
                    None => {}
                    Some(before) if before == topics => {
                        return Err(TopologyError::ConflictingSources(topic.to_string()));
                    }
                    Some(before) => {
                        let names = |topics: &[TopicName]| topics.iter().map(TopicName::to_string).collect();
                        return Err(TopologyError::OverlappingSources(names(before), names(topics)));
                    }
                }
            }
        }
        for pattern in read.keys().filter(|topic| matches!(topic, TopicName::Matching(_))) {
            let named = |topic: &&&TopicName| matches!(topic, TopicName::External(_));
            if let Some(taken) = read.keys().filter(named).find(|topic| pattern.covers(topic.as_str(), "")) {
                return Err(TopologyError::PatternTakesTopic(pattern.to_string(), taken.to_string()));
            }
        }
        if read.is_empty() { Err(TopologyError::Empty) } else { Ok(()) }
    }
}
