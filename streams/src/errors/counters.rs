//! How often what has failed.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

use super::{Action, Stage};
use crate::task::TaskId;

/// What has failed at a node of a task, at one stage, since the application started, by what became of it. A row of
/// [`Metrics::errors`](crate::runtime::Metrics::errors).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NodeErrors {
    /// The task; `None` for what a broker refused long after it was sent.
    pub task: Option<TaskId>,
    /// The name of the node.
    pub node: String,
    /// Where on their way records failed.
    pub stage: Stage,
    /// How many were skipped.
    pub skipped: u64,
    /// How many went to the dead-letter topic.
    pub dead_letters: u64,
    /// How often a record was tried again.
    pub retries: u64,
    /// How many stopped the task.
    pub failures: u64,
}

impl NodeErrors {
    /// Records that went no further: what Kafka counts in `dropped-records-total`.
    pub fn dropped(&self) -> u64 {
        self.skipped + self.dead_letters
    }
}

/// By task, stage and node.
type Rows = BTreeMap<(Option<TaskId>, Stage, String), NodeErrors>;

/// The counts of an application. Only a failure takes the lock.
#[derive(Debug, Clone, Default)]
pub(crate) struct ErrorCounters {
    rows: Arc<Mutex<Rows>>,
}

impl ErrorCounters {
    pub(crate) fn count(&self, task: Option<TaskId>, node: &str, stage: Stage, action: Action) {
        let mut rows = self.rows.lock();
        let row = rows.entry((task, stage, node.to_owned())).or_insert_with(|| NodeErrors {
            task,
            node: node.to_owned(),
            stage,
            skipped: 0,
            dead_letters: 0,
            retries: 0,
            failures: 0,
        });
        match action {
            Action::Fail => row.failures += 1,
            Action::Skip => row.skipped += 1,
            Action::DeadLetter | Action::DeadLetterTo(_) => row.dead_letters += 1,
            Action::Retry => row.retries += 1,
        }
    }

    /// The rows by task, stage and node.
    pub(crate) fn snapshot(&self) -> Vec<NodeErrors> {
        self.rows.lock().values().cloned().collect()
    }
}
