//! Records that wait for their task, and which of them is next.

use std::collections::{HashMap, VecDeque};

use crate::topology::TopicName;

use super::bus::Stored;

/// A queue per topic; the record with the smallest timestamp among the first of each is next. Where timestamps are equal the
/// order is that of Kafka's `TopologyTestDriver`, a binary heap of queues, so that tests move here with their expectations.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queues: HashMap<TopicName, VecDeque<Stored>>,
    /// The topics whose queues are not empty: `java.util.PriorityQueue` by the first timestamp.
    heap: Vec<TopicName>,
}

impl Waiting {
    pub(super) fn push(&mut self, topic: TopicName, record: Stored) {
        let queue = self.queues.entry(topic.clone()).or_default();
        queue.push_back(record);
        if queue.len() == 1 {
            self.offer(topic);
        }
    }

    pub(super) fn pop(&mut self) -> Option<(TopicName, Stored)> {
        let topic = self.poll()?;
        let queue = self.queues.get_mut(&topic)?;
        let record = queue.pop_front()?;
        if !queue.is_empty() {
            self.offer(topic.clone());
        }
        Some((topic, record))
    }

    /// The timestamp that a queue is sorted by.
    fn first(&self, topic: &TopicName) -> i64 {
        self.queues[topic].front().map_or(i64::MAX, |record| record.timestamp)
    }

    fn offer(&mut self, topic: TopicName) {
        self.heap.push(topic);
        let mut place = self.heap.len() - 1;
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.first(&self.heap[place]) >= self.first(&self.heap[parent]) {
                break;
            }
            self.heap.swap(place, parent);
            place = parent;
        }
    }

    fn poll(&mut self) -> Option<TopicName> {
        if self.heap.is_empty() {
            return None;
        }
        let topic = self.heap.swap_remove(0);
        let mut place = 0;
        while let Some(child) = self.smaller_child(place) {
            if self.first(&self.heap[place]) <= self.first(&self.heap[child]) {
                break;
            }
            self.heap.swap(place, child);
            place = child;
        }
        Some(topic)
    }

    fn smaller_child(&self, place: usize) -> Option<usize> {
        let (left, right) = (2 * place + 1, 2 * place + 2);
        match (self.heap.get(left), self.heap.get(right)) {
            (Some(a), Some(b)) if self.first(a) > self.first(b) => Some(right),
            (Some(_), _) => Some(left),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::processor::Headers;

    #[test]
    fn the_smallest_first_timestamp_is_next_and_topics_keep_their_order() {
        let mut waiting = Waiting::default();
        let record = |timestamp| Stored { key: None, value: None, timestamp, headers: Headers::default() };
        for (topic, timestamp) in [("a", 5), ("b", 3), ("a", 1), ("b", 9), ("c", 4)] {
            waiting.push(TopicName::External(Arc::from(topic)), record(timestamp));
        }
        let order: Vec<i64> =
            std::iter::from_fn(|| waiting.pop()).map(|(_, record)| record.timestamp).collect();
        assert_eq!(order, [3, 4, 5, 1, 9]);
    }
}
