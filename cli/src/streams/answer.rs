//! What an instance answers to `GET /skew`.

use serde::{Deserialize, Serialize};

/// One instance's answer.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Answer {
    /// Where it is asked, as the others know it; empty: it does not know that itself.
    #[serde(default)]
    pub(super) instance: String,
    /// All that the group knows.
    #[serde(default)]
    pub(super) instances: Vec<String>,
    /// How it keeps up with the others; a version that does not say so is asked all the same.
    #[serde(default)]
    pub(super) pace: Option<Pace>,
    pub(super) topics: Vec<Topic>,
}

/// How an instance keeps up.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub(super) struct Pace {
    /// Of the partition that is the farthest behind.
    pub(super) lag_seconds: Option<f64>,
    pub(super) records_per_second: f64,
    pub(super) peers: Option<Peers>,
    /// Whether it is far behind most of the others.
    pub(super) behind: bool,
}

/// What the others came to: medians.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub(super) struct Peers {
    pub(super) instances: usize,
    pub(super) lag_seconds: Option<f64>,
    pub(super) records_per_second: f64,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Topic {
    pub(super) topic: String,
    pub(super) partitions: Vec<Partition>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Partition {
    pub(super) task: String,
    pub(super) partition: i32,
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) lag: Option<u64>,
    pub(super) lag_seconds: Option<f64>,
    pub(super) last_timestamp: i64,
    pub(super) top_keys: Vec<Key>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub(super) struct Key {
    pub(super) key: String,
    pub(super) share: f64,
}
