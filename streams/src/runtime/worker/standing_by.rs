//! Copies of the state of tasks that run elsewhere: one fetched range a turn, after the tasks that run, and none while stores are
//! restored here.

use std::collections::BTreeSet;

use tokio::sync::oneshot::error::TryRecvError;

use super::super::link::{Answer, FetchedRange, Known, Link, TopicPartition};
use super::super::standby::{Follower, Heard, StandbyStore, StandbyTask};
use super::super::state_directory::TaskLock;
use super::membership::{Logged, failed_at};
use super::starting::Waiting;
use super::{Opened, Worker, WorkerError};
use crate::task::{TaskId, TaskStores};

/// How often (ms) is told how far the copies have come.
const REPORT_EVERY_MS: i64 = 1_000;

/// What a worker has to do with standby tasks.
#[derive(Default)]
pub(super) struct Standbys {
    /// The tasks whose state the group wants copied here, those that run here until they are revoked included.
    pub(super) wanted: BTreeSet<TaskId>,
    tasks: Vec<StandingBy>,
    /// Whose turn is next.
    turn: usize,
    /// When (ms) was last told how far they are.
    reported: i64,
    /// What the group will say of source topics that are followed, and when (ms) to ask next.
    limits: Option<Answer>,
    ask_at: i64,
}

/// A standby task and the right to its directory.
struct StandingBy {
    task: StandbyTask,
    lock: Option<TaskLock>,
}

impl Standbys {
    pub(super) fn iter(&self) -> impl Iterator<Item = &StandbyTask> {
        self.tasks.iter().map(|standing| &standing.task)
    }

    fn followers(&mut self) -> impl Iterator<Item = &mut Follower> {
        self.tasks.iter_mut().flat_map(|standing| standing.task.followers())
    }
}

impl<L: Link> Worker<L> {
    /// The group says the state of which tasks to copy. A leader with another topology may want copies of tasks that this
    /// program does not have.
    pub(super) fn stand_by(&mut self, mut tasks: BTreeSet<TaskId>, now: i64) -> Result<(), WorkerError> {
        let parts = self.topology.subtopologies();
        tasks.retain(|task| {
            let is_known = task.partition >= 0 && parts.iter().any(|part| part.id == task.subtopology);
            if !is_known {
                tracing::warn!(%task, "a copy is wanted of a task that this topology does not have");
            }
            is_known
        });
        self.standbys.wanted = tasks;
        self.settle_standbys(now)
    }

    /// Ends the standbys that are not wanted any more, and begins those that are and whose tasks do not run here.
    pub(super) fn settle_standbys(&mut self, now: i64) -> Result<(), WorkerError> {
        let wanted = self.standbys.wanted.clone();
        self.waiting.retain(|waiting| !waiting.stands_by() || wanted.contains(&waiting.id));
        let ended: Vec<TaskId> =
            self.standbys.iter().map(StandbyTask::id).filter(|id| !wanted.contains(id)).collect();
        for id in ended {
            self.end_standby(id)?;
        }
        let is_here = |id: &TaskId| {
            let running = self.tasks().map(crate::task::Task::id);
            let restoring = self.restoring.iter().map(|restoring| restoring.id);
            let waiting = self.waiting.iter().map(|waiting| waiting.id);
            running
                .chain(restoring)
                .chain(waiting)
                .chain(self.standbys.iter().map(StandbyTask::id))
                .any(|at| at == *id)
        };
        let begun: Vec<TaskId> = wanted.into_iter().filter(|id| !is_here(id)).collect();
        self.waiting.extend(begun.into_iter().map(Waiting::standby));
        self.proceed(now)?;
        self.report_standbys(now);
        Ok(())
    }

    /// Ends a standby with everything it has on disk.
    fn end_standby(&mut self, id: TaskId) -> Result<(), WorkerError> {
        let Some(StandingBy { mut task, lock }) = self.stop_following(id) else { return Ok(()) };
        task.flush().map_err(|source| WorkerError::Store { task: id, source })?;
        self.observer.closed(id, task.stores().standing());
        drop(task);
        drop(lock);
        Ok(())
    }

    /// The stores of a standby whose task comes to run here, still open.
    pub(super) fn take_standby(&mut self, id: TaskId) -> Option<Opened> {
        let StandingBy { task, lock } = self.stop_following(id)?;
        Some(Opened { backends: task.into_backends(), lock })
    }

    fn stop_following(&mut self, id: TaskId) -> Option<StandingBy> {
        let index = self.standbys.iter().position(|task| task.id() == id)?;
        let mut standing = self.standbys.tasks.remove(index);
        for follower in standing.task.followers() {
            self.link.restored(&follower.changelog);
        }
        Some(standing)
    }

    /// The source topics among the changelogs of a task: what is copied of them ends where the group stands.
    pub(super) fn followed_sources(&self, task: TaskId) -> Vec<TopicPartition> {
        let logged = self.logged_stores(task).into_iter().filter(|logged| logged.is_source);
        logged.map(|logged| logged.changelog).collect()
    }

    /// Begins to follow the changelogs of a task.
    pub(super) fn begin_standby(
        &mut self,
        id: TaskId,
        opened: Opened,
        known: Known,
        now: i64,
    ) -> Result<(), WorkerError> {
        let Opened { mut backends, lock } = opened;
        let mut followers = Vec::new();
        for (logged, bounds) in self.logged_stores(id).into_iter().zip(known.bounds) {
            let bounds = logged.past(bounds, &known.committed);
            let backend = &mut *backends[logged.index];
            let next = match logged.missing_from(id, backend, bounds, now)? {
                Some(from) => from,
                None => backend.position().map_or(bounds.end, |position| position.next_offset),
            };
            let Logged { name: store, changelog, is_source, .. } = logged;
            let heard = if is_source { Heard::Committed(bounds.end) } else { Heard::End(bounds.end) };
            self.link.restore(&changelog, next);
            let mut follower = Follower::new(store, changelog, bounds.topic_id, next);
            follower.hear(heard, now);
            followers.push(follower);
        }
        let stores = TaskStores::open(&self.topology, id, backends, &self.cache, &mut self.link);
        self.standbys.tasks.push(StandingBy { task: StandbyTask::new(id, stores, followers), lock });
        Ok(())
    }

    /// Takes in a range of a changelog that is followed.
    pub(super) fn follow(&mut self, range: FetchedRange, now: i64) {
        let Self { standbys, link, .. } = self;
        let Some(follower) = standbys.followers().find(|follower| follower.changelog == range.source) else {
            return;
        };
        if let Some((end, ago)) = link.changelog_end(&follower.changelog) {
            follower.hear_end(end, now - ago);
        }
        follower.push(range);
        hold(follower, true, link);
    }

    /// Writes one range of a copy; returns when (ms) there is more to do although nothing arrives.
    pub(super) fn keep_up(&mut self, now: i64) -> Result<i64, WorkerError> {
        if self.standbys.tasks.is_empty() {
            return Ok(i64::MAX);
        }
        let may_read = self.restoring.is_empty() && !self.paused;
        if may_read {
            self.write_a_range(now)?;
        }
        let again_at = self.hear_limits(now);
        let Self { standbys, link, .. } = self;
        let mut is_ready = false;
        for follower in standbys.followers() {
            hold(follower, !may_read || follower.is_waiting(), link);
            is_ready |= may_read && follower.is_ready();
        }
        if now - standbys.reported >= REPORT_EVERY_MS {
            self.report_standbys(now);
        }
        // Also where nothing comes: then they grow old.
        let report_at = self.standbys.reported + REPORT_EVERY_MS;
        Ok(if is_ready { now } else { again_at.min(report_at) })
    }

    fn write_a_range(&mut self, now: i64) -> Result<(), WorkerError> {
        let Standbys { tasks, turn, .. } = &mut self.standbys;
        for nth in 0..tasks.len() {
            let index = (*turn + nth) % tasks.len();
            let task = &mut tasks[index].task;
            let written = task.write(now);
            let id = task.id();
            let written = written.map_err(|(at, error)| {
                let follower = &task.followers()[at];
                failed_at(id, &follower.changelog, follower.next, error)
            })?;
            if written {
                *turn = index + 1;
                break;
            }
        }
        Ok(())
    }

    /// Asks what the group has committed of source topics of which records wait; returns when (ms) to ask again.
    fn hear_limits(&mut self, now: i64) -> i64 {
        match self.standbys.limits.take() {
            None => {}
            Some(mut answer) => match answer.try_recv() {
                Err(TryRecvError::Empty) => {
                    self.standbys.limits = Some(answer);
                    return i64::MAX;
                }
                Ok(Ok(Known { committed, .. })) => {
                    for follower in self.standbys.followers().filter(|follower| follower.follows_source()) {
                        if let Some(known) = committed.get(&follower.changelog) {
                            follower.hear(Heard::Committed(known.offset), now);
                        }
                    }
                }
                Ok(Err(error)) => tracing::warn!(%error, "copies of source topics wait; asked again"),
                Err(TryRecvError::Closed) => {}
            },
        }
        let waits = |follower: &&mut Follower| {
            follower.follows_source() && follower.is_waiting() && !follower.is_ready()
        };
        let waiting: Vec<TopicPartition> =
            self.standbys.followers().filter(waits).map(|follower| follower.changelog.clone()).collect();
        if waiting.is_empty() {
            return i64::MAX;
        }
        if now < self.standbys.ask_at {
            return self.standbys.ask_at;
        }
        self.standbys.ask_at = now + self.config.commit_interval_ms;
        self.standbys.limits = Some(self.link.ask(Vec::new(), waiting));
        i64::MAX
    }

    /// Hears where the changelogs of the copies end by now.
    pub(crate) fn hear_ends(&mut self, now: i64) {
        let Self { standbys, link, .. } = self;
        for follower in standbys.followers() {
            if let Some((end, ago)) = link.changelog_end(&follower.changelog) {
                follower.hear_end(end, now.saturating_sub(ago));
            }
        }
    }

    fn report_standbys(&mut self, now: i64) {
        self.hear_ends(now);
        let Self { standbys, observer, .. } = self;
        standbys.reported = now;
        for task in standbys.iter() {
            observer.stands(task.id(), task.stores().standing());
        }
        let stores: Vec<StandbyStore> = standbys.iter().flat_map(|task| task.status(now)).collect();
        let tasks: Vec<TaskId> = standbys.iter().map(StandbyTask::id).collect();
        observer.standbys(&tasks, &stores);
    }
}

/// Tells the link when fetching has to stop or may go on.
fn hold(follower: &mut Follower, held: bool, link: &mut impl Link) {
    if follower.held != held {
        follower.held = held;
        link.hold(&follower.changelog, held);
    }
}
