//! Where records become batches: shared by the sending threads and the sender.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hashbrown::HashMap;
use millstream_wire::batch::{BATCH_HEADER_LEN, BatchWriter, Header};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::completion::{Completion, Delivery};
use super::config::ProducerConfig;
use super::flow::{Batch, Part};
use super::record::ProducerRecord;
use super::topic::{Encoder, OpenBatch, PartitionQueue, Slot, TopicQueues};
use crate::cluster::Cluster;
use crate::metadata::TopicMetadata;
use crate::{Error, Result};

/// What the sender is told. Bounded by `buffer.memory`: every batch in it holds its share.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// Batches that are ready to leave, in order per partition.
    pub(crate) sealed: Vec<(Arc<PartitionQueue>, Batch)>,
    /// Partitions whose batch was just begun: `linger.ms` runs.
    pub(crate) opened: Vec<(Arc<PartitionQueue>, Instant)>,
    /// The sender sleeps until some batch's linger is over, and will look here then.
    pub(crate) lingering: bool,
}

/// The state that sending threads and the sender share.
#[derive(Debug)]
pub(crate) struct Accumulator {
    pub(crate) config: ProducerConfig,
    pub(crate) cluster: Cluster,
    /// Read per record, written when a topic is first used or grows.
    topics: RwLock<HashMap<Arc<str>, Arc<TopicQueues>>>,
    /// A blocking lock: held for a push, or for a swap by the sender.
    pub(crate) inbox: Mutex<Inbox>,
    pub(crate) wake: Notify,
    /// `buffer.memory`, a permit per byte.
    memory: Arc<Semaphore>,
    /// What a flush waits for, by completion id.
    unsettled: Mutex<HashMap<u64, Arc<Completion>>>,
    next_completion: AtomicU64,
    next_slot: AtomicU32,
    closed: AtomicBool,
}

/// What came of an attempt to append.
pub(crate) enum Attempt {
    Sent(Delivery),
    /// The topic is not known yet.
    UnknownTopic,
    /// This many bytes of `buffer.memory` are needed first.
    Full(u32),
}

impl Accumulator {
    pub(crate) fn new(config: ProducerConfig, cluster: Cluster) -> Self {
        Self {
            memory: Arc::new(Semaphore::new(config.buffer_memory)),
            config,
            cluster,
            topics: RwLock::default(),
            inbox: Mutex::default(),
            wake: Notify::new(),
            unsettled: Mutex::default(),
            next_completion: AtomicU64::new(0),
            next_slot: AtomicU32::new(0),
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn memory(&self) -> &Arc<Semaphore> {
        &self.memory
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.memory.close();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(crate) fn topic(&self, name: &str) -> Option<Arc<TopicQueues>> {
        self.topics.read().get(name).cloned()
    }

    /// Takes in what the metadata says about a topic.
    pub(crate) fn learn(&self, metadata: &TopicMetadata) -> Arc<TopicQueues> {
        let mut topics = self.topics.write();
        let known = topics.get(&metadata.name);
        if let Some(known) = known.filter(|known| known.partitions.len() >= metadata.partitions.len()) {
            return Arc::clone(known);
        }
        let next_slot = || self.next_slot.fetch_add(1, Ordering::Relaxed);
        let known = known.map(Arc::as_ref);
        let queues = Arc::new(TopicQueues::grown(known, metadata, &self.config, next_slot));
        topics.insert(Arc::clone(&metadata.name), Arc::clone(&queues));
        queues
    }

    /// Takes in partitions that the topics in use have gained.
    pub(crate) fn learn_growth(&self) {
        let snapshot = self.cluster.snapshot();
        let names: Vec<Arc<str>> = self.topics.read().keys().cloned().collect();
        for name in names {
            if let Some(metadata) = snapshot.usable(&name) {
                self.learn(metadata);
            }
        }
    }

    /// Encodes a record into its partition's open batch, without waiting and without allocating per record.
    pub(crate) fn append(
        &self,
        record: &ProducerRecord<'_>,
        memory: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<Attempt> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        let size = self.admit(record)?;
        let topics = self.topics.read();
        let Some(topic) = topics.get(record.topic) else { return Ok(Attempt::UnknownTopic) };
        loop {
            let (partition, free) = self.choose(topic, record);
            let queue = topic.partition(partition).ok_or_else(|| Error::NoSuchPartition {
                topic: Arc::clone(&topic.name),
                partition,
                partitions: topic.partitions.len(),
            })?;
            let mut encoder = queue.encoder.lock();
            if encoder.batch.is_some() && !encoder.has_room(size, self.config.batch_size) {
                self.seal(queue, &mut encoder);
            }
            let begins = encoder.batch.is_none();
            if free && topic.sticky_is_done(0, self.config.batch_size) && begins && topic.partitions.len() > 1
            {
                drop(encoder);
                topic.move_on(partition, self.config.adaptive_partitioning);
                continue;
            }
            if begins {
                match self.open(queue, size, memory) {
                    Ok(batch) => encoder.batch = Some(batch),
                    Err(bytes) => return Ok(Attempt::Full(bytes)),
                }
            }
            let delivery = encode(&mut encoder, record);
            drop(encoder);
            if free {
                topic.sticky_is_done(size, self.config.batch_size);
            }
            if begins {
                self.announce_opened(queue);
            }
            return delivery.ok_or(Error::Closed).map(Attempt::Sent);
        }
    }

    /// The partition, and whether it was the producer's choice.
    fn choose(&self, topic: &TopicQueues, record: &ProducerRecord<'_>) -> (i32, bool) {
        match (record.partition, record.key) {
            (Some(partition), _) => (partition, false),
            (None, Some(key)) if !self.config.ignore_keys => (topic.of_key(key), false),
            _ => (topic.sticky(), true),
        }
    }

    /// Upper bound of the record's size in a batch.
    fn admit(&self, record: &ProducerRecord<'_>) -> Result<usize> {
        let len = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        let headers: usize = record.headers.iter().map(header_bound).sum();
        let size = BatchWriter::record_bound(len(record.key), len(record.value)) + headers;
        self.check_size(size).map(|()| size)
    }

    /// Refuses a record that `max.request.size` rules out.
    pub(crate) fn check_size(&self, size: usize) -> Result<()> {
        let (size, limit) = (size + BATCH_HEADER_LEN, self.config.max_request_size);
        if size > limit.max(self.config.batch_size) {
            Err(Error::RecordTooLarge { size, limit })
        } else {
            Ok(())
        }
    }

    /// Bytes of `buffer.memory` that a batch takes which begins with a record of this size.
    pub(crate) fn batch_memory(&self, size: usize) -> u32 {
        (size + BATCH_HEADER_LEN).max(self.config.batch_size).min(self.config.buffer_memory) as u32
    }

    /// Begins a batch, with memory that was waited for or that is free.
    fn open(
        &self,
        queue: &PartitionQueue,
        size: usize,
        waited: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<OpenBatch, u32> {
        let bytes = self.batch_memory(size);
        let waited = waited.take().filter(|permit| permit.num_permits() >= bytes as usize);
        let free = || Arc::clone(&self.memory).try_acquire_many_owned(bytes).map_err(|_| bytes);
        let memory = waited.map_or_else(free, Ok)?;
        let id = self.next_completion.fetch_add(1, Ordering::Relaxed);
        let batch = OpenBatch::new(id, &queue.topic, queue.partition, memory);
        if self.config.keep_rejected {
            batch.completion.keep_rejected();
        }
        self.unsettled.lock().insert(id, Arc::clone(&batch.completion));
        Ok(batch)
    }

    fn announce_opened(&self, queue: &Arc<PartitionQueue>) {
        let mut inbox = self.inbox.lock();
        inbox.opened.push((Arc::clone(queue), Instant::now()));
        // A sender that already waits for an earlier batch's linger will see this one then.
        let asleep = inbox.lingering && !self.config.linger.is_zero();
        drop(inbox);
        if !asleep {
            self.wake.notify_one();
        }
    }

    /// Closes the open batch and hands it to the sender; under the encoder's lock, so that batches stay in order.
    pub(crate) fn seal(&self, queue: &Arc<PartitionQueue>, encoder: &mut Encoder) {
        if let Some(batch) = self.finish(encoder) {
            queue.waiting.fetch_add(1, Ordering::Relaxed);
            self.inbox.lock().sealed.push((Arc::clone(queue), batch));
            self.wake.notify_one();
        }
    }

    /// Hands the sender batches that are closed.
    pub(crate) fn hand_over(&self, sealed: &mut Vec<(Arc<PartitionQueue>, Batch)>) {
        if sealed.is_empty() {
            return;
        }
        for (queue, _) in &*sealed {
            queue.waiting.fetch_add(1, Ordering::Relaxed);
        }
        self.inbox.lock().sealed.append(sealed);
        self.wake.notify_one();
    }

    /// Closes the open batch; `None`: there is none, or it has failed.
    pub(crate) fn finish(&self, encoder: &mut Encoder) -> Option<Batch> {
        let batch = encoder.batch.take()?;
        let count = encoder.writer.count();
        batch.completion.sealed(count as u32);
        match encoder.writer.finish() {
            Ok(bytes) => Some(Batch {
                serial: 0,
                bytes,
                count,
                created: batch.created,
                part: Part { completion: batch.completion, first: 0 },
                attempts: 0,
                stamp: None,
                in_doubt: false,
                memory: Some(Arc::new(batch.memory)),
            }),
            Err(error) => {
                let error = Error::Misuse(format!("a batch could not be compressed: {error}").into());
                batch.completion.settle(0, count as u32, Err(error));
                self.settled(&batch.completion);
                None
            }
        }
    }

    /// Forgets a batch that is done.
    pub(crate) fn settled(&self, completion: &Completion) {
        if completion.is_done() {
            self.unsettled.lock().remove(&completion.id);
        }
    }

    /// Closes every open batch and gives what is not settled yet.
    pub(crate) fn seal_all(&self) -> Vec<Arc<Completion>> {
        let topics: Vec<Arc<TopicQueues>> = self.topics.read().values().cloned().collect();
        for queue in topics.iter().flat_map(|topic| &topic.partitions) {
            self.seal(queue, &mut queue.encoder.lock());
        }
        self.unsettled.lock().values().cloned().collect()
    }

    /// One past the highest slot given out.
    pub(crate) fn slots(&self) -> Slot {
        self.next_slot.load(Ordering::Relaxed)
    }
}

fn encode(encoder: &mut Encoder, record: &ProducerRecord<'_>) -> Option<Delivery> {
    let completion = Arc::clone(&encoder.batch.as_ref()?.completion);
    let index = encoder.writer.count() as u32;
    let timestamp = record.timestamp.unwrap_or_else(now_ms);
    encoder.writer.append(timestamp, record.key, record.value, record.headers.iter().copied());
    Some(Delivery { completion, index, timestamp })
}

/// Upper bound of what a header adds to a record.
pub(crate) fn header_bound(header: &Header<'_>) -> usize {
    const LENGTHS: usize = 10;
    LENGTHS + header.key.len() + header.value.map_or(0, <[u8]>::len)
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
