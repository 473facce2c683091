use super::TaskId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A configuration as it is written: names and texts, with references to secrets as references.
pub type Config = BTreeMap<String, String>;

/// What a connector is, without how it fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorInfo {
    /// Its name, unique in the cluster.
    pub name: String,
    /// As it was put, `name` added.
    pub config: Config,
    /// Those it was split into; none while it is stopped.
    pub tasks: Vec<TaskId>,
    /// Where its records go.
    #[serde(rename = "type")]
    pub kind: ConnectorType,
}

/// Which way a connector's records go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectorType {
    /// Into topics.
    Source,
    /// Out of topics.
    Sink,
    /// Its class is not here.
    Unknown,
}

/// What a connector has been told to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TargetState {
    /// To run.
    #[default]
    Started,
    /// To keep its tasks and what they hold, and to move nothing.
    Paused,
    /// To have no tasks.
    Stopped,
}

impl TargetState {
    /// What `initial_state` says, large or small.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "RUNNING" => Some(Self::Started),
            "PAUSED" => Some(Self::Paused),
            "STOPPED" => Some(Self::Stopped),
            _ => None,
        }
    }
}

/// A thing, and whether the call has made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created<T> {
    /// False where it was there and is changed.
    pub created: bool,
    /// As it is now.
    pub result: T,
}

/// The topics that a connector has used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveTopics {
    /// In alphabetical order.
    pub topics: Vec<String>,
}
