//! What is told of a thread.

use std::time::Duration;

use serde::Serialize;

use super::{Spread, TaskMetrics, seconds};
use crate::runtime::RestoreProgress;
use crate::task::TaskId;

/// How a stream thread is doing, as of its last turn or half a second ago.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ThreadMetrics {
    /// Its number, from 1, as in its name; 0: the thread of the global tables, of which there is one a process.
    pub thread: usize,
    /// Since it started: neither waited nor blocked.
    #[serde(serialize_with = "seconds")]
    pub busy: Duration,
    /// Since it started: waited for records because it had none.
    #[serde(serialize_with = "seconds")]
    pub waited: Duration,
    /// Since it started: waited in commits for acknowledgements and for the group (with `waited` KIP-761's blocked time).
    #[serde(serialize_with = "seconds")]
    pub blocked: Duration,
    /// How long its commits took, from the first flush of a cache until all stores were written.
    pub commits: Spread,
    /// The tasks that it runs.
    pub tasks: Vec<TaskMetrics>,
    /// The stores that it restores.
    pub restores: Vec<RestoreMetrics>,
}

/// A store on its way to being complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RestoreMetrics {
    /// The task that waits for it.
    pub task: TaskId,
    /// The store.
    pub store: String,
    /// Offsets of its changelog still to be read.
    pub remaining: u64,
    /// Records read so far.
    pub restored: u64,
}

impl RestoreMetrics {
    pub(crate) fn of(progress: &RestoreProgress) -> Self {
        Self {
            task: progress.task,
            store: progress.store.clone(),
            remaining: progress.remaining().max(0) as u64,
            restored: progress.records,
        }
    }
}

impl ThreadMetrics {
    /// What it is called beside its numbers.
    pub(super) fn label(&self) -> String {
        if self.thread == 0 { "global".to_owned() } else { self.thread.to_string() }
    }

    /// Of a thread that has been there for so long. Whoever hears of it knows its number.
    pub(crate) fn new(
        since_start: Duration,
        waited: Duration,
        blocked: Duration,
        commits: Spread,
        tasks: Vec<TaskMetrics>,
        restores: Vec<RestoreMetrics>,
    ) -> Self {
        let busy = since_start.saturating_sub(waited).saturating_sub(blocked);
        Self { thread: 0, busy, waited, blocked, commits, tasks, restores }
    }
}
