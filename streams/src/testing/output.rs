//! A topic that a test reads from.

use std::collections::VecDeque;

use crate::dsl::Topic;
use crate::processor::Record;

use super::bus::Stored;

/// Reads what the topology under test has written to a topic, each record once.
#[must_use = "an output reads nothing until it is asked to"]
pub struct TestOutput<'a, K: 'static, V: 'static> {
    stored: &'a mut VecDeque<Stored>,
    topic: Topic<K, V>,
    /// `None`: all of them.
    partition: Option<i32>,
}

/// A record and where it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<K, V> {
    /// The partition of its topic.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// The record.
    pub record: Record<K, V>,
}

impl<'a, K, V> TestOutput<'a, K, V> {
    pub(super) fn new(stored: &'a mut VecDeque<Stored>, topic: Topic<K, V>) -> Self {
        Self { stored, topic, partition: None }
    }

    /// Reads one partition alone; the records of the others stay unread.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Whether there is nothing (more) to read.
    pub fn is_empty(&self) -> bool {
        self.next_index().is_none()
    }

    /// The oldest record that was not read yet.
    ///
    /// # Panics
    /// If it is not of the types it is read as.
    pub fn next_record(&mut self) -> Option<Record<K, V>> {
        self.next_placed().map(|placed| placed.record)
    }

    /// All records that were not read yet, oldest first.
    ///
    /// # Panics
    /// If one is not of the types it is read as.
    pub fn drain(&mut self) -> Vec<Record<K, V>> {
        std::iter::from_fn(|| self.next_record()).collect()
    }

    /// The same with their partitions and offsets.
    ///
    /// # Panics
    /// If one is not of the types it is read as.
    pub fn drain_placed(&mut self) -> Vec<Placed<K, V>> {
        std::iter::from_fn(|| self.next_placed()).collect()
    }

    fn next_index(&self) -> Option<usize> {
        let wanted = |stored: &Stored| self.partition.is_none_or(|partition| partition == stored.partition);
        self.stored.iter().position(wanted)
    }

    fn next_placed(&mut self) -> Option<Placed<K, V>> {
        let stored = self.stored.remove(self.next_index()?)?;
        let topic = &self.topic;
        let key = topic.key.decode(stored.key.as_deref());
        let key = key.unwrap_or_else(|error| panic!("topic {}, key: {error}", topic.name()));
        let value = topic.value.decode(stored.value.as_deref());
        let value = value.unwrap_or_else(|error| panic!("topic {}, value: {error}", topic.name()));
        let record = Record { key, value, timestamp: stored.timestamp, headers: stored.headers };
        Some(Placed { partition: stored.partition, offset: stored.offset, record })
    }
}
