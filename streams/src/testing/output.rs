//! A topic that a test reads from.

use std::collections::VecDeque;

use crate::dsl::Topic;
use crate::processor::Record;

use super::bus::Stored;

/// Reads what the topology under test has written to a topic, each record once.
pub struct TestOutput<'a, K: 'static, V: 'static> {
    stored: &'a mut VecDeque<Stored>,
    topic: Topic<K, V>,
}

impl<'a, K, V> TestOutput<'a, K, V> {
    pub(super) fn new(stored: &'a mut VecDeque<Stored>, topic: Topic<K, V>) -> Self {
        Self { stored, topic }
    }

    /// Whether there is nothing (more) to read.
    pub fn is_empty(&self) -> bool {
        self.stored.is_empty()
    }

    /// The oldest record that was not read yet.
    ///
    /// # Panics
    /// If it is not of the types it is read as.
    pub fn next_record(&mut self) -> Option<Record<K, V>> {
        let stored = self.stored.pop_front()?;
        let topic = &self.topic;
        let key = topic.key.decode(stored.key.as_deref());
        let key = key.unwrap_or_else(|error| panic!("topic {}, key: {error}", topic.name()));
        let value = topic.value.decode(stored.value.as_deref());
        let value = value.unwrap_or_else(|error| panic!("topic {}, value: {error}", topic.name()));
        Some(Record { key, value, timestamp: stored.timestamp, headers: stored.headers })
    }

    /// All records that were not read yet, oldest first.
    ///
    /// # Panics
    /// If one is not of the types it is read as.
    pub fn drain(&mut self) -> Vec<Record<K, V>> {
        std::iter::from_fn(|| self.next_record()).collect()
    }
}
