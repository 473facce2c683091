//! Where the records of a task go.

use thiserror::Error;

use crate::outlet::Captured;
use crate::processor::Headers;
use crate::store::backend::Position;
use crate::topology::TopicName;

/// A topic as the sink knows it: an index that [`RecordSink::topic`] gave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicHandle(pub u32);

/// Takes what a task emits: sink topics, repartition topics and changelogs. The runtime puts a producer's open batches behind
/// it, the test driver keeps the records.
///
/// Key and value come as bytes in buffers that the task reuses. That is one short copy into the open batch; a callback that
/// encodes in place would cost two virtual calls and a shift of the bytes behind the length, which is more for small records.
pub trait RecordSink {
    /// A handle for a topic; called once per topic while a task is made, or when a record first names it. The same name gives
    /// the same handle.
    fn topic(&mut self, name: &TopicName) -> TopicHandle;

    /// How many partitions a topic has, for partitioners. A sink that does not tell partitions apart has one.
    fn partitions(&mut self, _topic: TopicHandle) -> i32 {
        1
    }

    /// The partition that [`send`](Self::send) would choose for a record of this key; `None`: there is but one to choose.
    fn partition_for_key(&mut self, _topic: TopicHandle, _key: &[u8]) -> Option<i32> {
        None
    }

    /// Appends one record. Without `partition` the sink hashes the key as Kafka's default partitioner does, or spreads
    /// records without a key. Timestamps are milliseconds.
    fn send(
        &mut self,
        topic: TopicHandle,
        partition: Option<i32>,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) -> Result<(), SinkError>;

    /// How far a store is tied to its changelog by what has been acknowledged so far. What was sent is in the store once it
    /// is written, so this may be said at any time after a flush. A sink without a cluster ties nothing.
    fn position(&mut self, changelog: &TopicName, partition: i32) -> Position {
        let _ = (changelog, partition);
        Position::Unchanged
    }

    /// Where a test keeps what comes to outlets, which are then not opened.
    fn captured(&mut self) -> Option<&mut Captured> {
        None
    }
}

/// The sink did not take a record.
#[derive(Debug, Error)]
#[error("topic {topic}: {source}")]
pub struct SinkError {
    /// The topic the record was for.
    pub topic: String,
    /// What the producer said.
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Takes whatever comes and keeps none of it: for tasks that write no topic, as those of global tables.
pub(crate) struct Nowhere;

impl RecordSink for Nowhere {
    fn topic(&mut self, _name: &TopicName) -> TopicHandle {
        TopicHandle(0)
    }

    fn send(
        &mut self,
        _topic: TopicHandle,
        _partition: Option<i32>,
        _timestamp: i64,
        _key: Option<&[u8]>,
        _value: Option<&[u8]>,
        _headers: &Headers,
    ) -> Result<(), SinkError> {
        Ok(())
    }
}
