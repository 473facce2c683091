//! A topic's open batches, one per partition, and the choice among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::time::Instant;

use millstream_wire::batch::BatchWriter;
use millstream_wire::murmur2::partition_for_key;
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::OwnedSemaphorePermit;

use super::completion::Completion;
use super::config::ProducerConfig;
use crate::metadata::TopicMetadata;

/// Under compression a batch is closed by its estimated size on the wire, but never beyond this many times
/// `batch.size` in memory.
const COMPRESSED_GROWTH_MAX: usize = 8;

/// Which lane of the sender a partition has.
pub(crate) type Slot = u32;

/// The batch that records of one partition are encoded into.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    pub(crate) completion: Arc<Completion>,
    pub(crate) created: Instant,
    pub(crate) memory: OwnedSemaphorePermit,
}

impl OpenBatch {
    /// The state of a new batch whose memory is there.
    pub(crate) fn new(id: u64, topic: &Arc<str>, partition: i32, memory: OwnedSemaphorePermit) -> Self {
        Self {
            completion: Completion::new(id, Arc::clone(topic), partition),
            created: Instant::now(),
            memory,
        }
    }
}

/// An encoder, and what its current batch is about.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) writer: BatchWriter,
    pub(crate) batch: Option<OpenBatch>,
}

impl Encoder {
    pub(crate) fn new(config: &ProducerConfig) -> Self {
        let level = config.compression_levels.of(config.compression);
        Self { writer: BatchWriter::new(config.compression, level), batch: None }
    }

    /// Whether a record of this size still goes into a batch of so many bytes (`batch.size`).
    #[inline]
    pub(crate) fn has_room(&self, size: usize, limit: usize) -> bool {
        self.writer.size_estimate() + size <= limit
            && self.writer.uncompressed_len() + size <= limit * COMPRESSED_GROWTH_MAX
    }
}

/// One partition as the sending threads see it.
#[derive(Debug)]
pub(crate) struct PartitionQueue {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) slot: Slot,
    /// A blocking lock: it is held while a record is encoded.
    pub(crate) encoder: Mutex<Encoder>,
    /// Sealed batches that wait for the sender, for the adaptive choice of partitions.
    pub(crate) waiting: AtomicUsize,
    /// Its broker has taken nothing for `partitioner.availability.timeout.ms`: other partitions are chosen if there are.
    pub(crate) stalled: AtomicBool,
}

/// The partitions of one topic. Replaced when the topic gains partitions; the queues stay.
#[derive(Debug)]
pub(crate) struct TopicQueues {
    pub(crate) name: Arc<str>,
    pub(crate) partitions: Vec<Arc<PartitionQueue>>,
    sticky: Arc<Sticky>,
}

/// The partition that records without a key go to for now (KIP-794, `BuiltInPartitioner`).
#[derive(Debug, Default)]
struct Sticky {
    partition: AtomicI32,
    /// Bytes that went there since it was chosen.
    produced: AtomicUsize,
}

impl TopicQueues {
    /// The queues after `metadata`, made anew where the topic has gained partitions.
    pub(crate) fn grown(
        known: Option<&Self>,
        metadata: &TopicMetadata,
        config: &ProducerConfig,
        mut next_slot: impl FnMut() -> Slot,
    ) -> Self {
        let mut partitions = known.map_or_else(Vec::new, |known| known.partitions.clone());
        for partition in partitions.len()..metadata.partitions.len() {
            partitions.push(Arc::new(PartitionQueue {
                topic: Arc::clone(&metadata.name),
                partition: partition as i32,
                slot: next_slot(),
                encoder: Mutex::new(Encoder::new(config)),
                waiting: AtomicUsize::new(0),
                stalled: AtomicBool::new(false),
            }));
        }
        let sticky =
            known.map_or_else(|| Sticky::starting(partitions.len()), |known| Arc::clone(&known.sticky));
        Self { name: Arc::clone(&metadata.name), partitions, sticky }
    }

    pub(crate) fn partition(&self, partition: i32) -> Option<&Arc<PartitionQueue>> {
        self.partitions.get(usize::try_from(partition).ok()?)
    }

    /// The partition of a key, as every Kafka client computes it.
    pub(crate) fn of_key(&self, key: &[u8]) -> i32 {
        partition_for_key(key, self.partitions.len() as i32)
    }

    /// The partition for records without a key, for now.
    pub(crate) fn sticky(&self) -> i32 {
        self.sticky.partition.load(Ordering::Relaxed)
    }

    /// Counts what went to the sticky partition; true when it has had its share.
    pub(crate) fn sticky_is_done(&self, bytes: usize, share: usize) -> bool {
        self.sticky.produced.fetch_add(bytes, Ordering::Relaxed) + bytes >= share
    }

    /// Moves on from partition `from`, unless another thread just did. Adaptive: long queues get fewer records.
    pub(crate) fn move_on(&self, from: i32, adaptive: bool) {
        let next =
            if adaptive { self.by_queue_length() } else { rand::random_range(0..self.partitions.len()) };
        let moved =
            self.sticky.partition.compare_exchange(from, next as i32, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_ok() {
            self.sticky.produced.store(0, Ordering::Relaxed);
        }
    }

    /// A random partition, each weighted by how much shorter its queue is than the longest. Stalled ones are left out,
    /// unless all are.
    fn by_queue_length(&self) -> usize {
        let is_stalled = |queue: &PartitionQueue| queue.stalled.load(Ordering::Relaxed);
        let all_stalled = self.partitions.iter().all(|queue| is_stalled(queue));
        let length = |queue: &PartitionQueue| queue.waiting.load(Ordering::Relaxed);
        let longest = self.partitions.iter().map(|queue| length(queue)).max().unwrap_or(0) + 1;
        let weight = |queue: &PartitionQueue| match is_stalled(queue) && !all_stalled {
            true => 0,
            false => longest - length(queue).min(longest - 1),
        };
        let weights: SmallVec<[usize; 32]> = self.partitions.iter().map(|queue| weight(queue)).collect();
        let mut ticket = rand::random_range(0..weights.iter().sum::<usize>().max(1));
        for (partition, weight) in weights.into_iter().enumerate() {
            if ticket < weight {
                return partition;
            }
            ticket -= weight;
        }
        0
    }
}

impl Sticky {
    fn starting(partitions: usize) -> Arc<Self> {
        let first = if partitions == 0 { 0 } else { rand::random_range(0..partitions) };
        Arc::new(Self { partition: AtomicI32::new(first as i32), produced: AtomicUsize::new(0) })
    }
}

#[cfg(test)]
mod tests {
    use millstream_wire::ids::LeaderEpoch;

    use super::*;
    use crate::metadata::PartitionMetadata;

    fn topic(partitions: usize) -> TopicQueues {
        let partition = PartitionMetadata {
            leader: None,
            leader_epoch: LeaderEpoch(0),
            replicas: vec![],
            in_sync: vec![],
        };
        let metadata = TopicMetadata {
            name: "t".into(),
            id: uuid::Uuid::nil(),
            internal: false,
            error: None,
            partitions: vec![partition; partitions],
        };
        let mut slot = 0;
        TopicQueues::grown(None, &metadata, &ProducerConfig::new(), || {
            slot += 1;
            slot
        })
    }

    #[test]
    fn a_long_queue_gets_few_records() {
        let topic = topic(3);
        topic.partitions[1].waiting.store(99, Ordering::Relaxed);
        let chosen = (0..3_000).filter(|_| topic.by_queue_length() == 1).count();
        assert!(chosen < 60, "about 15 of 3,000 expected, not {chosen}");
    }

    #[test]
    fn a_stalled_partition_gets_none_unless_all_are() {
        let topic = topic(3);
        topic.partitions[0].stalled.store(true, Ordering::Relaxed);
        assert!((0..1_000).all(|_| topic.by_queue_length() != 0));
        topic.partitions.iter().for_each(|queue| queue.stalled.store(true, Ordering::Relaxed));
        assert!((0..1_000).any(|_| topic.by_queue_length() == 0));
    }

    #[test]
    fn only_one_thread_moves_on() {
        let topic = topic(2);
        let from = topic.sticky();
        topic.sticky_is_done(10, 100);
        topic.move_on(from + 1, false);
        assert_eq!(topic.sticky(), from, "someone who saw another partition changes nothing");
        assert!(topic.sticky_is_done(90, 100));
    }
}
