//! How other threads reach a stream thread.

use tokio::sync::mpsc;

use super::TopicPartition;
use super::standby::StandbyTask;
use crate::task::{TaskId, TaskStores};

/// Messages that may wait for a thread; senders wait beyond that.
const MAX_WAITING: usize = 1_024;

/// What a query sees: the tasks of one thread, between two batches.
pub(crate) struct LocalTasks<'a> {
    pub(crate) running: Vec<LocalTask<'a>>,
    pub(crate) restoring: Vec<TaskId>,
    /// Tasks that run elsewhere: their stores, and how far behind these are.
    #[cfg_attr(not(test), expect(dead_code, reason = "queries do not ask copies yet"))]
    pub(crate) standbys: Vec<&'a StandbyTask>,
    /// Whether the group has told this thread what is its own.
    pub(crate) settled: bool,
}

/// The stores of a task, and how to learn how far it has come: of each partition the first offset that it has not processed.
pub(crate) struct LocalTask<'a> {
    pub(crate) id: TaskId,
    pub(crate) stores: &'a TaskStores,
    pub(crate) position: Box<dyn Fn() -> Vec<(TopicPartition, i64)> + 'a>,
}

/// A message to a stream thread.
pub(crate) enum Mail {
    /// Runs on the owner of the tasks, so that it sees the caches and needs no lock.
    Query(Box<dyn FnOnce(&LocalTasks<'_>) + Send>),
    /// Commit, close, end.
    Stop {
        /// Whether the place in the group is given up.
        leave_group: bool,
    },
}

/// The sending side; one per thread, shared by queries and the application.
pub(crate) type Mailbox = mpsc::Sender<Mail>;

pub(crate) fn mailbox() -> (Mailbox, mpsc::Receiver<Mail>) {
    mpsc::channel(MAX_WAITING)
}
