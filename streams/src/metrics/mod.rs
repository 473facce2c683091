//! Numbers of a running application: a [snapshot](Metrics) in code, and the same as text for Prometheus.
//!
//! [`Streams::metrics`](crate::Streams::metrics) reads what the threads have posted, at most half a second old.
//! [`to_prometheus`](Metrics::to_prometheus) writes it down; `GET /metrics` answers with that where stores are served over HTTP
//! ([`query_listen`](crate::runtime::AppBuilder::query_listen)), followed by the memory, processor time and files of the process
//! (`process_…`), and by the pages of what else runs in it ([`expose`](crate::runtime::AppBuilder::expose)).
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
#![doc = ""]
#![doc = include_str!("../../../monitoring/streams.md")]

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
pub use task::{NodeMetrics, OutletMetrics, StoreMetrics, TaskMetrics};
pub use thread::{RestoreMetrics, ThreadMetrics};

pub(crate) use board::Board;
pub(crate) use counts::Counts;
pub(crate) use http::{OtherPage, router};
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
