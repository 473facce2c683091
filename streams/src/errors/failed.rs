//! What an error policy is told.

use std::fmt;

use super::Stage;
use crate::processor::Headers;
use crate::task::{Failure, TaskId};

/// A record that failed, or a punctuation: where, why, and how often so far. What an error policy decides on.
#[derive(Debug)]
pub struct Failed<'a> {
    pub(crate) stage: Stage,
    /// `None`: a broker refused it, long after it was sent by one task or another of a thread.
    pub(crate) task: Option<TaskId>,
    pub(crate) node: &'a str,
    /// The topic, partition and offset; `None`: it was not read, or not just now.
    pub(crate) place: Option<(&'a str, i32, i64)>,
    pub(crate) record: Bytes<'a>,
    pub(crate) attempt: u32,
    pub(crate) has_dead_letters: bool,
    pub(crate) failure: &'a Failure,
}

/// What is left of a record when it has failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes<'a> {
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) timestamp: i64,
    pub(crate) headers: &'a Headers,
    /// The input of the task that it came by and its offset, if it was not read just now.
    pub(crate) source: Option<(u16, i64)>,
}

impl Failed<'_> {
    /// Where on its way it failed.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether it failed at its source: no closure has seen it, but for one that extracts timestamps.
    pub fn is_decode(&self) -> bool {
        self.stage == Stage::Decode
    }

    /// Whether it failed at a node between source and sink.
    pub fn is_process(&self) -> bool {
        self.stage == Stage::Process
    }

    /// Whether it failed on its way to a topic.
    pub fn is_produce(&self) -> bool {
        self.stage == Stage::Produce
    }

    /// Whether a closure panicked.
    pub fn is_panic(&self) -> bool {
        matches!(self.failure, Failure::Panic(_))
    }

    /// What went wrong.
    pub fn failure(&self) -> &Failure {
        self.failure
    }

    /// The task; `None` where a broker refused a batch: the records of all tasks of a thread travel together.
    pub fn task(&self) -> Option<TaskId> {
        self.task
    }

    /// The name of the node.
    pub fn node(&self) -> &str {
        self.node
    }

    /// The topic that the record was read from; of a table's update that had waited in its cache, the
    /// last that it stands for. `None` in a punctuation, and where a
    /// broker refused a batch.
    pub fn topic(&self) -> Option<&str> {
        self.place.map(|(topic, ..)| topic)
    }

    /// The partition, where there is a [`topic`](Self::topic).
    pub fn partition(&self) -> Option<i32> {
        self.place.map(|(_, partition, _)| partition)
    }

    /// The offset, where there is a [`topic`](Self::topic).
    pub fn offset(&self) -> Option<i64> {
        self.place.map(|(.., offset)| offset)
    }

    /// The bytes of its key as they were read; of a table's update those that the store has, in a punctuation none.
    pub fn key(&self) -> Option<&[u8]> {
        self.record.key
    }

    /// The bytes of its value, as [`key`](Self::key).
    pub fn value(&self) -> Option<&[u8]> {
        self.record.value
    }

    /// Its time in milliseconds, at the node.
    pub fn timestamp(&self) -> i64 {
        self.record.timestamp
    }

    /// Its headers.
    pub fn headers(&self) -> &Headers {
        self.record.headers
    }

    /// Whether the application has named a dead-letter topic; without one [`DeadLetter`](super::Action::DeadLetter) means
    /// [`Fail`](super::Action::Fail).
    pub fn has_dead_letters(&self) -> bool {
        self.has_dead_letters
    }

    /// Whether the cluster may take it later: no answer in time, no leader. Then it is hardly the record that is at fault.
    pub fn is_retriable(&self) -> bool {
        match self.failure {
            Failure::Process(error) => error.is_retriable(),
            _ => false,
        }
    }

    /// How often it has been tried, this time included: 1, unless a policy has said [`Action::Retry`](super::Action::Retry).
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

impl fmt::Display for Failed<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(task) = self.task {
            write!(formatter, "task {task}, ")?;
        }
        if let Some((topic, partition, offset)) = self.place {
            write!(formatter, "{topic}-{partition} at offset {offset}, ")?;
        }
        write!(formatter, "node {}: {}", self.node, self.failure)
    }
}
