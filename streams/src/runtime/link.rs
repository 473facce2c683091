//! What a stream thread needs from the cluster. The thread's logic knows only this; behind it stand the client crate in
//! production and a seeded simulation in tests.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
pub use millstream_client::TopicPartition;
use thiserror::Error;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::offset_metadata::OffsetMetadata;
use crate::task::{RecordSink, TaskId};

/// What one fetch of one partition returned: whole batches, the last possibly cut short.
#[derive(Debug, Clone)]
pub(crate) struct FetchedRange {
    pub(crate) source: TopicPartition,
    /// Where the fetch began. The first batch may begin earlier.
    pub(crate) offset: i64,
    pub(crate) bytes: Bytes,
}

/// Something happened in the cluster.
#[derive(Debug)]
pub(crate) enum Event {
    /// Records of a source partition.
    Fetched(FetchedRange),
    /// Records of a changelog that is being restored.
    Restored(FetchedRange),
    /// Partitions that this thread owns from now on.
    Assigned(Vec<TopicPartition>),
    /// Partitions to let go of. Until the event has been handled nobody else gets them: there is time for a commit.
    Revoked(Vec<TopicPartition>),
    /// Partitions that others may own already: nothing may be written for them.
    Lost(Vec<TopicPartition>),
    /// The tasks that this thread keeps a copy of the state of from now on; told after the partitions of the same assignment.
    StandBy(BTreeSet<TaskId>),
}

/// The log of a changelog partition as the broker describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChangelogBounds {
    pub(crate) start: i64,
    pub(crate) end: i64,
    /// `delete.retention.ms`: how long a tombstone is sure to be seen.
    pub(crate) delete_retention_ms: i64,
    /// The topic's id; nil where the broker knows none.
    pub(crate) topic_id: Uuid,
}

/// What the group keeps of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupOffset {
    /// Of the first record that was not processed.
    pub(crate) offset: i64,
    pub(crate) metadata: OffsetMetadata,
}

/// What a task needs to know before its stores can be restored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Of its changelogs, in the order of the question.
    pub(crate) bounds: Vec<ChangelogBounds>,
    /// What the group has committed of its inputs; those without are left out.
    pub(crate) committed: HashMap<TopicPartition, GroupOffset>,
}

/// What the cluster will say. Whoever drops it wants no answer any more.
pub(crate) type Answer = oneshot::Receiver<Result<Known, LinkError>>;

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// The group has the offsets.
    Yes,
    /// A rebalance is under way; the same commit fits after it.
    Later,
    /// The group does not know this member, or not in this generation: others may own the partitions already. If so
    /// [`Event::Lost`] follows.
    Fenced,
}

/// The cluster, seen from one stream thread. Every method but `flush`, `rest` and `commit` returns at once.
pub(crate) trait Link: RecordSink {
    /// Waits until everything sent so far is acknowledged.
    fn flush(&mut self) -> Result<(), LinkError>;

    /// Waits for so long (ms), because what is waited for cannot say when it is there.
    fn rest(&mut self, ms: i64);

    /// Commits offsets for the group.
    fn commit(&mut self, offsets: &[(TopicPartition, GroupOffset)]) -> Result<Committed, LinkError>;

    /// Stops or resumes fetching a source partition.
    fn pause(&mut self, partition: &TopicPartition, paused: bool);

    /// How many offsets of a source partition the broker is known to have, as of its last fetch, that have not been told of as
    /// [`Event::Fetched`]; `None`: not known yet (`Consumer.currentLag`).
    fn lag(&self, topic: &str, partition: i32) -> Option<i64>;

    /// Asks where changelogs begin and end now, and what the group has committed of inputs. Whoever drives the worker gives it a
    /// turn when the answer is there.
    fn ask(&mut self, changelogs: Vec<TopicPartition>, inputs: Vec<TopicPartition>) -> Answer;

    /// Tells the id of a changelog's topic, which the positions of its store are tied to.
    fn changelog_is(&mut self, changelog: &TopicPartition, topic_id: Uuid);

    /// Starts fetching a changelog: [`Event::Restored`] follows.
    fn restore(&mut self, changelog: &TopicPartition, from: i64);

    /// Stops fetching a changelog for a while, or goes on where it stopped.
    fn hold(&mut self, changelog: &TopicPartition, held: bool);

    /// The end of a changelog that is fetched, as of its last fetch, and how long ago (ms) that was; `None` before the first.
    fn changelog_end(&self, changelog: &TopicPartition) -> Option<(i64, i64)>;

    /// Stops fetching a changelog.
    fn restored(&mut self, changelog: &TopicPartition);

    /// Lets the broker delete what lies before the offsets; failures are logged and tried again at the next purge.
    fn purge(&mut self, before: Vec<(TopicPartition, i64)>);
}

/// The cluster failed in a way that the client's own retries did not mend.
#[derive(Debug, Clone, Error)]
#[error("{doing}: {source}")]
pub struct LinkError {
    /// What was being done.
    pub doing: String,
    /// What the client said.
    pub source: Arc<dyn std::error::Error + Send + Sync>,
    /// Whether the same may succeed later: a broker that does not answer, a topic that is not there yet.
    pub retriable: bool,
}
