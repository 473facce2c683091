//! What a processor can reach beside its record.

use std::time::Duration;

use super::Forwarded;
use super::node::Below;
use crate::processor::{Context as TaskContext, Downstream, ProcessError, Record};
use crate::task::{PunctuationKind, Punctuator, TaskId};
use crate::topology::{NodeId, TopicName};

/// The surroundings of a processor during one call (Kafka's `ProcessorContext`).
pub struct Context<'a, Out: Forwarded> {
    pub(super) task: TaskContext<'a>,
    pub(super) node: NodeId,
    pub(super) below: &'a Below<Out::Key, Out::Value>,
    /// The punctuation that runs, if it is one.
    pub(super) running: Option<Punctuator>,
    /// What went wrong in a node below: it ends the task when the call returns.
    pub(super) failed: Option<ProcessError>,
}

/// Where a record was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMetadata<'a> {
    /// The topic.
    pub topic: &'a TopicName,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

impl<Out: Forwarded> Context<'_, Out> {
    /// Passes a record to every node below. Should one of them fail, or the record have a time before 1970, nothing more is
    /// forwarded and the task stops when the call returns.
    pub fn forward(&mut self, record: Record<Out::Key, Out::Value>) {
        self.pass(Ok(&*self.below.all), record);
    }

    /// Passes a record to one of the nodes below, by its name. If there is none of that name the task stops when the call
    /// returns, as in Kafka.
    pub fn forward_to(&mut self, child: &str, record: Record<Out::Key, Out::Value>) {
        let below = self.below.by_name.iter().find(|(name, _)| name == child);
        let below = below.map(|(_, below)| &**below).ok_or_else(|| {
            let known: Vec<&str> = self.below.by_name.iter().map(|(name, _)| name.as_str()).collect();
            ProcessError::new(format!("no node {child:?} is attached here, only {known:?}"))
        });
        self.pass(below, record);
    }

    fn pass(
        &mut self,
        below: Result<&dyn Downstream<Out::Key, Out::Value>, ProcessError>,
        record: Record<Out::Key, Out::Value>,
    ) {
        if self.failed.is_some() {
            return;
        }
        let below = if record.timestamp < 0 { Err(before_1970(record.timestamp)) } else { below };
        self.failed = below.and_then(|below| self.task.pass(below, record)).err();
        self.task.return_to(self.node);
    }

    /// The largest timestamp that this task has seen, in milliseconds; `-1` before the first record.
    pub fn stream_time(&self) -> i64 {
        self.task.stream_time()
    }

    /// The machine's clock in milliseconds since 1970, as it was when the task got its turn (Kafka's
    /// `currentSystemTimeMs`). Tests move it.
    pub fn wall_clock(&self) -> i64 {
        self.task.state.wall_clock
    }

    /// Where the record was read that is being processed; `None` in `init`, in a punctuation, and for updates of a table
    /// that have waited in its cache.
    pub fn metadata(&self) -> Option<RecordMetadata<'_>> {
        let state = &*self.task.state;
        let topic = state.topics.get(state.input?)?;
        Some(RecordMetadata { topic, partition: state.task.partition, offset: state.offset })
    }

    /// The task.
    pub fn task_id(&self) -> TaskId {
        self.task.state.task
    }

    /// Has [`punctuate`](super::Processor::punctuate) called every `interval`. On stream time the first call comes with the
    /// first record and the following when a multiple of the interval has been passed; on the wall clock the first call comes
    /// after one interval. However many intervals were missed, they end in one call.
    pub fn schedule(&mut self, kind: PunctuationKind, interval: Duration) -> Punctuator {
        let state = &mut *self.task.state;
        state.schedule.add(self.node, kind, interval, state.wall_clock)
    }

    /// Ends a punctuation; one that has ended already is no mistake.
    pub fn cancel(&mut self, punctuator: Punctuator) {
        self.task.state.schedule.cancel(punctuator);
    }

    /// Whether punctuations have had the time that is theirs before records must have a turn again: a long one should stop
    /// here and ask to be [called again](Self::punctuate_again).
    pub fn is_out_of_time(&self) -> bool {
        self.running.is_some() && self.task.state.budget.is_spent()
    }

    /// Has the running punctuation called again as soon as other work has had its turn, instead of at its next time.
    pub fn punctuate_again(&mut self) {
        if let Some(running) = self.running {
            self.task.state.schedule.again(running);
        }
    }

    /// Asks for a commit soon, without waiting for `commit.interval.ms`.
    pub fn request_commit(&mut self) {
        self.task.state.commit_requested = true;
    }
}

/// What Kafka's `Record` says to such a time when it is made.
fn before_1970(timestamp: i64) -> ProcessError {
    ProcessError::new(format!("a record was forwarded at {timestamp}, but times are milliseconds since 1970"))
}
