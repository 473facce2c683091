//! What is told of a task.

use std::time::Duration;

use serde::Serialize;

use super::rate::Recent;
use super::{PartitionMetrics, Spread, seconds};
use crate::outlet::OutletCounts;
use crate::task::TaskId;

/// How a task is doing. All counts are since the task came to this thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TaskMetrics {
    /// The task.
    pub task: TaskId,
    /// Records that its sources have read, each once however often it was tried.
    pub records: u64,
    /// Of these per second, over the last 10 to 20 seconds. Not measured in a `TestDriver`.
    pub records_per_second: f64,
    #[serde(skip)]
    pub(crate) rate: Recent,
    /// What its records and punctuations took of the thread's time. Not measured in a `TestDriver`.
    #[serde(serialize_with = "seconds")]
    pub busy: Duration,
    /// Commits of the thread that had something of this task. Not counted in a `TestDriver`.
    pub commits: u64,
    /// The largest timestamp that it has seen, in milliseconds since 1970; `-1` before the first record.
    pub stream_time: i64,
    /// Records that were dropped because a key or value was missing, because they came when their windows were closed, or because
    /// an error policy let them go.
    pub dropped: u64,
    /// Records that were put aside under overload ([`KStream::shed`](crate::KStream::shed)).
    pub shed: u64,
    /// How far behind stream time records came, those alone that did.
    pub lateness: Spread,
    /// From the time of a record until the task read it (KIP-613, at sources). Taken once a turn, of at most 4,096 records: these
    /// count with their average, but for the shortest and the longest.
    pub read_latency: Spread,
    /// From the time of a record until it left for a topic, repartition topics included (KIP-613, at sinks).
    pub sent_latency: Spread,
    /// The partitions that it reads. Nothing in a `TestDriver`.
    pub partitions: Vec<PartitionMetrics>,
    /// Its nodes, in topological order.
    pub nodes: Vec<NodeMetrics>,
    /// Its stores.
    pub stores: Vec<StoreMetrics>,
    /// Its [outlets](crate::outlet). Nothing in a `TestDriver` that captures them.
    pub outlets: Vec<OutletMetrics>,
}

/// What passed a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeMetrics {
    /// The node, as `Topology::describe` names it.
    pub node: String,
    /// Records it has taken, each once however often it was tried. Below a table that is cached these are the updates that have left the cache.
    pub records: u64,
}

/// How an outlet is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct OutletMetrics {
    /// Its node.
    pub node: String,
    /// Records that the other side has taken.
    pub written: u64,
    /// Attempts that are made again: of a record, or of all.
    pub retried: u64,
    /// Records that the other side will never take.
    pub refused: u64,
    /// Bytes of records that are not safe yet, about.
    pub held_bytes: u64,
}

impl OutletMetrics {
    pub(crate) fn new(node: String, counts: OutletCounts) -> Self {
        let OutletCounts { written, retried, refused, held_bytes } = counts;
        Self { node, written, retried, refused, held_bytes }
    }
}

/// How a store is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StoreMetrics {
    /// The store.
    pub store: String,
    /// Accesses by key that the cache answered.
    pub cache_hits: u64,
    /// Accesses by key for which the store was read.
    pub cache_misses: u64,
}

impl TaskMetrics {
    /// Records that the node of this name has taken; `None`: the task has none.
    pub fn node(&self, name: &str) -> Option<u64> {
        self.nodes.iter().find(|node| node.node == name).map(|node| node.records)
    }
}
