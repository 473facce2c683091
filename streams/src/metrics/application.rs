//! What is told of an application.

use serde::Serialize;

use super::{Pace, TaskMetrics, ThreadMetrics};
use crate::errors::NodeErrors;
use crate::runtime::{AppState, Arrival, StandbyStore};
use crate::task::TaskId;

/// How an application is doing: the answer of [`Streams::metrics`](crate::Streams::metrics).
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Metrics {
    /// What it is doing.
    pub state: AppState,
    /// Records that passed through its tasks since the start, those of repartition topics included.
    pub records: u64,
    /// Records per second since the start.
    pub records_per_second: f64,
    /// How it keeps up, and how the other instances do, as of five seconds ago at most.
    pub pace: Pace,
    /// What has failed since the start, by task, stage and node; nothing where nothing did.
    pub errors: Vec<NodeErrors>,
    /// The stream threads, with their tasks, nodes and stores, and that of the global tables.
    pub threads: Vec<ThreadMetrics>,
    /// The tasks that run here.
    pub running: Vec<TaskId>,
    /// The tasks that are being restored here.
    pub restoring: Vec<TaskId>,
    /// The tasks that run elsewhere and whose state is copied here.
    pub standbys: Vec<TaskId>,
    /// How far these copies are, as of a second ago at most.
    pub standby_stores: Vec<StandbyStore>,
    /// How the tasks that run here came: for how long each was away.
    pub arrivals: Vec<Arrival>,
}

impl Metrics {
    /// The tasks that run here, those of global tables included, with their numbers.
    pub fn tasks(&self) -> impl Iterator<Item = &TaskMetrics> {
        self.threads.iter().flat_map(|thread| &thread.tasks)
    }

    /// The same as text for Prometheus (format 0.0.4). The [module's page](super) has the table of names.
    pub fn to_prometheus(&self) -> String {
        super::prometheus::text(self)
    }
}
