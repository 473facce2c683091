use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::batch::{BatchWriter, NO_HEADERS};
use millstream_wire::compression::Compression;
use millstream_wire::ids::{LeaderEpoch, Offset};
use millstream_wire::murmur2::partition_for_key;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::super::super::link::{
    Answer, ChangelogBounds, Committed, Event, FetchedRange, GroupOffset, Known, Link, LinkError,
    TopicPartition,
};
use super::super::Worker;
use crate::processor::Headers;
use crate::store::backend::{Checkpoint, Position};
use crate::task::{RecordSink, SinkError, TopicHandle};
use crate::topology::TopicName;

pub(super) const PARTITIONS: i32 = 2;

/// A mistake that the simulation must notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// `flush` returns before anything is written.
    FlushDoesNotWait,
    /// The acknowledged offset claims records that are not written.
    PositionRunsAhead,
    /// Restores begin one record late.
    RestoreSkipsOne,
    /// A partition that is full is fetched all the same.
    PauseIsIgnored,
    /// What a partition still has is not known.
    LagIsForgotten,
    /// What is held goes on one record late.
    HoldSkipsOne,
}

#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) timestamp: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
}

/// How a broker that is not well answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    /// Questions about changelogs are answered when somebody calls [`Broker::answer`].
    Slow,
    /// Questions and commits fail in a way that may pass.
    Failing,
}

/// A question whose answer is late: of whom, about which changelogs and inputs.
type Question = (oneshot::Sender<Result<Known, LinkError>>, Vec<TopicPartition>, Vec<TopicPartition>);

/// The broker: logs and committed offsets, shared by the links of all workers.
pub(super) struct Broker {
    pub(super) logs: BTreeMap<TopicPartition, Vec<Stored>>,
    pub(super) committed: HashMap<TopicPartition, GroupOffset>,
    /// How the next commits are answered; `None`: as they should.
    pub(super) refusal: Option<Committed>,
    pub(super) mood: Mood,
    late: Vec<Question>,
    /// A record that was deleted before the group had committed it, if there was one.
    pub(super) deleted_unread: Option<(TopicPartition, i64)>,
    /// How many records were not acknowledged when offsets behind them were committed. This is an error.
    pub(super) committed_early: Option<usize>,
}

pub(super) type SharedBroker = Rc<RefCell<Broker>>;

impl Default for Broker {
    fn default() -> Self {
        let (logs, committed) = (BTreeMap::new(), HashMap::new());
        let (refusal, mood, late, deleted_unread, committed_early) =
            (None, Mood::Well, Vec::new(), None, None);
        Self { logs, committed, refusal, mood, late, deleted_unread, committed_early }
    }
}

/// What a client says of a broker that does not answer.
fn unanswered() -> LinkError {
    let source = Arc::new(millstream_client::Error::Closed);
    LinkError { doing: "asking a broker that does not answer".to_owned(), source, retriable: true }
}

impl Broker {
    /// Answers the questions that it has left unanswered.
    pub(super) fn answer(&mut self) {
        for (reply, changelogs, inputs) in std::mem::take(&mut self.late) {
            // The task may have moved away meanwhile.
            let _ = reply.send(Ok(self.known(&changelogs, &inputs)));
        }
    }

    fn known(&self, changelogs: &[TopicPartition], inputs: &[TopicPartition]) -> Known {
        let bounds = |changelog| ChangelogBounds {
            start: 0,
            end: self.end(changelog),
            delete_retention_ms: i64::MAX,
            topic_id: Uuid::nil(),
        };
        let committed = |input: &TopicPartition| Some((input.clone(), self.committed.get(input)?.clone()));
        Known {
            bounds: changelogs.iter().map(bounds).collect(),
            committed: inputs.iter().filter_map(committed).collect(),
        }
    }

    pub(super) fn log(&mut self, partition: &TopicPartition) -> &mut Vec<Stored> {
        self.logs.entry(partition.clone()).or_default()
    }

    /// The first offset that the group has yet to process.
    pub(super) fn committed(&self, partition: &TopicPartition) -> i64 {
        self.committed.get(partition).map_or(0, |committed| committed.offset)
    }

    fn end(&self, partition: &TopicPartition) -> i64 {
        self.logs.get(partition).map_or(0, Vec::len) as i64
    }

    /// A batch of up to `limit` records from `offset` on.
    pub(super) fn read(&self, partition: &TopicPartition, offset: i64, limit: usize) -> Option<Bytes> {
        let records = self.logs.get(partition)?.iter().skip(offset as usize).take(limit);
        let mut writer = BatchWriter::new(Compression::None, None);
        writer.set_position(Offset(offset), LeaderEpoch(0));
        for record in records {
            writer.append(record.timestamp, record.key.as_deref(), record.value.as_deref(), NO_HEADERS);
        }
        (!writer.is_empty()).then(|| writer.finish().unwrap())
    }
}

/// One worker's connection.
pub(super) struct SimLink {
    broker: SharedBroker,
    fault: Fault,
    topics: Vec<TopicName>,
    /// Sent and not yet written, in order.
    unwritten: Vec<(TopicPartition, Stored)>,
    acknowledged: HashMap<TopicPartition, i64>,
    pub(super) paused: HashSet<TopicPartition>,
    /// Changelogs that are being read, and from where.
    pub(super) restoring: BTreeMap<TopicPartition, i64>,
    /// Changelogs of which nothing may come for a while.
    pub(super) held: HashSet<TopicPartition>,
    /// How long ago the broker last answered a fetch.
    pub(super) heard_ms_ago: i64,
    /// Of source partitions that have been fetched: what the worker is told of next.
    pub(super) positions: HashMap<TopicPartition, i64>,
}

impl SimLink {
    pub(super) fn new(broker: SharedBroker, fault: Fault) -> Self {
        Self {
            broker,
            fault,
            topics: Vec::new(),
            unwritten: Vec::new(),
            acknowledged: HashMap::new(),
            paused: HashSet::new(),
            restoring: BTreeMap::new(),
            held: HashSet::new(),
            heard_ms_ago: 0,
            positions: HashMap::new(),
        }
    }

    /// Writes the first of what was sent: batches arrive in order, and a crash may come between any two.
    pub(super) fn write_some(&mut self, random: &mut StdRng) {
        let some = random.random_range(0..=self.unwritten.len());
        self.write(some);
    }

    fn write(&mut self, count: usize) {
        let broker = &mut *self.broker.borrow_mut();
        for (partition, record) in self.unwritten.drain(..count) {
            let log = broker.log(&partition);
            log.push(record);
            self.acknowledged.insert(partition, log.len() as i64);
        }
    }
}

impl RecordSink for SimLink {
    fn topic(&mut self, name: &TopicName) -> TopicHandle {
        let known = self.topics.iter().position(|known| known == name);
        TopicHandle(known.unwrap_or_else(|| {
            self.topics.push(name.clone());
            self.topics.len() - 1
        }) as u32)
    }

    fn send(
        &mut self,
        topic: TopicHandle,
        partition: Option<i32>,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        _headers: &Headers,
    ) -> Result<(), SinkError> {
        let topic: Arc<str> = self.topics[topic.0 as usize].resolve("app").into();
        let hashed = || key.map_or(0, |key| partition_for_key(key, PARTITIONS));
        let partition = TopicPartition { topic, partition: partition.unwrap_or_else(hashed) };
        let record = Stored { timestamp, key: key.map(<[u8]>::to_vec), value: value.map(<[u8]>::to_vec) };
        self.unwritten.push((partition, record));
        Ok(())
    }

    fn position(&mut self, changelog: &TopicName, partition: i32) -> Position {
        let topic = changelog.resolve("app").into();
        let acknowledged = self.acknowledged.get(&TopicPartition { topic, partition }).copied();
        let ahead = i64::from(self.fault == Fault::PositionRunsAhead);
        acknowledged.map_or(Position::Unchanged, |offset| {
            Position::At(Checkpoint { next_offset: offset + ahead, written_at: 0, changelog_id: Uuid::nil() })
        })
    }
}

impl Link for SimLink {
    fn flush(&mut self) -> Result<(), LinkError> {
        if self.fault != Fault::FlushDoesNotWait {
            self.write(self.unwritten.len());
        }
        Ok(())
    }

    fn rest(&mut self, _ms: i64) {}

    fn commit(&mut self, offsets: &[(TopicPartition, GroupOffset)]) -> Result<Committed, LinkError> {
        let broker = &mut *self.broker.borrow_mut();
        if broker.mood == Mood::Failing {
            return Err(unanswered());
        }
        if let Some(refusal) = broker.refusal {
            return Ok(refusal);
        }
        let early = Some(self.unwritten.len()).filter(|unwritten| *unwritten > 0);
        broker.committed_early = broker.committed_early.or(early);
        broker.committed.extend(offsets.iter().cloned());
        Ok(Committed::Yes)
    }

    fn pause(&mut self, partition: &TopicPartition, paused: bool) {
        if paused && self.fault != Fault::PauseIsIgnored {
            self.paused.insert(partition.clone());
        } else {
            self.paused.remove(partition);
        }
    }

    fn lag(&self, topic: &str, partition: i32) -> Option<i64> {
        let source = TopicPartition { topic: topic.into(), partition };
        let position = *self.positions.get(&source)?;
        // A client that forgets what lies between its queue and the worker knows of nothing.
        let known = self.fault != Fault::LagIsForgotten;
        Some(if known { self.broker.borrow().end(&source) - position } else { 0 })
    }

    fn ask(&mut self, changelogs: Vec<TopicPartition>, inputs: Vec<TopicPartition>) -> Answer {
        let (reply, answer) = oneshot::channel();
        let broker = &mut *self.broker.borrow_mut();
        match broker.mood {
            Mood::Well => reply.send(Ok(broker.known(&changelogs, &inputs))).unwrap(),
            Mood::Slow => broker.late.push((reply, changelogs, inputs)),
            Mood::Failing => reply.send(Err(unanswered())).unwrap(),
        }
        answer
    }

    fn changelog_is(&mut self, _changelog: &TopicPartition, _topic_id: Uuid) {}

    fn restore(&mut self, changelog: &TopicPartition, from: i64) {
        let late = i64::from(self.fault == Fault::RestoreSkipsOne);
        self.restoring.insert(changelog.clone(), from + late);
        self.held.remove(changelog);
    }

    fn hold(&mut self, changelog: &TopicPartition, held: bool) {
        if held {
            self.held.insert(changelog.clone());
        } else {
            self.held.remove(changelog);
            let late = i64::from(self.fault == Fault::HoldSkipsOne);
            self.restoring.entry(changelog.clone()).and_modify(|next| *next += late);
        }
    }

    fn changelog_end(&self, changelog: &TopicPartition) -> Option<(i64, i64)> {
        Some((self.broker.borrow().end(changelog), self.heard_ms_ago))
    }

    fn restored(&mut self, changelog: &TopicPartition) {
        self.held.remove(changelog);
        self.restoring.remove(changelog);
    }

    fn purge(&mut self, before: Vec<(TopicPartition, i64)>) {
        let broker = &mut *self.broker.borrow_mut();
        let unread = before.into_iter().find(|(partition, offset)| *offset > broker.committed(partition));
        broker.deleted_unread = broker.deleted_unread.take().or(unread);
    }
}

/// What a fetch of `partition` at `offset` returns.
pub(super) fn fetched(source: &TopicPartition, offset: i64, bytes: Bytes) -> FetchedRange {
    FetchedRange { source: source.clone(), offset, bytes }
}

/// Has a worker get up to `limit` records of each changelog that it reads.
pub(super) fn read_changelogs(worker: &mut Worker<SimLink>, broker: &Broker, limit: usize, now: i64) {
    for (changelog, from) in worker.link().restoring.clone() {
        if worker.link().held.contains(&changelog) {
            continue;
        }
        let Some(bytes) = broker.read(&changelog, from, limit) else { continue };
        let next = millstream_wire::batch::BatchHeader::parse(&bytes).unwrap().next_offset().0;
        worker.link().restoring.insert(changelog.clone(), next);
        worker.handle(Event::Restored(fetched(&changelog, from, bytes)), now).unwrap();
    }
}
