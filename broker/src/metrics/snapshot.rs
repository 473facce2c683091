//! What is told of a broker.

use std::path::PathBuf;
use std::sync::Arc;

use super::Durations;

/// How a broker is doing: the answer of [`Broker::metrics`](crate::Broker::metrics). Counters begin at its start.
///
/// Bounded by [`TOPICS_TOLD_MAX`](super::TOPICS_TOLD_MAX) and its like; [`LeftOut`] says how much there is beyond.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BrokerMetrics {
    /// `node.id`.
    pub node_id: i32,
    /// The id of the cluster, drawn when its directory was made.
    pub cluster_id: String,
    /// When it was started, in ms since 1970.
    pub started_ms: i64,
    /// The APIs that were asked for since then.
    pub requests: Vec<RequestMetrics>,
    /// Its connections.
    pub connections: ConnectionMetrics,
    /// Fetch sessions that are open (KIP-227).
    pub fetch_sessions: usize,
    /// How long fsyncs of logs took: a flush of a partition with all its files.
    pub flushes: Durations,
    /// Partitions that are open, those of internal topics included.
    pub partitions: usize,
    /// Of these, partitions that serve nobody because the storage failed them.
    pub partitions_offline: usize,
    /// The file system that has the logs, where its space is known.
    pub disk: Option<DiskMetrics>,
    /// By name.
    pub topics: Vec<TopicMetrics>,
    /// All groups, by their state.
    pub groups_by_state: Vec<(&'static str, usize)>,
    /// By name. A group that is stuck behind a disk is left out.
    pub groups: Vec<GroupMetrics>,
    /// What there is beyond the bounds.
    pub left_out: LeftOut,
}

/// The requests of one API.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RequestMetrics {
    /// Kafka's name, as `Produce`.
    pub api: String,
    /// From a whole request to its answer being ready to be sent, with all that it waited for: a Fetch waits for data.
    pub took: Durations,
    /// Requests that wait now: what Kafka calls its purgatory, and those behind them on their connections.
    pub waiting: u64,
    /// Errors by Kafka's name. A request with several partitions or topics has one for each.
    pub errors: Vec<(String, u64)>,
}

/// The connections of a broker.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConnectionMetrics {
    /// Those that are open.
    pub open: usize,
    /// Those that were let in.
    pub accepted: u64,
    /// Those that were not, by the limit that they ran into.
    pub refused: Vec<(&'static str, u64)>,
    /// Those that have ended, by why they did.
    pub closed: Vec<(&'static str, u64)>,
}

/// The file system of the logs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskMetrics {
    /// The directory of the logs.
    pub directory: PathBuf,
    /// All bytes, used or not.
    pub total: u64,
    /// Bytes that may still be written.
    pub usable: u64,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicMetrics {
    /// Its name.
    pub topic: Arc<str>,
    /// Bytes of batches that were appended, as they were sent.
    pub bytes_in: u64,
    /// Their records.
    pub records_in: u64,
    /// Bytes of batches that fetches were answered with.
    pub bytes_out: u64,
    /// Its partitions, as far as they are told.
    pub partitions: Vec<PartitionMetrics>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionMetrics {
    /// Its number.
    pub partition: i32,
    /// Bytes of all its segments; of a while ago where the log is busy just now.
    pub size: u64,
    /// The first offset that may be read.
    pub start_offset: i64,
    /// The offset below which consumers may read.
    pub high_watermark: i64,
    /// The offset that the next record gets.
    pub end_offset: i64,
    /// The storage has failed it: it serves nobody until the broker is restarted.
    pub is_offline: bool,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupMetrics {
    /// Its id.
    pub group: String,
    /// Its state by Kafka's name, as `Stable`.
    pub state: &'static str,
    /// How many members it has.
    pub members: usize,
    /// What it has committed, as far as that is told.
    pub offsets: Vec<GroupOffset>,
}

/// A group's offset in a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupOffset {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The offset of the next record to be read, as it was committed last.
    pub committed: i64,
    /// Records that it may still read; `None` where the partition is gone.
    pub lag: Option<u64>,
}

/// What is there and not told, because there is too much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LeftOut {
    /// Topics, with all their partitions.
    pub topics: usize,
    /// Partitions of topics that are told.
    pub partitions: usize,
    /// Groups with all their offsets, those that are stuck included.
    pub groups: usize,
    /// Offsets of groups that are told.
    pub group_offsets: usize,
}
