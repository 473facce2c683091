use super::ConnectorType;
use serde::{Deserialize, Serialize};

/// How a connector and its tasks fare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorStatus {
    /// Whose.
    pub name: String,
    /// Of the connector as a whole.
    pub connector: StateInfo,
    /// Of each task, by number.
    pub tasks: Vec<TaskStatus>,
    /// Which way its records go.
    #[serde(rename = "type")]
    pub kind: ConnectorType,
}

/// A task's state under its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskStatus {
    /// Its number.
    pub id: i32,
    /// Its state.
    #[serde(flatten)]
    pub state: StateInfo,
}

/// A state, who says so, and for what reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateInfo {
    /// Which.
    pub state: State,
    /// The worker that runs it, as `host:port` of its REST surface.
    pub worker_id: String,
    /// Of the plugin that runs.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    /// What went wrong, in full: Kafka Connect has a stack trace here.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trace: Option<String>,
    /// What keeps it from running, on one line. Not in Kafka Connect.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
    /// When it came to this state, in ms since 1970. Not in Kafka Connect.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<i64>,
}

/// Kafka Connect's states, and two in addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// Nobody has it yet.
    Unassigned,
    /// It moves records, or would if there were any.
    Running,
    /// It rests because it was told to.
    Paused,
    /// It has ended with an error and is not tried again before a restart.
    Failed,
    /// Its end and its new begin have been asked for.
    Restarting,
    /// It has no tasks because it was told so.
    Stopped,
    /// It is gone. Nobody sees it but the status topic.
    Destroyed,
    /// A connector some of whose tasks do not run.
    Degraded,
    /// The brake has stopped it: too many of its records failed.
    Halted,
}
