//! What lies in the topics of a cluster of workers.
//!
//! The config and the status topic have Kafka Connect's records byte for byte, so that workers of either kind can take
//! over from the other. What Kafka Connect has no record for, leases and heartbeats, lies in a topic of its own (`lease`):
//! Kafka's three stay what Kafka Connect would have written.

mod config;
mod lease;
mod status;

pub(crate) use config::ConfigRecord;
pub(crate) use lease::{Deposed, Holder, Lease, LeaseRecord, Unit, WorkerBeat};
pub(crate) use status::{ActiveTopic, More, Status, StatusRecord};

use serde::de::DeserializeOwned;

/// A record's key and value as they are produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bytes {
    pub(crate) key: String,
    /// `None` is a tombstone.
    pub(crate) value: Option<String>,
}

/// The name and number in `<name>-<number>`; names may contain dashes.
fn task_id(text: &str) -> Option<super::TaskId> {
    let (connector, task) = text.rsplit_once('-')?;
    Some(super::TaskId::new(connector, task.parse().ok()?))
}

fn json<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}

fn text(value: &impl serde::Serialize) -> String {
    // Maps with text keys, numbers and texts: nothing of it can fail.
    serde_json::to_string(value).unwrap_or_default()
}
