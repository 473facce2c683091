//! What is told of the partitions that tasks read: how much, how far behind, and whose.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::{Metrics, text, top_keys::TopKey};
use crate::task::TaskId;

/// How many of its hottest keys are told of a partition.
pub(crate) const KEYS_TOLD: usize = 5;

/// A partition that a task reads. Counts are since the task came to this thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PartitionMetrics {
    /// The task that reads it.
    pub task: TaskId,
    /// Its topic.
    #[serde(serialize_with = "text")]
    pub topic: Arc<str>,
    /// Its number.
    pub partition: i32,
    /// Records that have passed.
    pub records: u64,
    /// Bytes of their batches, as they came.
    pub bytes: u64,
    /// Records that the broker is known to have beyond; `None`: not known yet.
    pub lag: Option<u64>,
    /// How old, in seconds, the last record is that has passed, while there are more; `None`: not known.
    pub lag_seconds: Option<f64>,
    /// The timestamp (ms) of the last record that has passed; -1: none has.
    pub last_timestamp: i64,
    /// Its hottest keys, the hottest first. Keys are looked at by sample, one record in 32.
    pub top_keys: Vec<HotKey>,
}

/// A key that many records of a partition have.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HotKey {
    /// Its first bytes, as text; bytes that are no text become U+FFFD.
    pub key: String,
    /// The share of the partition's records that have it, 0 to 1.
    pub share: f64,
}

/// How evenly the partitions of a topic are used here.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TopicSkew {
    /// The topic.
    #[serde(serialize_with = "text")]
    pub topic: Arc<str>,
    /// Records of the busiest partition over the mean of all: 1 where all have as many, the number of partitions where one has
    /// all. `None`: nothing has passed.
    pub imbalance: Option<f64>,
    /// Its partitions.
    pub partitions: Vec<PartitionMetrics>,
}

impl PartitionMetrics {
    /// It is `now` (ms) when somebody asks.
    pub(super) fn age(&mut self, now: i64) {
        let age = now.saturating_sub(self.last_timestamp).max(0) as f64 / 1_000.0;
        self.lag_seconds = match self.lag {
            Some(0) => Some(0.0),
            Some(_) if self.last_timestamp >= 0 => Some(age),
            _ => None,
        };
    }
}

impl HotKey {
    pub(crate) fn told(top: Vec<TopKey>) -> Vec<Self> {
        let told = |TopKey { key, share }| Self { key: String::from_utf8_lossy(&key).into_owned(), share };
        top.into_iter().map(told).collect()
    }
}

impl Metrics {
    /// The partitions that are read here, by topic. Those that other instances read are not among them.
    pub fn skew(&self) -> Vec<TopicSkew> {
        let mut topics: BTreeMap<&Arc<str>, Vec<PartitionMetrics>> = BTreeMap::new();
        for partition in self.tasks().flat_map(|task| &task.partitions) {
            topics.entry(&partition.topic).or_default().push(partition.clone());
        }
        let skew = |(topic, partitions): (&Arc<str>, Vec<PartitionMetrics>)| TopicSkew {
            topic: Arc::clone(topic),
            imbalance: imbalance(partitions.iter().map(|partition| partition.records)),
            partitions,
        };
        topics.into_iter().map(skew).collect()
    }
}

/// The largest of some counts over their mean.
fn imbalance(counts: impl Iterator<Item = u64> + Clone) -> Option<f64> {
    let (number, sum) = (counts.clone().count(), counts.clone().sum::<u64>());
    let most = counts.max()?;
    (sum > 0).then(|| most as f64 * number as f64 / sum as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_imbalance_is_the_busiest_over_the_mean() {
        for (counts, expected) in [
            (&[5, 5, 5][..], Some(1.0)),
            (&[9, 0, 0], Some(3.0)),
            (&[6, 2, 2, 2], Some(2.0)),
            (&[0, 0], None),
            (&[], None),
        ] {
            assert_eq!(imbalance(counts.iter().copied()), expected, "{counts:?}");
        }
    }
}
