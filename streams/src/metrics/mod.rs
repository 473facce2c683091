//! Numbers of a running application: a [snapshot](Metrics) in code, and the same as text for Prometheus.
//!
//! [`Streams::metrics`](crate::Streams::metrics) reads what the threads have posted, at most half a second old.
//! [`to_prometheus`](Metrics::to_prometheus) writes it down; `GET /metrics` answers with that where stores are served over HTTP
//! ([`query_listen`](crate::runtime::AppBuilder::query_listen)).
//!
//! ```no_run
//! # use millstream::prelude::*;
//! # fn look(app: &Streams) {
//! let metrics = app.metrics();
//! for task in metrics.tasks() {
//!     println!("task {}: {} records, {:?} old at the median", task.task, task.records, task.read_latency.quantile(0.5));
//! }
//! print!("{}", metrics.to_prometheus());
//! # }
//! ```
//!
//! # What costs what
//!
//! Threads count in plain numbers of their own: an addition a node and record, no clock, no lock, no atomic. Clocks are read once a
//! turn (up to 4,096 records of one task) and a few times a commit; the numbers are copied to where they can be read twice a second.
//!
//! # Names
//!
//! The thread of the global tables, if there are any, is `global`. Its tasks are the tables: `store_restore_remaining_records` says
//! how much of one is yet to be read before the application starts.
//!
//! Every name begins with `millstream_streams_`. Times are in seconds, counts in records; a counter ends with `_total`, and counts
//! since the thread has the task. A histogram has bounds of 1 ms, 2 ms, 4 ms and so on to 524 s.
//!
//! | name | labels | what | Kafka Streams |
//! |---|---|---|---|
//! | `state` | state | 1 for the state of the application | `state` |
//! | `records_total` | | records read by all tasks | sum of `process-total` |
//! | `lag_seconds` | | how old the last record is that has passed of the partition that is the farthest behind | |
//! | `records_per_second` | | records that its tasks read, over the last 10 to 20 seconds | sum of `process-rate` |
//! | `peers` | | other instances that have answered of late; they know of each other where they answer queries | |
//! | `peers_lag_seconds` | | the median of their lags | |
//! | `peers_records_per_second` | | the median of what they read | |
//! | `behind_peers` | | 1 if this instance is ten seconds behind and three times as far as they are | |
//! | `errors_total` | task, node, stage, outcome | records that failed | part of `dropped-records-total` |
//! | `task_away_seconds` | task | how long a task ran nowhere before it came | |
//! | `thread_busy_seconds_total` | thread | the thread worked | `process-ratio`, `punctuate-ratio` |
//! | `thread_waited_seconds_total` | thread | it had no records | `poll-ratio`, in `blocked-time-ns-total` (KIP-761) |
//! | `thread_blocked_seconds_total` | thread | it waited for the cluster in commits | in `blocked-time-ns-total` (KIP-761) |
//! | `thread_tasks` | thread | tasks that it runs | `assigned-active-tasks` |
//! | `thread_commit_seconds` | thread | histogram: commits that went through | `commit-latency-avg`, `-max`, `commit-total` |
//! | `task_records_total` | thread, task | records that its sources read | `process-total` |
//! | `task_records_per_second` | thread, task | over the last 10 to 20 seconds | `process-rate` |
//! | `task_dropped_records_total` | thread, task | without key or value, too late for their windows, or let go by an error policy | `dropped-records-total` |
//! | `task_commits_total` | thread, task | commits that had something of it | `commit-total` |
//! | `task_busy_seconds_total` | thread, task | the thread worked on its records | `active-process-ratio` |
//! | `task_stream_time_seconds` | thread, task | the largest timestamp it has seen | |
//! | `task_lateness_seconds` | thread, task | histogram: records behind stream time, by how much | `record-lateness-avg`, `-max` |
//! | `task_read_latency_seconds` | thread, task | histogram: from a record's time until it was read | `record-e2e-latency-avg` at sources (KIP-613) |
//! | `task_read_latency_min_seconds` | thread, task | the shortest | `record-e2e-latency-min` |
//! | `task_read_latency_max_seconds` | thread, task | the longest | `record-e2e-latency-max` |
//! | `task_sent_latency_seconds` | thread, task | histogram: from a record's time until it left for a topic | `record-e2e-latency-avg` at sinks |
//! | `task_sent_latency_min_seconds` | thread, task | the shortest | `record-e2e-latency-min` |
//! | `task_sent_latency_max_seconds` | thread, task | the longest | `record-e2e-latency-max` |
//! | `partition_records_total` | task, topic, partition | records of the partition that have passed | |
//! | `partition_bytes_total` | task, topic, partition | bytes of their batches, as they came | |
//! | `partition_lag_records` | task, topic, partition | records that the broker is known to have beyond what has passed | `records-lag` of the consumer |
//! | `partition_lag_seconds` | task, topic, partition | how old the last record is that has passed, while there are more | |
//! | `partition_top_key_share` | task, topic, partition | share of the partition's records that have its hottest key, by a sample | |
//! | `topic_imbalance_ratio` | topic | records of the busiest of its partitions here over their mean | |
//! | `node_records_total` | thread, task, node | records that the node took | `process-total` of the node |
//! | `store_cache_accesses_total` | thread, task, store, result | `hit` or `miss` of the cache | `hit-ratio` |
//! | `store_restore_remaining_records` | thread, task, store | offsets still to be read | `restore-remaining-records-total` |
//! | `store_standby_lag_records` | task, store | offsets that a standby's copy is behind | |
//! | `store_standby_age_seconds` | task, store | since the copy was last known to have everything | |
//! | `store_restored_records` | thread, task, store | read so far by the restore under way | `restore-total` |
//!
//! Kafka takes its lateness over all records, those in order counting as 0; here only late ones are in the histogram, and
//! `task_records_total` has the others.
//!
//! A record that an error policy has tried again is one record in `records_total`, `task_records_total` and `node_records_total`,
//! and counts when it has passed or was given up. What a later attempt does again counts again in the lateness and in the latencies.

mod application;
mod board;
mod counts;
mod http;
mod pace;
mod partition;
mod prometheus;
mod rate;
mod spread;
mod task;
mod thread;
mod top_keys;

use std::time::Duration;

use serde::{Serialize, Serializer};

pub use application::Metrics;
pub use pace::{Pace, PeersPace};
pub use partition::{HotKey, PartitionMetrics, TopicSkew};
pub use spread::Spread;
pub use task::{NodeMetrics, StoreMetrics, TaskMetrics};
pub use thread::{RestoreMetrics, ThreadMetrics};

pub(crate) use board::Board;
pub(crate) use counts::Counts;
pub(crate) use http::router;
pub(crate) use pace::Told;
pub(crate) use partition::KEYS_TOLD;
pub(crate) use rate::{Rate, Recent};
pub(crate) use top_keys::TopKeys;

/// What has a text as that.
pub(crate) fn text<S: Serializer>(shown: &impl std::fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(shown)
}

/// A duration that may not be known, as seconds.
pub(crate) fn maybe_seconds<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    duration.map(|duration| duration.as_secs_f64()).serialize(to)
}

/// A duration as seconds.
pub(crate) fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
}
