//! What a task counts while records pass: plain numbers of the thread that runs it. No clock is read for a record; what needs one is
//! settled once for all records of a turn.

use super::spread::{Batch, Spread};
use crate::topology::NodeId;

/// The numbers of one task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// How many records each node took, by the node's id.
    taken: Box<[u64]>,
    /// The same before the present record, where it may have to be tried again.
    marked: Box<[u64]>,
    /// How far behind the task's stream time records came, those alone that were behind.
    pub(crate) lateness: Spread,
    /// From the time of a record until it was read, and until what was made of it left for a topic.
    pub(crate) until_read: Spread,
    pub(crate) until_sent: Spread,
    /// The times of the records of this turn.
    read: Times,
    sent: Times,
}

impl Counts {
    /// Of a graph with so many nodes.
    pub(crate) fn new(nodes: usize) -> Self {
        Self { taken: vec![0; nodes].into(), marked: vec![0; nodes].into(), ..Self::default() }
    }

    #[inline]
    pub(crate) fn take(&mut self, node: NodeId) {
        if let Some(count) = self.taken.get_mut(node.0 as usize) {
            *count += 1;
        }
    }

    /// A record comes that may have to be tried again.
    #[inline]
    pub(crate) fn mark(&mut self) {
        self.marked.copy_from_slice(&self.taken);
    }

    /// The record that came last is tried again: all nodes take again what they took of it.
    pub(crate) fn take_back(&mut self) {
        self.taken.copy_from_slice(&self.marked);
    }

    pub(crate) fn taken(&self, node: NodeId) -> u64 {
        self.taken.get(node.0 as usize).copied().unwrap_or(0)
    }

    /// A record of this time (ms) is read.
    #[inline]
    pub(crate) fn read(&mut self, timestamp: i64) {
        self.read.add(timestamp);
    }

    /// What is sent to a topic has this time (ms).
    #[inline]
    pub(crate) fn sent(&mut self, timestamp: i64) {
        self.sent.add(timestamp);
    }

    /// The turn ends at `now` (ms), and with it the way of all its records.
    pub(crate) fn end_turn(&mut self, now: i64) {
        self.until_read.add_batch(self.read.until(now));
        self.until_sent.add_batch(self.sent.until(now));
        (self.read, self.sent) = (Times::default(), Times::default());
    }
}

/// The times of some records (ms), summed up.
#[derive(Debug, Clone, Copy)]
struct Times {
    count: u64,
    sum: i64,
    earliest: i64,
    latest: i64,
}

impl Default for Times {
    fn default() -> Self {
        Self { count: 0, sum: 0, earliest: i64::MAX, latest: i64::MIN }
    }
}

impl Times {
    #[inline]
    fn add(&mut self, timestamp: i64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(timestamp);
        self.earliest = self.earliest.min(timestamp);
        self.latest = self.latest.max(timestamp);
    }

    /// How long ago they were at `now`. Times in the future, and sums that no i64 holds, were no time ago.
    fn until(&self, now: i64) -> Batch {
        let us = |ms: i64| (ms.max(0) as u64).saturating_mul(1_000);
        let since = |time: i64| if self.count == 0 { 0 } else { us(now.saturating_sub(time)) };
        let sum = i128::from(now) * i128::from(self.count) - i128::from(self.sum);
        let (min_us, max_us) = (since(self.latest), since(self.earliest));
        let sum_us = us(sum.clamp(0, i64::MAX.into()) as i64);
        // One record from the future must not make the others look faster than they were.
        let (least, most) = (min_us.saturating_mul(self.count), max_us.saturating_mul(self.count));
        Batch { count: self.count, sum_us: sum_us.clamp(least, most), min_us, max_us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_in_a_turn_is_as_old_as_it_is_at_its_end() {
        let mut counts = Counts::new(1);
        [10, 40].into_iter().for_each(|time| counts.read(time));
        counts.sent(50);
        counts.end_turn(50);
        counts.end_turn(1_000);
        let Spread { count, sum_us, min_us, max_us, .. } = counts.until_read;
        assert_eq!((count, sum_us, min_us, max_us), (2, 50_000, 10_000, 40_000));
        assert_eq!((counts.until_sent.count, counts.until_sent.max_us), (1, 0));
    }

    #[test]
    fn times_from_the_future_are_no_time_ago() {
        let mut counts = Counts::new(0);
        [i64::MAX, i64::MAX, 7].into_iter().for_each(|time| counts.read(time));
        counts.end_turn(10);
        let Spread { min_us, max_us, sum_us, .. } = counts.until_read;
        assert_eq!((min_us, max_us), (0, 3_000));
        assert!(sum_us <= 9_000);
    }

    #[test]
    fn nodes_are_counted_apart() {
        let mut counts = Counts::new(2);
        [NodeId(1), NodeId(1), NodeId(9)].into_iter().for_each(|node| counts.take(node));
        assert_eq!((counts.taken(NodeId(0)), counts.taken(NodeId(1)), counts.taken(NodeId(9))), (0, 2, 0));
        counts.mark();
        [NodeId(0), NodeId(1)].into_iter().for_each(|node| counts.take(node));
        counts.take_back();
        assert_eq!([0, 1].map(|node| counts.taken(NodeId(node))), [0, 2]);
    }
}
