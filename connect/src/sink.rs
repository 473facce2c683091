use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use millstream_client::TopicPartition;
use uuid::Uuid;

use crate::about::About;
use crate::check::Finding;
use crate::error::{ConnectError, TaskError};
use crate::options::{Fault, Options};
use crate::record::Record;

/// A kind of connector that writes records somewhere. `CONTRIBUTING.md` shows how to write one.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// What can be said to it.
    type Options: Options;

    /// What it is called.
    const ABOUT: About;

    /// What becomes of a record that is written again.
    const REPLAY: Replay;

    /// Looks at the other side: what would go wrong, and what to do about it. Changes nothing there.
    async fn check(_options: &Self::Options) -> Vec<Finding> {
        Vec::new()
    }

    /// Whether a topology can end in it as it is configured: there it keeps no offsets, and each record comes at least once.
    ///
    /// # Errors
    /// What is in the way, and what to write instead.
    fn at_the_end_of_a_topology(_options: &Self::Options) -> Result<(), Fault> {
        Ok(())
    }

    /// Forgets the offsets that the sink keeps itself for a connector, none of whose tasks runs: somebody moves those of its group
    /// (KIP-875, Kafka's `SinkConnector.alterOffsets`), and they alone are to count. Comes when the group's are moved.
    ///
    /// # Errors
    /// They cannot be forgotten, and count still; whoever asked is told, and may ask again.
    async fn forget_offsets(
        _options: &Self::Options,
        _connector: &str,
        _of: &Forget,
    ) -> Result<(), ConnectError> {
        Ok(())
    }

    /// Makes a task ready to write.
    ///
    /// # Errors
    /// The other side refuses; the text says what to do. Or it is away, and is waited for.
    async fn open(options: Self::Options, context: SinkContext) -> Result<Box<dyn SinkTask>, ConnectError>;
}

/// Whose offsets a sink forgets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forget {
    /// Those of all partitions.
    All,
    /// Those of these partitions.
    Of(Vec<TopicPartition>),
}

/// What becomes of a record that is written again after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It is there twice.
    Appends,
    /// It takes its own place.
    Upserts,
    /// It is known by its offset, which the sink keeps in the transaction that writes it, and passed over.
    Once,
}

/// What a sink's task is told.
#[derive(Debug, Clone, Default)]
pub struct SinkContext {
    /// The connector's name, for logs and ids.
    pub connector: String,
    /// Which of its tasks this is, from 0.
    pub task: usize,
    /// The records are a topology's: what comes again after a crash need not be the same, so no offset of theirs is to be kept. It
    /// says where a record was read of which it was made, which may be an earlier one than before.
    pub ends_topology: bool,
}

/// A partition that a sink's task reads from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// Its name.
    pub partition: TopicPartition,
    /// Which topic of that name it is of (KIP-516): an offset that is kept belongs to this one alone. Nil where the cluster knows no
    /// ids.
    pub topic_id: Uuid,
}

/// Writes records. The runtime reads, converts and transforms them, keeps what is to be retried, and commits what is flushed.
#[async_trait]
pub trait SinkTask: Send {
    /// Partitions are read from now on. Returns the offsets before which the sink has everything, where it keeps offsets: reading
    /// begins there unless the group is further, since what the group has passed without the sink was dropped or is a dead letter.
    /// It comes again for a partition whose topic was deleted and made anew meanwhile, after a [`flush`](SinkTask::flush).
    ///
    /// # Errors
    /// As [`SinkTask::write`].
    async fn assigned(
        &mut self,
        _partitions: &[Assigned],
    ) -> Result<BTreeMap<TopicPartition, i64>, TaskError> {
        Ok(BTreeMap::new())
    }

    /// Partitions are another's. All that was written of them was flushed before.
    async fn revoked(&mut self, _partitions: &[TopicPartition]) {}

    /// How many records the sink takes at once at best, where `sink.batch.records` says nothing.
    fn batch_records(&self) -> Option<usize> {
        None
    }

    /// Whether a value that was read as JSON, and that no transform looks at, may stay the text that it is: of one object on one
    /// line that all readers of JSON take alike. It spares the reading and the writing where the text is sent on.
    fn keeps_json(&self) -> bool {
        false
    }

    /// Writes records, those of a partition in order, and answers for each. The runtime may drop the future when its time is up;
    /// the same records come again then.
    ///
    /// # Errors
    /// One verdict for all of them: none was written.
    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError>;

    /// Returns when everything written before is safe with the other side: what follows is the commit of its offsets. The runtime
    /// may drop the future when its time is up; what was written since the last flush comes again then.
    ///
    /// # Errors
    /// What was written since the last flush is not safe: the runtime writes it again.
    async fn flush(&mut self) -> Result<(), TaskError> {
        Ok(())
    }

    /// How long at most until the sink wants to be flushed though nothing comes, as a file that is rolled by the clock.
    fn flush_within(&self) -> Option<Duration> {
        None
    }

    /// No more will be written. All was flushed before.
    async fn close(&mut self) {}
}

/// What became of the records of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// All of them are with the other side.
    All,
    /// What became of each, in order.
    Each(Vec<Outcome>),
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is with the other side.
    Ok,
    /// Nothing is wrong with it: write it again, after the runtime's own patience where none is named.
    Retry {
        /// How long the other side wants to be left alone.
        after: Option<Duration>,
        /// What it said.
        why: String,
    },
    /// It will never be taken: it becomes a dead letter.
    Reject {
        /// What the other side said.
        why: String,
    },
    /// It was left for later, for the sake of another of its partition, or is under way: write it again, and count no attempt.
    Untried,
}
