//! How many partitions the topics of a test have.

use std::collections::{BTreeMap, HashMap};

use crate::runtime::TopicError;
use crate::runtime::topics::{self, tasks_of};
use crate::topology::{Subtopology, TopicName, Topology};

/// What the test has said, and what follows from it as it does in production.
#[derive(Debug, Clone)]
pub(super) struct Widths {
    /// Whether the test says nothing of partitions: every topic has one, whatever the program wants.
    are_single: bool,
    /// Of a topic of the user's about which the test says nothing.
    by_default: i32,
    /// Of topics of the user's, by name.
    by_name: HashMap<String, i32>,
    /// Of those that tasks read, and of changelogs.
    settled: BTreeMap<TopicName, i32>,
}

impl Default for Widths {
    fn default() -> Self {
        Self { are_single: true, by_default: 1, by_name: HashMap::new(), settled: BTreeMap::new() }
    }
}

impl Widths {
    pub(super) fn set_default(&mut self, partitions: u32) {
        self.are_single = false;
        self.by_default = at_least_one(partitions);
    }

    pub(super) fn set(&mut self, topic: &str, partitions: u32) {
        self.are_single = false;
        self.by_name.insert(topic.to_owned(), at_least_one(partitions));
    }

    /// Gives repartition topics and changelogs their partitions, by the rules of the runtime.
    pub(super) fn settle(&mut self, topology: &Topology) -> Result<(), TopicError> {
        if self.are_single {
            return Ok(());
        }
        self.settled = topics::settle(topology, |topic| Some(self.of(topic)))?;
        for part in topology.subtopologies() {
            let owned = part.stores.iter().filter(|store| !store.changelog_is_source);
            let changelogs: Vec<TopicName> = owned.filter_map(|store| store.changelog.clone()).collect();
            let tasks = self.tasks(part);
            self.settled.extend(changelogs.into_iter().map(|changelog| (changelog, tasks)));
        }
        Ok(())
    }

    /// The tasks of a part.
    pub(super) fn tasks(&self, part: &Subtopology) -> i32 {
        tasks_of(part, &self.settled).unwrap_or(1)
    }

    pub(super) fn of(&self, topic: &TopicName) -> i32 {
        if let Some(settled) = self.settled.get(topic) {
            return *settled;
        }
        match topic {
            TopicName::Matching(pattern) => {
                let matching = self.by_name.iter().filter(|(name, _)| pattern.matches(name));
                matching.map(|(_, width)| *width).fold(self.by_default, i32::max)
            }
            TopicName::External(name) | TopicName::Internal(name) => {
                self.by_name.get(&**name).copied().unwrap_or(self.by_default)
            }
        }
    }
}

fn at_least_one(partitions: u32) -> i32 {
    i32::try_from(partitions).unwrap_or(i32::MAX).max(1)
}
