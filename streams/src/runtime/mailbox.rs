//! How other threads reach a stream thread.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::TopicPartition;
use super::standby::StandbyTask;
use crate::task::{TaskId, TaskStores};

/// Messages that may wait for a thread; senders wait beyond that.
const MAX_WAITING: usize = 1_024;

/// What a query sees: the tasks of one thread, between two batches.
pub(crate) struct LocalTasks<'a> {
    /// What time it is (ms) by the thread's clock.
    pub(crate) now: i64,
    pub(crate) running: Vec<LocalTask<'a>>,
    pub(crate) restoring: Vec<TaskId>,
    /// Tasks that run elsewhere: their stores, and how far behind these are.
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
    /// What the thread reads of the application's state has changed.
    Look,
    /// Join the group once more: there is something to tell it.
    Rejoin,
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

/// The mailboxes of the threads that there are. Its lock is held for a look-up, never across a wait.
#[derive(Debug, Default)]
pub(crate) struct Mailboxes {
    threads: Mutex<BTreeMap<usize, Mailbox>>,
    /// Whether the application has ended, or is about to: a mailbox that is closed then stays so.
    stopped: AtomicBool,
}

impl Mailboxes {
    /// Of one thread that stays.
    pub(crate) fn of(mailbox: Mailbox) -> Self {
        Self { threads: Mutex::new(BTreeMap::from([(0, mailbox)])), stopped: AtomicBool::default() }
    }

    /// As they are now. That of a thread that has died, and will be replaced, is among them and closed.
    pub(crate) fn all(&self) -> Vec<Mailbox> {
        self.threads.lock().values().cloned().collect()
    }

    pub(crate) fn get(&self, thread: usize) -> Option<Mailbox> {
        self.threads.lock().get(&thread).cloned()
    }

    pub(crate) fn put(&self, thread: usize, mailbox: Mailbox) {
        self.threads.lock().insert(thread, mailbox);
    }

    pub(crate) fn remove(&self, thread: usize) {
        self.threads.lock().remove(&thread);
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether a closed mailbox means that nobody will answer any more. If not, its thread is about to be replaced, or gone.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Has every thread look at what has changed. One whose mailbox is full looks anyway, between its messages.
    pub(crate) fn wake(&self) {
        for mailbox in self.all() {
            let _ = mailbox.try_send(Mail::Look);
        }
    }
}
