//! The work of a stream thread, as a state machine: events and the time in, calls of the [`Link`] out. It waits for nothing but
//! what a commit waits for, and reads no clock, so that a simulation can drive the very type that a thread drives.

mod away;
mod commit;
mod membership;
mod meter;
mod outlets;
mod restore;
mod standing_by;
mod starting;
mod trouble;
mod turn;

#[cfg(test)]
mod simulation;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use uuid::Uuid;

use super::input::{MaxIdle, TaskInputs};
use super::link::{Event, GroupOffset, Link, LinkError, TopicPartition};
use super::mailbox::{LocalTask, LocalTasks};
use super::standby::StandbyStore;
use super::state_directory::{StateDirectoryError, TaskLock};
use crate::dsl::TimestampExtractor;
use crate::errors::{ErrorCounters, Policies};
use crate::metrics::ThreadMetrics;
use crate::store::backend::KeyValueBackend;
use crate::store::cache::CacheBudget;
use crate::store::error::StoreError;
use crate::store::shared::Globals;
use crate::task::{Failure, InputId, Standing, Task, TaskError, TaskId, TimeBudget};
use crate::topology::{StoreSpec, Topology};
use meter::{Meter, Used};
use standing_by::Standbys;
use starting::Waiting;
use trouble::Trouble;

pub use away::Arrival;
pub use restore::RestoreProgress;
pub(crate) use restore::{ApplyError, RestorePlan, apply, plan};
#[cfg(test)]
use turn::Round;
pub(crate) use turn::{at_source, raw};

/// What a worker is told once.
#[derive(Debug, Clone)]
pub(crate) struct WorkerConfig {
    /// Prefix of the internal topics.
    pub(crate) application_id: Arc<str>,
    /// `commit.interval.ms`.
    pub(crate) commit_interval_ms: i64,
    /// `repartition.purge.interval.ms`.
    pub(crate) purge_interval_ms: i64,
    /// `default.timestamp.extractor`.
    pub(crate) timestamps: TimestampExtractor,
    /// `max.task.idle.ms`.
    pub(crate) max_idle: MaxIdle,
    /// `buffered.records.per.partition`: above it a partition is not fetched.
    pub(crate) max_buffered_records: usize,
    /// `task.timeout.ms`: how long a task bears failures that may pass.
    pub(crate) task_timeout_ms: i64,
    /// This thread's share of `statestore.cache.max.bytes`.
    pub(crate) cache_bytes: usize,
    /// What becomes of records that fail.
    pub(crate) errors: Policies,
    /// The application's counts of them.
    pub(crate) error_counters: ErrorCounters,
}

/// Opens the bytes of a task's stores, in the order of the specs. A directory that another thread still uses
/// ([`StateDirectoryError::TaskInUse`]) is tried again.
pub(crate) type OpenStores = Box<dyn FnMut(TaskId, &[StoreSpec]) -> Result<Opened, WorkerError>>;

pub(crate) type Backends = Vec<Box<dyn KeyValueBackend>>;

/// The stores of a task, and the right to its directory.
pub(crate) struct Opened {
    pub(crate) backends: Backends,
    /// `None` where there is no directory.
    pub(crate) lock: Option<TaskLock>,
}

impl FromIterator<Box<dyn KeyValueBackend>> for Opened {
    /// Stores without a directory.
    fn from_iter<I: IntoIterator<Item = Box<dyn KeyValueBackend>>>(backends: I) -> Self {
        Self { backends: backends.into_iter().collect(), lock: None }
    }
}

/// What a task reads: the numbers of its inputs, and the partitions.
type Inputs = Vec<(InputId, TopicPartition)>;

/// Who wants to know how a worker is doing. Called from the worker's thread, between batches.
pub(crate) trait Observer {
    /// A restore began, went on or ended.
    fn restoring(&self, progress: &RestoreProgress);
    /// Tasks came, went, or became ready.
    fn tasks(&self, running: &[TaskId], restoring: &[TaskId]);
    /// Tasks whose state is copied here, and how far the copies have come: as they change, every second at most.
    fn standbys(&self, tasks: &[TaskId], stores: &[StandbyStore]);
    /// How far the state of an open task is.
    fn stands(&self, task: TaskId, standing: Standing);
    /// How far the state of a task was as it was closed; its directory is this thread's still.
    fn closed(&self, task: TaskId, standing: Standing);
    /// A task that had an owner before has come here and runs.
    fn arrived(&self, arrival: &Arrival);
    /// Records passed through tasks.
    fn processed(&self, records: usize);
    /// The time since some moment, to measure with: nothing is decided by it.
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
    /// How the thread and its tasks are doing.
    fn measured(&self, _metrics: ThreadMetrics) {}
    /// The thread, which has waited so long in all, begins to wait for something to do, or goes on.
    fn waits(&self, _waited: Duration, _waits: bool) {}
}

/// Why a worker stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// A record could not be processed, or the stores failed under it.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The cluster failed.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A store could not be opened or restored.
    #[error("task {task}: {source}")]
    Store {
        /// The task that the store belongs to.
        task: TaskId,
        /// What the store said.
        source: StoreError,
    },
    /// A changelog holds bytes that are no records.
    #[error("changelog {changelog} cannot be read at offset {offset}: {reason}")]
    Changelog {
        /// The changelog partition.
        changelog: TopicPartition,
        /// Where reading stopped.
        offset: i64,
        /// What was found there.
        reason: String,
    },
    /// The state directory failed.
    #[error(transparent)]
    StateDirectory(#[from] StateDirectoryError),
    /// The cluster has not let a task go on for `task.timeout.ms` (KIP-572).
    #[error(
        "task {task} has made no progress for {after_ms} ms (task.timeout.ms; raise it if the cluster may be away for longer): {source}"
    )]
    TaskTimeout {
        /// The task.
        task: TaskId,
        /// Since its first failure, ms.
        after_ms: i64,
        /// Its last failure.
        source: LinkError,
    },
}

impl WorkerError {
    /// Whether the cluster has not taken in time what was sent, so that the same may go well from the last commit on. Kafka
    /// Streams begins such a task anew too (`TaskCorruptedException`). A task whose `task.timeout.ms` is over has waited enough.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Link(error) => error.retriable,
            Self::Task(TaskError { failure: Failure::Process(error), .. }) => error.is_unanswered(),
            _ => false,
        }
    }

    /// Whether a task's directory is still another thread's.
    fn is_task_in_use(&self) -> bool {
        matches!(self, Self::StateDirectory(StateDirectoryError::TaskInUse { .. }))
    }
}

/// The tasks of one stream thread.
pub(crate) struct Worker<L> {
    config: WorkerConfig,
    topology: Topology,
    link: L,
    open_stores: OpenStores,
    observer: Box<dyn Observer>,
    /// How long the punctuations of a task may take in one turn.
    punctuation_budget: Rc<dyn TimeBudget>,
    /// One budget for the caches of all tasks here.
    cache: Rc<CacheBudget>,
    /// The stores of the global tables, filled by another thread.
    globals: Globals,
    /// In the order of their ids.
    running: Vec<Running>,
    restoring: Vec<Restoring>,
    /// Assigned, and not yet ready to be restored.
    waiting: Vec<Waiting>,
    /// Whether tasks are neither to process nor to be restored (KIP-834).
    paused: bool,
    standbys: Standbys,
    /// Whether the group has said what belongs to this thread, if only that nothing does.
    settled: bool,
    /// Whose turn is next: tasks take turns, so that none starves.
    turn: usize,
    last_commit: i64,
    last_purge: i64,
    meter: Meter,
}

/// A task that processes records.
struct Running {
    task: Task,
    inputs: TaskInputs,
    /// Whether anything was processed since the last commit.
    uncommitted: bool,
    /// Whether a processor wants a commit before `commit.interval.ms` has passed.
    commit_requested: bool,
    /// Whether its outlets were asked to settle and have not: it rests until they have, and commits leave it out.
    unsettled: bool,
    /// What its commits have met.
    trouble: Trouble,
    /// What it has taken of the thread.
    used: Used,
    /// Never read: the directory is this task's until its stores are closed.
    _lock: Option<TaskLock>,
}

/// A task whose stores are being filled.
struct Restoring {
    id: TaskId,
    /// What it reads once it runs.
    inputs: Inputs,
    /// What the group had of these when the task came.
    committed: HashMap<TopicPartition, GroupOffset>,
    backends: Backends,
    /// The stores that are not complete.
    missing: Vec<Missing>,
    /// When the restore began, in milliseconds.
    since: i64,
    /// Handed on until the task has committed.
    trouble: Trouble,
    /// Never read: see [`Running`].
    _lock: Option<TaskLock>,
}

/// A store that waits for its changelog.
struct Missing {
    /// Its index in [`Restoring::backends`].
    store: usize,
    changelog_id: Uuid,
    progress: RestoreProgress,
}

impl Running {
    /// What queries see of it.
    fn local(&self) -> LocalTask<'_> {
        let (id, stores) = (self.task.id(), self.task.stores());
        LocalTask { id, stores, position: Box::new(|| self.offsets().collect()) }
    }
}

impl<L: Link> Worker<L> {
    pub(crate) fn new(
        config: WorkerConfig,
        topology: Topology,
        link: L,
        open_stores: OpenStores,
        observer: Box<dyn Observer>,
        punctuation_budget: Rc<dyn TimeBudget>,
        now: i64,
    ) -> Self {
        let cache = Rc::new(CacheBudget::new(config.cache_bytes));
        Self {
            config,
            topology,
            link,
            open_stores,
            observer,
            punctuation_budget,
            cache,
            globals: Globals::default(),
            running: Vec::new(),
            restoring: Vec::new(),
            waiting: Vec::new(),
            paused: false,
            standbys: Standbys::default(),
            settled: false,
            turn: 0,
            last_commit: now,
            last_purge: now,
            meter: Meter::default(),
        }
    }

    /// Gives the tasks to come the stores of the global tables.
    pub(crate) fn with_globals(mut self, globals: Globals) -> Self {
        self.globals = globals;
        self
    }

    /// Takes in what happened in the cluster.
    pub(crate) fn handle(&mut self, event: Event, now: i64) -> Result<(), WorkerError> {
        match event {
            Event::Fetched(range) => {
                self.buffer(range);
                Ok(())
            }
            Event::Restored(range) => self.restore(range, now),
            Event::StandBy(tasks) => self.stand_by(tasks, now),
            Event::Assigned(partitions) => self.assigned(&partitions, now),
            Event::Revoked(partitions) => self.revoked(&partitions, now),
            Event::Lost(partitions) => {
                self.lost(&partitions);
                self.settle_standbys(now)
            }
        }
    }

    /// Stops or resumes processing, punctuation and restoring. What was done is committed all the same.
    pub(crate) fn pause(&mut self, paused: bool) {
        if self.paused == paused {
            return;
        }
        self.paused = paused;
        let restored = self.restoring.iter().flat_map(|restoring| &restoring.missing);
        let changelogs: Vec<_> = restored.map(|missing| missing.progress.changelog.clone()).collect();
        for changelog in changelogs {
            self.link.hold(&changelog, paused);
        }
    }

    /// Gives this thread another share of the cache. What no longer fits is written at once.
    pub(crate) fn resize_cache(&mut self, bytes: usize) -> Result<(), WorkerError> {
        if !self.cache.resize(bytes) {
            return Ok(());
        }
        let Self { running, link, cache, .. } = self;
        for Running { task, .. } in running {
            if cache.is_exceeded() {
                task.relieve(link)?;
            }
        }
        Ok(())
    }

    /// What queries see.
    pub(crate) fn local_tasks(&self, now: i64) -> LocalTasks<'_> {
        LocalTasks {
            now,
            running: self.running.iter().map(Running::local).collect(),
            restoring: self.starting(),
            standbys: self.standbys.iter().collect(),
            settled: self.settled,
        }
    }

    /// The tasks that do not run yet.
    fn starting(&self) -> Vec<TaskId> {
        let restoring = self.restoring.iter().map(|restoring| restoring.id);
        let waiting = self.waiting.iter().filter(|waiting| !waiting.stands_by());
        restoring.chain(waiting.map(|waiting| waiting.id)).collect()
    }

    fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.running.iter().map(|running| &running.task)
    }

    pub(crate) fn link(&mut self) -> &mut L {
        &mut self.link
    }

    pub(crate) fn into_link(self) -> L {
        self.link
    }

    fn report_tasks(&mut self) {
        self.meter.tasks_changed();
        let running: Vec<TaskId> = self.tasks().map(Task::id).collect();
        self.observer.tasks(&running, &self.starting());
    }
}
