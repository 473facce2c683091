use super::Config;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One of a connector's tasks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskId {
    /// Whose task.
    pub connector: String,
    /// From 0, without gaps.
    pub task: i32,
}

impl TaskId {
    /// The `task`th of `connector`.
    #[must_use]
    pub fn new(connector: impl Into<String>, task: i32) -> Self {
        Self { connector: connector.into(), task }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.connector, self.task)
    }
}

/// A task with what it was given to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskInfo {
    /// Which.
    pub id: TaskId,
    /// Its own configuration.
    pub config: Config,
}
