//! What a node can reach while it processes a record.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::dsl::TimestampExtractor;
use crate::errors::{Origin, TaskErrors};
use crate::metrics::Counts;
use crate::task::{RecordSink, Schedule, TaskId, TimeBudget, TopicHandle, Unlimited};
use crate::topology::{NodeId, TopicName};

use super::{Headers, ProcessError};

/// The part of a task that its nodes share while a record passes, borrowed for one batch of records.
pub struct Context<'a> {
    pub(crate) sink: &'a mut dyn RecordSink,
    pub(crate) state: &'a mut ContextState,
    /// What the nodes are working on.
    pub(crate) origin: Origin<'a>,
}

/// What of the context outlives a batch.
pub(crate) struct ContextState {
    pub(crate) task: TaskId,
    /// The node whose closure runs or that writes, so that a panic or an error can name it.
    pub(crate) node: NodeId,
    /// The largest timestamp this task has seen; `-1` before the first record.
    pub(crate) stream_time: i64,
    /// Records dropped because a key or value was missing, or let go by a policy: Kafka's `dropped-records`.
    pub(crate) dropped: u64,
    /// Records put aside under overload.
    pub(crate) shed: u64,
    /// Whether a node wants to know how many records wait.
    pub(crate) watches_load: bool,
    /// How many did behind the present record when the task's turn began, those that passed since taken off; `None`: nobody
    /// knows, or nobody asks.
    pub(crate) backlog: Option<u64>,
    /// What passes, for the metrics.
    pub(crate) counts: Counts,
    /// Where times come from for sources that say nothing of it: `default.timestamp.extractor`.
    pub(crate) timestamps: TimestampExtractor,
    /// What the machine's clock says in this turn, in milliseconds.
    pub(crate) wall_clock: i64,
    /// The topics that the task reads, by input.
    pub(crate) topics: Vec<TopicName>,
    /// The input of the record that is being processed; `None` outside of one.
    pub(crate) input: Option<usize>,
    /// Its offset.
    pub(crate) offset: i64,
    /// The punctuations of the task's processors.
    pub(crate) schedule: Schedule,
    /// How long they may take.
    pub(crate) budget: Rc<dyn TimeBudget>,
    /// Whether a processor wants a commit before its time.
    pub(crate) commit_requested: bool,
    /// Who decides on what fails.
    pub(crate) errors: TaskErrors,
    /// Numbers that nodes have the group keep beside the offsets, so that they are there after a restart (Kafka's
    /// `ProcessorMetadata`).
    pub(crate) notes: BTreeMap<String, i64>,
    /// Encoding buffers, kept so that no record allocates.
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

impl ContextState {
    pub(crate) fn new(task: TaskId, topics: Vec<TopicName>, nodes: usize, errors: TaskErrors) -> Self {
        Self {
            task,
            node: NodeId(0),
            stream_time: -1,
            dropped: 0,
            shed: 0,
            watches_load: false,
            backlog: None,
            counts: Counts::new(nodes),
            timestamps: TimestampExtractor::default(),
            wall_clock: 0,
            topics,
            input: None,
            offset: -1,
            schedule: Schedule::default(),
            budget: Rc::new(Unlimited),
            commit_requested: false,
            errors,
            notes: BTreeMap::new(),
            key: Vec::new(),
            value: Vec::new(),
        }
    }
}

/// How much a task has before it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// How far (ms) the latest time that it has seen is behind the clock.
    pub(crate) behind_ms: i64,
    /// Records that wait; `None`: not known.
    pub(crate) backlog: Option<u64>,
}

impl Context<'_> {
    /// How much the task has before it.
    #[inline]
    pub(crate) fn load(&self) -> Load {
        let behind_ms = self.state.wall_clock.saturating_sub(self.state.stream_time).max(0);
        Load { behind_ms, backlog: self.state.backlog }
    }

    /// The topic in the cluster, the partition and the offset of the record that is being processed, if one is.
    pub(crate) fn place(&self) -> Option<(String, i32, i64)> {
        let topic = self.state.topics.get(self.state.input?)?;
        Some((self.state.errors.shown(topic), self.state.task.partition, self.state.offset))
    }

    /// The largest timestamp that this task has seen, in milliseconds; `-1` before the first record.
    pub fn stream_time(&self) -> i64 {
        self.state.stream_time
    }

    /// A record of this time passes.
    #[inline]
    pub(crate) fn advance(&mut self, timestamp: i64) {
        let late = self.state.stream_time.saturating_sub(timestamp);
        if late > 0 {
            self.state.counts.lateness.add_ms(late);
        } else {
            self.state.stream_time = timestamp;
        }
        self.state.counts.read(timestamp);
    }

    /// A node takes a record, and answers for what happens next.
    #[inline]
    pub(crate) fn enter(&mut self, node: NodeId) {
        self.state.node = node;
        self.state.counts.take(node);
    }

    /// Says which node answers for what happens next, though it takes no record now.
    #[inline]
    pub(crate) fn return_to(&mut self, node: NodeId) {
        self.state.node = node;
    }

    /// Has the group keep a number beside the offsets of the next commit.
    pub(crate) fn note(&mut self, name: &str, value: i64) {
        match self.state.notes.get_mut(name) {
            Some(noted) => *noted = value,
            None => drop(self.state.notes.insert(name.to_owned(), value)),
        }
    }

    /// What was kept under a name when the task's inputs were committed last.
    pub(crate) fn noted(&self, name: &str) -> Option<i64> {
        self.state.notes.get(name).copied()
    }

    /// Counts a record that a missing key or value drops.
    pub(crate) fn drop_record(&mut self) {
        self.state.dropped += 1;
    }

    /// Hands encoded bytes to partitions of the caller's choice: a copy to each, or nothing, which counts as dropped.
    pub(crate) fn send_to(
        &mut self,
        topic: TopicHandle,
        partitions: &[i32],
        timestamp: i64,
        headers: &Headers,
        encode: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>) -> Result<(bool, bool), ProcessError>,
    ) -> Result<(), ProcessError> {
        if partitions.is_empty() {
            self.drop_record();
            return Ok(());
        }
        let ContextState { key, value, .. } = &mut *self.state;
        key.clear();
        value.clear();
        let (has_key, has_value) = encode(key, value)?;
        let (key, value) = (has_key.then_some(key.as_slice()), has_value.then_some(value.as_slice()));
        let there = self.sink.partitions(topic);
        for partition in partitions {
            if !(0..there).contains(partition) {
                let text = format!("the partitioner chose partition {partition} of a topic that has {there}");
                return Err(ProcessError::new(text));
            }
            self.sink.send(topic, Some(*partition), timestamp, key, value, headers)?;
        }
        Ok(())
    }

    /// Hands encoded bytes to the sink; the encoder fills `key` and `value` and says which of them are not null. The last
    /// `unpartitioned_suffix` bytes of the key have no say in the partition.
    #[inline]
    pub(crate) fn send(
        &mut self,
        topic: TopicHandle,
        unpartitioned_suffix: usize,
        timestamp: i64,
        headers: &Headers,
        encode: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>) -> Result<(bool, bool), ProcessError>,
    ) -> Result<(), ProcessError> {
        let ContextState { key, value, .. } = &mut *self.state;
        key.clear();
        value.clear();
        let (has_key, has_value) = encode(key, value)?;
        let key = has_key.then_some(key.as_slice());
        let partition = match key {
            Some(key) if unpartitioned_suffix > 0 => {
                let length = key.len().saturating_sub(unpartitioned_suffix);
                self.sink.partition_for_key(topic, &key[..length])
            }
            _ => None,
        };
        let value = has_value.then_some(value.as_slice());
        self.sink.send(topic, partition, timestamp, key, value, headers)?;
        Ok(())
    }
}
