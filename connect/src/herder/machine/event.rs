use super::configs::Verdict;
use crate::herder::records::Bytes;
use crate::herder::{Config, TaskEvent, TaskId, TaskStart};
use std::sync::Arc;

/// When it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Now {
    /// On a clock that only goes forward, from whenever: what spans of time are measured on.
    pub(crate) ms: u64,
    /// Since 1970, for people.
    pub(crate) wall_ms: i64,
}

/// One of a cluster's topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    Config,
    Status,
    /// One partition, as the config topic: the order of its records decides who holds what.
    Lease,
}

/// What has come to pass.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A record of one of the topics has been read, in the order of its partition.
    Read { topic: Topic, offset: i64, key: String, value: Option<Vec<u8>>, note: Note },
    /// All that lay in the topics when the worker started has been read.
    CaughtUp,
    /// A task tells something.
    Task(TaskEvent),
    /// A task that was to stop has ended.
    Stopped(TaskId),
    /// A connector has been asked for its tasks.
    Split { connector: String, version: i64, tasks: Result<Vec<Config>, String> },
    /// A while has passed.
    Tick,
    /// Somebody wants this done, in its turn.
    Then(Box<Action>),
}

/// What goes with a record in its headers. Kafka Connect writes none and reads none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Note {
    /// The version that the writer had seen.
    pub(crate) expects: Option<i64>,
    /// By which the writer knows its own record again.
    pub(crate) write: Option<u64>,
}

/// A record to be produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) topic: Topic,
    pub(crate) bytes: Bytes,
    pub(crate) note: Note,
}

impl Write {
    pub(crate) fn new(topic: Topic, bytes: Bytes) -> Self {
        Self { topic, bytes, note: Note::default() }
    }
}

/// What is to be done.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// In the order of the actions, topic by topic.
    Produce(Write),
    /// Start a task of this worker.
    Start(TaskStart),
    /// Stop one, in order; [`Event::Stopped`] follows.
    Stop(TaskId),
    /// End one that is being stopped at once, as a crash would: another worker may have it soon.
    Abort(TaskId),
    /// Let one rest, or go on.
    Pause(TaskId, bool),
    /// Ask a connector for its tasks; [`Event::Split`] follows.
    Split { connector: String, version: i64, config: Arc<Config> },
    /// Whoever waits for this write is told what became of it.
    Answer(u64, Verdict),
    /// Log a namespace at another level.
    Level(String, String),
    /// Tell whoever looks after this worker.
    Warn(String),
}
