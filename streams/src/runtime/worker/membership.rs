//! Tasks that come and go with the partitions of this thread.

use std::collections::{BTreeMap, HashMap};

use super::super::link::{ChangelogBounds, FetchedRange, GroupOffset, Link, TopicPartition};
use super::restore::{self, ApplyError, RestorePlan, RestoreProgress};
use super::starting::Waiting;
use super::{Inputs, Missing, Opened, Restoring, Running, Worker, WorkerError};
use crate::store::backend::{Checkpoint, KeyValueBackend};
use crate::task::{InputId, Standing, Task, TaskId};

/// How often (ms) a restore in progress is reported.
const REPORT_EVERY_MS: u128 = 1_000;

/// A store with a changelog.
pub(super) struct Logged {
    /// Its index among the task's stores.
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) changelog: TopicPartition,
    /// Whether the changelog is a topic that the task reads.
    pub(super) is_source: bool,
}

impl Logged {
    /// What of the changelog belongs to the store: what the task has yet to process is no state of its past.
    pub(super) fn past(
        &self,
        bounds: ChangelogBounds,
        committed: &HashMap<TopicPartition, GroupOffset>,
    ) -> ChangelogBounds {
        if !self.is_source {
            return bounds;
        }
        let committed = committed.get(&self.changelog).map_or(bounds.start, |known| known.offset);
        ChangelogBounds { end: committed.clamp(bounds.start, bounds.end), ..bounds }
    }

    /// Compares the store with its changelog, and empties it if it cannot be trusted. Returns the offset to read from; `None`:
    /// nothing is missing.
    pub(super) fn missing_from(
        &self,
        task: TaskId,
        backend: &mut dyn KeyValueBackend,
        bounds: ChangelogBounds,
        now: i64,
    ) -> Result<Option<i64>, WorkerError> {
        let failed = |source| WorkerError::Store { task, source };
        match restore::plan_for(backend, bounds, now).map_err(failed)? {
            RestorePlan::Complete => Ok(None),
            RestorePlan::Tail(from) => Ok(Some(from)),
            RestorePlan::Rebuild { why, from } => {
                let Self { name: store, changelog, .. } = self;
                tracing::warn!(%task, store, %changelog, "the store is emptied and rebuilt: {why}");
                backend.clear().map_err(failed)?;
                Ok(Some(from))
            }
        }
    }
}

impl<L: Link> Worker<L> {
    /// Makes a task of all partitions of one number that a sub-topology reads, and fills its stores. Tasks that run already
    /// are not disturbed.
    pub(super) fn assigned(&mut self, partitions: &[TopicPartition], now: i64) -> Result<(), WorkerError> {
        self.settled = true;
        for (id, inputs) in self.by_task(partitions) {
            let Some(inputs) = self.join_running(id, inputs) else { continue };
            for (_, partition) in &inputs {
                self.link.pause(partition, true);
            }
            self.waiting.retain(|waiting| waiting.id != id);
            let opened = self.take_standby(id);
            self.waiting.push(Waiting::new(id, inputs, opened));
        }
        self.proceed(now)?;
        self.report_tasks();
        Ok(())
    }

    /// Gives partitions to a task that is here already: topics that match its pattern have come. Returns them if it is not.
    fn join_running(&mut self, id: TaskId, inputs: Inputs) -> Option<Inputs> {
        if let Some(Running { task, inputs: queues, .. }) =
            self.running.iter_mut().find(|running| running.task.id() == id)
        {
            for (input, partition) in inputs {
                let input = task.input_for(input, &partition.topic);
                queues.add(input, partition.topic, partition.partition, None);
            }
            return None;
        }
        let restoring = self.restoring.iter_mut().map(|restoring| (restoring.id, &mut restoring.inputs));
        let waiting = self.waiting.iter_mut().filter(|waiting| !waiting.stands_by());
        let waiting = waiting.map(|waiting| (waiting.id, &mut waiting.inputs));
        let Some((_, starting)) = restoring.chain(waiting).find(|(starting, _)| *starting == id) else {
            return Some(inputs);
        };
        for (_, partition) in &inputs {
            self.link.pause(partition, true);
        }
        starting.extend(inputs);
        None
    }

    /// Commits, and lets the tasks of these partitions go with their state on disk.
    pub(super) fn revoked(&mut self, partitions: &[TopicPartition], now: i64) -> Result<(), WorkerError> {
        let leaving = self.by_task(partitions);
        if leaving.keys().any(|id| self.tasks().any(|task| task.id() == *id)) {
            self.commit_leaving(now, |id| leaving.contains_key(&id))?;
        }
        self.close(|id| leaving.contains_key(&id))?;
        self.report_tasks();
        self.settle_standbys(now)
    }

    /// Drops the tasks of these partitions as they are: offsets and changelogs belong to somebody else by now. What their
    /// stores hold on disk is tied to the changelog, so that nothing has to be wiped.
    pub(super) fn lost(&mut self, partitions: &[TopicPartition]) {
        let leaving = self.by_task(partitions);
        for Running { mut task, .. } in
            self.running.extract_if(.., |running| leaving.contains_key(&running.task.id()))
        {
            if let Err(error) = task.close() {
                tracing::warn!("a task that was lost: {error}");
            }
            self.observer.closed(task.id(), task.stores().standing());
        }
        self.close_restoring(|id| leaving.contains_key(&id));
        self.report_tasks();
    }

    /// Commits and closes every task.
    pub(crate) fn shut_down(&mut self, now: i64) -> Result<(), WorkerError> {
        self.standbys.wanted.clear();
        self.commit_leaving(now, |_| true)?;
        self.close(|_| true)?;
        self.settle_standbys(now)?;
        self.report_tasks();
        Ok(())
    }

    fn close(&mut self, leaving: impl Fn(TaskId) -> bool) -> Result<(), WorkerError> {
        let mut demoted = Vec::new();
        // The lock comes first: its directory is another thread's only once the task has closed what lies there.
        for Running { _lock, mut task, uncommitted, .. } in
            self.running.extract_if(.., |running| leaving(running.task.id()))
        {
            let id = task.id();
            task.close()?;
            if self.standbys.wanted.contains(&id) && !uncommitted {
                demoted.push((id, Opened { backends: task.into_backends(), lock: _lock }));
                continue;
            }
            flush_stores(&mut task, &self.topology)?;
            self.observer.closed(id, task.stores().standing());
        }
        for restoring in self.restoring.iter_mut().filter(|restoring| leaving(restoring.id)) {
            for backend in &mut restoring.backends {
                let task = restoring.id;
                backend.flush().map_err(|source| WorkerError::Store { task, source })?;
            }
        }
        self.close_restoring(leaving);
        let demoted = demoted.into_iter().map(|(id, opened)| Waiting::demoted(id, Some(opened)));
        self.waiting.extend(demoted);
        Ok(())
    }

    /// Lets tasks go that are still being restored, and says how far they have come.
    fn close_restoring(&mut self, leaving: impl Fn(TaskId) -> bool) {
        for Restoring { id, backends, .. } in self.restoring.iter().filter(|restoring| leaving(restoring.id))
        {
            let mut standing = Standing::default();
            self.logged_stores(*id).iter().for_each(|logged| standing.add(&*backends[logged.index]));
            self.observer.closed(*id, standing);
        }
        self.stop_restoring(leaving);
    }

    fn stop_restoring(&mut self, leaving: impl Fn(TaskId) -> bool) {
        self.waiting.retain(|waiting| !leaving(waiting.id));
        for Restoring { missing, .. } in self.restoring.extract_if(.., |restoring| leaving(restoring.id)) {
            for Missing { progress, .. } in missing {
                self.link.restored(&progress.changelog);
                self.observer.restoring(&RestoreProgress { suspended: true, ..progress });
            }
        }
    }

    /// Sorts partitions into the tasks that read them. Partitions that the topology does not read belong to none.
    fn by_task(&self, partitions: &[TopicPartition]) -> BTreeMap<TaskId, Inputs> {
        let mut tasks: BTreeMap<TaskId, Inputs> = BTreeMap::new();
        for partition in partitions {
            for part in self.topology.subtopologies() {
                let application = &self.config.application_id;
                let named =
                    |source: &crate::topology::TopicName| source.covers(&partition.topic, application);
                if let Some(input) = part.sources.iter().position(named) {
                    let id = TaskId { subtopology: part.id, partition: partition.partition };
                    tasks.entry(id).or_default().push((InputId(input), partition.clone()));
                }
            }
        }
        tasks
    }

    /// The stores of a task that have a changelog, in the order of the specs.
    pub(super) fn logged_stores(&self, task: TaskId) -> Vec<Logged> {
        let specs = self.topology.part(task.subtopology).stores.iter().enumerate();
        let logged = specs.filter_map(|(index, spec)| {
            let topic = spec.changelog.as_ref()?.resolve(&self.config.application_id).into();
            let changelog = TopicPartition { topic, partition: task.partition };
            Some(Logged { index, name: spec.name.clone(), changelog, is_source: spec.changelog_is_source })
        });
        logged.collect()
    }

    /// Compares the stores of a task with what the cluster says of their changelogs, and begins to read what is missing.
    pub(super) fn plan_restore(
        &mut self,
        restoring: &mut Restoring,
        bounds: Vec<ChangelogBounds>,
        now: i64,
    ) -> Result<(), WorkerError> {
        let task = restoring.id;
        for (logged, bounds) in self.logged_stores(task).into_iter().zip(bounds) {
            self.link.changelog_is(&logged.changelog, bounds.topic_id);
            let bounds = logged.past(bounds, &restoring.committed);
            let backend = &mut restoring.backends[logged.index];
            let Some(from) = logged.missing_from(task, &mut **backend, bounds, now)? else { continue };
            let Logged { index, name: store, changelog, .. } = logged;
            let progress = RestoreProgress {
                task,
                store,
                changelog,
                from,
                next: from,
                end: bounds.end,
                records: 0,
                elapsed: std::time::Duration::ZERO,
                suspended: false,
            };
            if !progress.is_done() {
                if progress.remaining() >= restore::LOAD_FROM {
                    backend.begin_load();
                }
                self.link.restore(&progress.changelog, from);
                if self.paused {
                    self.link.hold(&progress.changelog, true);
                }
                self.observer.restoring(&progress);
                restoring.missing.push(Missing { store: index, changelog_id: bounds.topic_id, progress });
            }
        }
        Ok(())
    }

    /// Writes a range of a changelog into its store.
    pub(super) fn restore(&mut self, range: FetchedRange, now: i64) -> Result<(), WorkerError> {
        let missing = self.restoring.iter().flat_map(|restoring| &restoring.missing);
        if !missing.into_iter().any(|missing| missing.progress.changelog == range.source) {
            self.follow(range, now);
            return Ok(());
        }
        for restoring in &mut self.restoring {
            let found =
                restoring.missing.iter().position(|missing| missing.progress.changelog == range.source);
            let Some(found) = found else { continue };
            let Missing { store, changelog_id, progress } = &mut restoring.missing[found];
            let backend: &mut dyn KeyValueBackend = &mut *restoring.backends[*store];
            let tie = |next_offset| Checkpoint { next_offset, written_at: now, changelog_id: *changelog_id };
            let applied = restore::apply(backend, &range, progress.next, progress.end, tie);
            let (records, next) = applied.map_err(|error| failed(progress, error))?;
            if next >= progress.end {
                backend.end_load().map_err(|error| failed(progress, ApplyError::Store(error)))?;
            }
            let reported = progress.elapsed.as_millis() / REPORT_EVERY_MS;
            progress.records += records;
            progress.next = next;
            progress.elapsed = std::time::Duration::from_millis((now - restoring.since).max(0) as u64);
            if progress.is_done() || progress.elapsed.as_millis() / REPORT_EVERY_MS > reported {
                self.observer.restoring(progress);
            }
            if progress.is_done() {
                self.link.restored(&progress.changelog);
                restoring.missing.swap_remove(found);
            }
            break;
        }
        self.start_complete(now)
    }
}

/// Puts everything written so far on disk, so that the next owner of the directory has nothing to restore.
fn flush_stores(task: &mut Task, topology: &crate::topology::Topology) -> Result<(), WorkerError> {
    let mut flushed = Ok(());
    let id = task.id();
    for store in &topology.part(id.subtopology).stores {
        task.with_backend(&store.name, |backend| {
            if flushed.is_ok() {
                flushed = backend.flush();
            }
        });
    }
    flushed.map_err(|source| WorkerError::Store { task: id, source })
}

fn failed(progress: &RestoreProgress, error: ApplyError) -> WorkerError {
    failed_at(progress.task, &progress.changelog, progress.next, error)
}

pub(super) fn failed_at(
    task: TaskId,
    changelog: &TopicPartition,
    offset: i64,
    error: ApplyError,
) -> WorkerError {
    match error {
        ApplyError::Store(source) => WorkerError::Store { task, source },
        ApplyError::Batch(error) => {
            WorkerError::Changelog { changelog: changelog.clone(), offset, reason: error.to_string() }
        }
    }
}
