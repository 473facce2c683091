//! Tasks on their way from an assignment to records: the directory is theirs, the cluster has said how far the changelogs go, the
//! stores are complete.

use std::mem;
use std::sync::Arc;

use tokio::sync::oneshot::error::TryRecvError;

use super::super::input::TaskInputs;
use super::super::link::{Answer, GroupOffset, Known, Link, LinkError, TopicPartition};
use super::away::{self, Departure};
use super::meter::Used;
use super::trouble::Trouble;
use super::{Inputs, Opened, Restoring, Running, Worker, WorkerError};
use crate::task::{Task, TaskEnv, TaskId};

/// How soon (ms) a step that failed is tried again.
const RETRY_MS: i64 = 100;

/// A task whose stores cannot be restored yet.
pub(super) struct Waiting {
    pub(super) id: TaskId,
    /// What it reads once it runs.
    pub(super) inputs: Inputs,
    step: Step,
    trouble: Trouble,
    purpose: Purpose,
}

/// What becomes of a task once its stores are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Run,
    StandBy,
}

/// What a task waits for.
enum Step {
    /// Its directory, which another thread of this process has not let go of; when (ms) to look again.
    Directory(i64),
    /// The time (ms) to ask about its changelogs.
    Question(Opened, i64),
    /// What the cluster says of them.
    Answer(Opened, Answer),
}

impl Step {
    fn first(opened: Option<Opened>) -> Self {
        opened.map_or(Self::Directory(i64::MIN), |opened| Self::Question(opened, i64::MIN))
    }
}

impl Waiting {
    /// A task that shall run; `opened`: its stores, if they are open already.
    pub(super) fn new(id: TaskId, inputs: Inputs, opened: Option<Opened>) -> Self {
        Self { id, inputs, step: Step::first(opened), trouble: Trouble::default(), purpose: Purpose::Run }
    }

    /// A task whose state shall be copied.
    pub(super) fn standby(id: TaskId) -> Self {
        Self::demoted(id, None)
    }

    /// The same; `opened`: its stores, if they are open already.
    pub(super) fn demoted(id: TaskId, opened: Option<Opened>) -> Self {
        let (step, trouble) = (Step::first(opened), Trouble::default());
        Self { id, inputs: Vec::new(), step, trouble, purpose: Purpose::StandBy }
    }

    pub(super) fn stands_by(&self) -> bool {
        self.purpose == Purpose::StandBy
    }

    /// When (ms) a turn can bring it further; an answer brings a turn with it.
    fn again_at(&self) -> i64 {
        match self.step {
            Step::Directory(at) | Step::Question(_, at) => at,
            Step::Answer(..) => i64::MAX,
        }
    }
}

impl<L: Link> Worker<L> {
    /// Brings the tasks that wait as far as they get now; returns when (ms) to try again.
    pub(super) fn proceed(&mut self, now: i64) -> Result<i64, WorkerError> {
        if self.waiting.is_empty() {
            return Ok(i64::MAX);
        }
        let mut ready = false;
        for mut waiting in mem::take(&mut self.waiting) {
            match self.advance(&mut waiting, now)? {
                None => self.waiting.push(waiting),
                Some((opened, known)) if waiting.stands_by() => {
                    self.begin_standby(waiting.id, opened, known, now)?;
                }
                Some((opened, known)) => {
                    let Waiting { id, inputs, trouble, .. } = waiting;
                    let Opened { backends, lock } = opened;
                    let missing = Vec::new();
                    let mut restoring = Restoring {
                        id,
                        inputs,
                        committed: known.committed,
                        backends,
                        missing,
                        since: now,
                        trouble,
                        _lock: lock,
                    };
                    self.plan_restore(&mut restoring, known.bounds, now)?;
                    self.restoring.push(restoring);
                    ready = true;
                }
            }
        }
        if ready {
            self.start_complete(now)?;
        }
        Ok(self.waiting.iter().map(Waiting::again_at).min().unwrap_or(i64::MAX))
    }

    /// Takes one task through the steps that do not have to wait; `Some`: it has what a restore needs.
    fn advance(&mut self, waiting: &mut Waiting, now: i64) -> Result<Option<(Opened, Known)>, WorkerError> {
        loop {
            let step = mem::replace(&mut waiting.step, Step::Directory(now));
            waiting.step = match step {
                Step::Directory(at) | Step::Question(_, at) if at > now => {
                    waiting.step = step;
                    return Ok(None);
                }
                Step::Directory(_) => {
                    let part = self.topology.part(waiting.id.subtopology);
                    match (self.open_stores)(waiting.id, &part.stores) {
                        Ok(opened) => Step::Question(opened, now),
                        Err(error) if error.is_task_in_use() => {
                            tracing::info!(task = %waiting.id, "another thread has yet to let go of the task's directory");
                            Step::Directory(now + RETRY_MS)
                        }
                        Err(error) => return Err(error),
                    }
                }
                Step::Question(opened, _) => {
                    let logged = self.logged_stores(waiting.id).into_iter();
                    let changelogs = logged.map(|logged| logged.changelog).collect();
                    let inputs = match waiting.purpose {
                        Purpose::Run => partitions_of(&waiting.inputs).collect(),
                        Purpose::StandBy => self.followed_sources(waiting.id),
                    };
                    let answer = self.link.ask(changelogs, inputs);
                    Step::Answer(opened, answer)
                }
                Step::Answer(opened, mut answer) => match answer.try_recv() {
                    Err(TryRecvError::Empty) => {
                        waiting.step = Step::Answer(opened, answer);
                        return Ok(None);
                    }
                    Ok(Ok(known)) => return Ok(Some((opened, known))),
                    Ok(Err(error)) => self.ask_again(waiting, opened, error, now)?,
                    Err(TryRecvError::Closed) => self.ask_again(waiting, opened, unanswered(), now)?,
                },
            };
        }
    }

    fn ask_again(
        &self,
        waiting: &mut Waiting,
        opened: Opened,
        error: LinkError,
        now: i64,
    ) -> Result<Step, WorkerError> {
        waiting.trouble.met(waiting.id, error, now, self.config.task_timeout_ms)?;
        Ok(Step::Question(opened, now + RETRY_MS))
    }

    /// Starts the tasks whose stores are complete.
    pub(super) fn start_complete(&mut self, now: i64) -> Result<(), WorkerError> {
        let complete = self.restoring.extract_if(.., |restoring| restoring.missing.is_empty());
        for Restoring { id, inputs, committed, backends, trouble, _lock, .. } in complete.collect::<Vec<_>>()
        {
            let env = TaskEnv { backends, sink: &mut self.link, cache: self.cache.clone() };
            let mut task = Task::with_globals(&self.topology, id, env, &self.globals);
            task.extract_timestamps(self.config.timestamps);
            task.handle_errors(self.config.errors.clone(), self.config.error_counters.clone());
            let read: Vec<TopicPartition> = partitions_of(&inputs).collect();
            if let Some(departure) = Departure::read(&committed, &read) {
                self.observer.arrived(&departure.arrival(id, now));
            }
            let mut queues = TaskInputs::default();
            for (input, partition) in inputs {
                self.link.pause(&partition, false);
                let input = task.input_for(input, &partition.topic);
                let known = committed.get(&partition);
                if let Some(GroupOffset { metadata, .. }) = known {
                    task.resume(input, metadata.partition_time, away::notes(metadata));
                }
                let stands_at = known.map(|known| known.offset);
                queues.add(input, partition.topic, partition.partition, stands_at);
            }
            task.init(now, std::rc::Rc::clone(&self.punctuation_budget), &mut self.link)?;
            let place = self.running.partition_point(|running| running.task.id() < id);
            let (uncommitted, commit_requested, unsettled) = (false, false, false);
            let running = Running {
                task,
                inputs: queues,
                uncommitted,
                commit_requested,
                unsettled,
                trouble,
                used: Used::default(),
                _lock,
            };
            self.running.insert(place, running);
        }
        self.report_tasks();
        Ok(())
    }
}

fn partitions_of(inputs: &Inputs) -> impl Iterator<Item = TopicPartition> {
    inputs.iter().map(|(_, partition)| partition.clone())
}

/// Whoever was to answer is gone: the network is shutting down, or was.
fn unanswered() -> LinkError {
    let source = Arc::new(millstream_client::Error::Closed);
    LinkError { doing: "asking where the changelogs begin and end".to_owned(), source, retriable: true }
}
