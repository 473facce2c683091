//! Records that wait for their task, and which of them is next.

use std::collections::{HashMap, VecDeque};

use super::bus::{Place, Stored};

/// A queue per partition; the record with the smallest timestamp among the first of each is next. Where timestamps are equal the
/// order is that of Kafka's `TopologyTestDriver`, a binary heap of queues, so that tests move here with their expectations.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queues: HashMap<Place, VecDeque<Stored>>,
    /// The partitions whose queues are not empty: `java.util.PriorityQueue` by the first timestamp.
    heap: Vec<Place>,
}

impl Waiting {
    pub(super) fn push(&mut self, place: Place, record: Stored) {
        let queue = self.queues.entry(place).or_default();
        queue.push_back(record);
        if queue.len() == 1 {
            self.offer(place);
        }
    }

    pub(super) fn pop(&mut self) -> Option<(Place, Stored)> {
        let place = self.poll()?;
        let queue = self.queues.get_mut(&place)?;
        let record = queue.pop_front()?;
        if !queue.is_empty() {
            self.offer(place);
        }
        Some((place, record))
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The timestamp that a queue is sorted by.
    fn first(&self, place: Place) -> i64 {
        self.queues[&place].front().map_or(i64::MAX, |record| record.timestamp)
    }

    fn offer(&mut self, offered: Place) {
        self.heap.push(offered);
        let mut place = self.heap.len() - 1;
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.first(self.heap[place]) >= self.first(self.heap[parent]) {
                break;
            }
            self.heap.swap(place, parent);
            place = parent;
        }
    }

    fn poll(&mut self) -> Option<Place> {
        if self.heap.is_empty() {
            return None;
        }
        let next = self.heap.swap_remove(0);
        let mut place = 0;
        while let Some(child) = self.smaller_child(place) {
            if self.first(self.heap[place]) <= self.first(self.heap[child]) {
                break;
            }
            self.heap.swap(place, child);
            place = child;
        }
        Some(next)
    }

    fn smaller_child(&self, place: usize) -> Option<usize> {
        let (left, right) = (2 * place + 1, 2 * place + 2);
        match (self.heap.get(left), self.heap.get(right)) {
            (Some(a), Some(b)) if self.first(*a) > self.first(*b) => Some(right),
            (Some(_), _) => Some(left),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::Headers;
    use crate::task::TopicHandle;

    #[test]
    fn the_smallest_first_timestamp_is_next_and_partitions_keep_their_order() {
        let mut waiting = Waiting::default();
        let record = |timestamp| Stored {
            partition: 0,
            offset: 0,
            key: None,
            value: None,
            timestamp,
            headers: Headers::default(),
        };
        for ((topic, partition), timestamp) in
            [((0, 0), 5), ((0, 1), 3), ((0, 0), 1), ((0, 1), 9), ((1, 0), 4)]
        {
            waiting.push(Place { topic: TopicHandle(topic), partition }, record(timestamp));
        }
        let order: Vec<i64> =
            std::iter::from_fn(|| waiting.pop()).map(|(_, record)| record.timestamp).collect();
        assert_eq!(order, [3, 4, 5, 1, 9]);
    }
}
