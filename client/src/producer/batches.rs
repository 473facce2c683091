//! The narrow door: a thread that owns its open batches and encodes into them without locks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use millstream_wire::batch::{BatchWriter, Header};
use millstream_wire::ids::Offset;
use tokio::sync::OwnedSemaphorePermit;

use super::Inner;
use super::accumulator::header_bound;
use super::completion::Completion;
use super::flow::Batch;
use super::rejected::Rejected;
use super::topic::{Encoder, OpenBatch, PartitionQueue, TopicQueues};
use crate::runtime::park_until;
use crate::{Error, Result};

/// Batches that the sender is given together. To wake it, and the broker, for each costs as much as filling it.
const HELD_MAX: usize = 8;
/// A batch that took this long to fill waits for no others.
const FAST: Duration = Duration::from_millis(1);

/// A topic of a [`BatchProducer`], looked up once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicHandle(u32);

/// Sends records from one thread, synchronously. Obtained by [`Producer::batches`](super::Producer::batches).
///
/// Open batches belong to the thread; sealed ones go to the producer's sender, a few at a time where they fill fast.
/// `buffer.memory` bounds them all: the thread waits where there is no room. Keys and values are encoded in place by
/// closures. A record is not heard of again unless it failed: the failure comes back from the next
/// [`append`](Self::append) or [`flush_blocking`](Self::flush_blocking), and [`acknowledged`](Self::acknowledged) says
/// how far each partition got.
///
/// What is in no hurry to leave needs the thread's help: call [`seal_due`](Self::seal_due) from its loop, for
/// `linger.ms` and for sealed batches that others were to go with. Dropping it gives up the open batches; what is sealed
/// is sent.
#[derive(Debug)]
pub struct BatchProducer {
    inner: Arc<Inner>,
    topics: Vec<Topic>,
    by_name: HashMap<Arc<str>, TopicHandle>,
    /// Sealed and not known to be written, oldest first.
    pending: VecDeque<Sealed>,
    /// The last of these, which the sender has not been given yet.
    held: Vec<(Arc<PartitionQueue>, Batch)>,
    /// `batch.size`.
    batch_size: usize,
    failure: Option<Error>,
    /// Batches that were not written, if they are to be had back.
    rejected: Option<VecDeque<Rejected>>,
}

#[derive(Debug)]
struct Topic {
    queues: Arc<TopicQueues>,
    /// By partition; made when first used.
    partitions: Vec<Option<Own>>,
}

/// The thread's own open batch of one partition.
#[derive(Debug)]
struct Own {
    queue: Arc<PartitionQueue>,
    encoder: Encoder,
    /// The highest offset known to be written by this thread.
    acknowledged: Option<Offset>,
}

#[derive(Debug)]
struct Sealed {
    completion: Arc<Completion>,
    topic: TopicHandle,
    partition: i32,
    records: u32,
}

impl BatchProducer {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        let batch_size = inner.shared.config.batch_size;
        Self {
            inner,
            topics: Vec::new(),
            by_name: HashMap::new(),
            pending: VecDeque::new(),
            held: Vec::with_capacity(HELD_MAX),
            batch_size,
            failure: None,
            rejected: None,
        }
    }

    /// From now on what is not written comes back from [`take_rejected`](Self::take_rejected) instead of failing calls that
    /// have nothing to do with it. Whoever asks for it must take it, for nothing else bounds what gathers there.
    pub fn keep_rejected(&mut self) {
        self.rejected.get_or_insert_default();
    }

    /// The oldest batch that is known not to have been written. Complete after a flush.
    pub fn take_rejected(&mut self) -> Option<Rejected> {
        self.rejected.as_mut()?.pop_front()
    }

    /// Looks a topic up, waiting for its metadata the first time.
    ///
    /// # Errors
    /// No such topic, `max.block.ms`.
    pub fn topic(&mut self, name: &str) -> Result<TopicHandle> {
        if let Some(handle) = self.by_name.get(name) {
            return Ok(*handle);
        }
        let until = Instant::now() + self.inner.shared.config.max_block;
        park_until(self.inner.learn(name, until), None).unwrap_or(Err(Error::Closed))?;
        let queues = self.inner.shared.topic(name).ok_or(Error::Closed)?;
        let handle = TopicHandle(self.topics.len() as u32);
        self.by_name.insert(Arc::clone(&queues.name), handle);
        self.topics.push(Topic { partitions: Vec::new(), queues });
        Ok(handle)
    }

    /// How many partitions the topic had when it was looked up.
    #[must_use]
    pub fn partitions(&self, topic: TopicHandle) -> i32 {
        self.topics[topic.0 as usize].queues.partitions.len() as i32
    }

    /// The partition of a serialised key, as every Kafka client computes it.
    #[must_use]
    pub fn partition_for_key(&self, topic: TopicHandle, key: &[u8]) -> i32 {
        self.topics[topic.0 as usize].queues.of_key(key)
    }

    /// Adds a record whose key and value are encoded in place by the closures; `None` is null. The closures run once.
    ///
    /// A record of more than `max.request.size` is sent in a batch of its own all the same; the broker's
    /// `max.message.bytes` decides.
    ///
    /// # Errors
    /// No such partition; no room in `buffer.memory` within `max.block.ms`; or the failure of an earlier batch.
    pub fn append<'h, K, V, H>(
        &mut self,
        topic: TopicHandle,
        partition: i32,
        timestamp: i64,
        key: Option<K>,
        value: Option<V>,
        headers: H,
    ) -> Result<()>
    where
        K: FnOnce(&mut Vec<u8>),
        V: FnOnce(&mut Vec<u8>),
        H: IntoIterator<Item = Header<'h>> + Clone,
    {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let limit = self.batch_size;
        let own = self.begun(topic, partition)?;
        own.encoder.writer.append_with(timestamp, key, value, headers);
        // Closed once it is full instead of before it would be: the size of a record is known when it is encoded.
        if !own.encoder.has_room(1, limit) {
            self.seal(topic, partition);
            self.reap();
        }
        Ok(())
    }

    /// Adds a record that is there as bytes.
    ///
    /// # Errors
    /// As [`Self::append`], and a record over `max.request.size`.
    pub fn append_bytes(
        &mut self,
        topic: TopicHandle,
        partition: i32,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header<'_>],
    ) -> Result<()> {
        let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let headers_size: usize = headers.iter().map(header_bound).sum();
        let size = BatchWriter::record_bound(len(key), len(value)) + headers_size;
        let own = self.topics[topic.0 as usize].own(partition);
        let open =
            own.filter(|own| own.encoder.batch.is_some() && own.encoder.has_room(size, self.batch_size));
        let own = match open {
            Some(own) if self.failure.is_none() => own,
            _ => self.make_room(topic, partition, size)?,
        };
        own.encoder.writer.append(timestamp, key, value, headers.iter().copied());
        Ok(())
    }

    /// The batch for a record of this size that the open one, if there is one, has no room for; or what has failed before.
    #[cold]
    fn make_room(&mut self, topic: TopicHandle, partition: i32, size: usize) -> Result<&mut Own> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        self.inner.shared.check_size(size)?;
        let limit = self.batch_size;
        let own = self.topics[topic.0 as usize].own(partition);
        if own.is_some_and(|own| own.encoder.batch.is_some() && !own.encoder.has_room(size, limit)) {
            self.seal(topic, partition);
            self.reap();
        }
        self.begun(topic, partition)
    }

    /// The partition's open batch, begun if need be.
    fn begun(&mut self, topic: TopicHandle, partition: i32) -> Result<&mut Own> {
        let at = topic.0 as usize;
        if self.topics[at].own(partition).is_none() {
            self.topics[at].adopt(partition, &self.inner)?;
        }
        if self.topics[at].own(partition).is_some_and(|own| own.encoder.batch.is_none()) {
            let memory = self.reserve()?;
            let keeps_rejected = self.rejected.is_some();
            if let Some(own) = self.topics[at].own(partition) {
                let batch = OpenBatch::new(u64::MAX, &own.queue.topic, partition, memory);
                if keeps_rejected {
                    batch.completion.keep_rejected();
                }
                own.encoder.batch = Some(batch);
            }
        }
        self.topics[at].own(partition).ok_or(Error::Closed)
    }

    /// Memory for a batch. Before the thread waits for it, it lets go of what its open batches hold.
    fn reserve(&mut self) -> Result<OwnedSemaphorePermit> {
        let bytes = self.inner.shared.batch_memory(0);
        if let Ok(permit) = Arc::clone(self.inner.shared.memory()).try_acquire_many_owned(bytes) {
            return Ok(permit);
        }
        self.seal_older_than(Duration::ZERO, Instant::now());
        self.hand_over();
        let until = Instant::now() + self.inner.shared.config.max_block;
        park_until(self.inner.reserve(bytes, until), None).unwrap_or(Err(Error::Closed))
    }

    /// Seals the batches that are older than `linger.ms`, and lets all sealed ones go; returns when the next one will be.
    pub fn seal_due(&mut self, now: Instant) -> Option<Instant> {
        let linger = self.inner.shared.config.linger;
        let next = self.seal_older_than(linger, now);
        self.hand_over();
        self.reap();
        next
    }

    fn seal_older_than(&mut self, age: Duration, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        for topic in 0..self.topics.len() {
            for partition in 0..self.topics[topic].partitions.len() {
                let Some(own) = &self.topics[topic].partitions[partition] else { continue };
                let Some(due) = own.encoder.batch.as_ref().map(|batch| batch.created + age) else { continue };
                if due <= now {
                    self.seal(TopicHandle(topic as u32), partition as i32);
                } else {
                    next = Some(next.map_or(due, |next| next.min(due)));
                }
            }
        }
        next
    }

    fn seal(&mut self, topic: TopicHandle, partition: i32) {
        let Some(own) = self.topics[topic.0 as usize].own(partition) else { return };
        let Some(batch) = &own.encoder.batch else { return };
        let completion = Arc::clone(&batch.completion);
        let is_fast = batch.created.elapsed() < FAST;
        let records = own.encoder.writer.count() as u32;
        if let Some(batch) = self.inner.shared.finish(&mut own.encoder) {
            self.held.push((Arc::clone(&own.queue), batch));
        }
        self.pending.push_back(Sealed { completion, topic, partition, records });
        if !is_fast || self.held.len() >= HELD_MAX {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        self.inner.shared.hand_over(&mut self.held);
    }

    /// Takes in what has been answered.
    fn reap(&mut self) {
        while self.pending.front().is_some_and(|sealed| sealed.completion.is_done()) {
            let Some(sealed) = self.pending.pop_front() else { return };
            let (failure, last) = sealed.completion.summary(sealed.records);
            let kept = self.rejected.as_mut().zip(sealed.completion.rejected());
            match kept {
                Some((rejected, batches)) => {
                    let Completion { topic, partition, .. } = &*sealed.completion;
                    let of = |(_, bytes, error)| Rejected {
                        topic: Arc::clone(topic),
                        partition: *partition,
                        error,
                        bytes,
                        wanted: 0..usize::MAX,
                    };
                    rejected.extend(batches.into_iter().map(of));
                }
                None if self.failure.is_none() => self.failure = failure,
                None => {}
            }
            if let Some(own) = self.topics[sealed.topic.0 as usize].own(sealed.partition) {
                own.acknowledged = own.acknowledged.max(last);
            }
        }
    }

    /// Sends all that was added and waits for the answers.
    ///
    /// # Errors
    /// The first failure of a batch since the last call that returned one.
    pub async fn flush(&mut self) -> Result<()> {
        let now = Instant::now();
        self.seal_older_than(Duration::ZERO, now);
        self.hand_over();
        while let Some(sealed) = self.pending.front() {
            sealed.completion.wait().await;
            self.reap();
        }
        self.failure.take().map_or(Ok(()), Err)
    }

    /// As [`Self::flush`], on this thread.
    ///
    /// # Errors
    /// As [`Self::flush`].
    pub fn flush_blocking(&mut self) -> Result<()> {
        park_until(self.flush(), None).unwrap_or(Err(Error::Closed))
    }

    /// The highest offset that the broker acknowledged for a partition, of the records of this door. Complete after a
    /// flush.
    #[must_use]
    pub fn acknowledged(&self, topic: TopicHandle, partition: i32) -> Option<Offset> {
        let topic = &self.topics[topic.0 as usize];
        topic.partitions.get(usize::try_from(partition).ok()?)?.as_ref()?.acknowledged
    }
}

impl Drop for BatchProducer {
    fn drop(&mut self) {
        self.hand_over();
    }
}

impl Topic {
    #[inline]
    fn own(&mut self, partition: i32) -> Option<&mut Own> {
        self.partitions.get_mut(usize::try_from(partition).ok()?)?.as_mut()
    }

    /// Begins to write to a partition. The topic is looked up anew: it may have gained partitions.
    fn adopt(&mut self, partition: i32, inner: &Inner) -> Result<()> {
        if let Some(newer) = inner.shared.topic(&self.queues.name) {
            self.queues = newer;
        }
        let partitions = self.queues.partitions.len();
        let Some(queue) = self.queues.partition(partition) else {
            return Err(Error::NoSuchPartition {
                topic: Arc::clone(&self.queues.name),
                partition,
                partitions,
            });
        };
        self.partitions.resize_with(partitions, || None);
        let encoder = Encoder::new(&inner.shared.config);
        self.partitions[partition as usize] =
            Some(Own { queue: Arc::clone(queue), encoder, acknowledged: None });
        Ok(())
    }
}
