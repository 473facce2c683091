//! What a partition remembers of its idempotent producers (Kafka: `ProducerStateManager`).

use hashbrown::HashMap;
use millstream_wire::ids::{Offset, ProducerEpoch, ProducerId};
use smallvec::SmallVec;

use super::AppendError;

/// Batches remembered per producer: as many as a producer may have in flight.
pub(super) const BATCHES_REMEMBERED: usize = 5;

/// Producers remembered per partition; beyond, those that have been quiet for longest are forgotten.
/// A forgotten producer may go on with any sequence number, as an expired one may.
pub(super) const MAX_PRODUCERS: usize = 1 << 16;

/// The sequence state of every producer that wrote to a partition of late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Producers {
    entries: HashMap<ProducerId, Producer>,
}

/// One producer's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Producer {
    /// The newest epoch seen; older ones are fenced.
    pub(super) epoch: ProducerEpoch,
    /// The last batches of this epoch, oldest first: a retry of one of them is a duplicate.
    pub(super) batches: SmallVec<[Sequenced; BATCHES_REMEMBERED]>,
    /// The newest timestamp written: the entry expires by it.
    pub(super) last_timestamp: i64,
}

/// The sequence numbers of one batch and where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sequenced {
    /// Sequence number of the last record.
    pub(super) last_sequence: i32,
    /// Offset of the last record.
    pub(super) last_offset: Offset,
    /// Records in the batch, less one.
    pub(super) offset_delta: i32,
    /// The batch's newest timestamp, in ms.
    pub(super) timestamp: i64,
}

impl Sequenced {
    pub(super) fn first_sequence(&self) -> i32 {
        sequence_before(self.last_sequence, self.offset_delta)
    }

    pub(super) fn first_offset(&self) -> Offset {
        Offset(self.last_offset.0 - i64::from(self.offset_delta))
    }
}

/// What others may know of a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActiveProducer {
    pub(crate) id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    /// Sequence number of its last record; -1 if it wrote none in this epoch.
    pub(crate) last_sequence: i32,
    /// The newest time it wrote, in ms since 1970.
    pub(crate) last_timestamp: i64,
}

/// The producer's part of a batch that arrives or is replayed.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProducerStamp {
    pub(super) id: ProducerId,
    pub(super) epoch: ProducerEpoch,
    pub(super) first_sequence: i32,
    /// Records in the batch, less one.
    pub(super) offset_delta: i32,
    pub(super) timestamp: i64,
}

impl ProducerStamp {
    fn last_sequence(&self) -> i32 {
        sequence_after(self.first_sequence, self.offset_delta)
    }
}

/// What the table says to an arriving batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the next one.
    Append,
    /// It was appended before, here.
    Duplicate(Sequenced),
}

/// Sequence numbers run from 0 to `i32::MAX` and start again (`DefaultRecordBatch.incrementSequence`).
pub(super) fn sequence_after(sequence: i32, steps: i32) -> i32 {
    ((i64::from(sequence) + i64::from(steps)) & i64::from(i32::MAX)) as i32
}

fn sequence_before(sequence: i32, steps: i32) -> i32 {
    ((i64::from(sequence) - i64::from(steps)) & i64::from(i32::MAX)) as i32
}

impl Producers {
    /// Whether a batch may be appended, by the rules of `ProducerAppendInfo`: an older epoch is fenced, a new
    /// one starts at sequence 0, an unknown producer (new, expired, or forgotten) may start anywhere.
    pub(super) fn check(&self, stamp: &ProducerStamp) -> Result<Verdict, AppendError> {
        let Some(known) = self.entries.get(&stamp.id) else { return Ok(Verdict::Append) };
        if stamp.epoch < known.epoch {
            let (id, epoch, current) = (stamp.id, stamp.epoch, known.epoch);
            return Err(AppendError::InvalidProducerEpoch { id, epoch, current });
        }
        let expected = if stamp.epoch > known.epoch {
            0
        } else if let Some(duplicate) = known.batches.iter().find(|batch| batch.is_same(stamp)) {
            return Ok(Verdict::Duplicate(*duplicate));
        } else if let Some(last) = known.batches.last() {
            sequence_after(last.last_sequence, 1)
        } else {
            return Ok(Verdict::Append);
        };
        if stamp.first_sequence == expected {
            Ok(Verdict::Append)
        } else {
            Err(AppendError::OutOfOrderSequence { id: stamp.id, sequence: stamp.first_sequence, expected })
        }
    }

    /// All of them, by id.
    pub(super) fn active(&self) -> Vec<ActiveProducer> {
        let active = |(id, known): (&ProducerId, &Producer)| ActiveProducer {
            id: *id,
            epoch: known.epoch,
            last_sequence: known.batches.last().map_or(-1, |batch| batch.last_sequence),
            last_timestamp: known.last_timestamp,
        };
        let mut producers: Vec<_> = self.entries.iter().map(active).collect();
        producers.sort_unstable_by_key(|producer| producer.id.0);
        producers
    }

    /// Takes note of a batch that lies in the log, its last record at `last_offset`.
    pub(super) fn record(&mut self, stamp: &ProducerStamp, last_offset: Offset) {
        if self.entries.len() >= MAX_PRODUCERS && !self.entries.contains_key(&stamp.id) {
            self.forget_quietest();
        }
        let producer = self.entries.entry(stamp.id).or_insert_with(|| Producer {
            epoch: stamp.epoch,
            batches: SmallVec::new(),
            last_timestamp: stamp.timestamp,
        });
        if producer.epoch != stamp.epoch {
            producer.epoch = stamp.epoch;
            producer.batches.clear();
        }
        if producer.batches.len() == BATCHES_REMEMBERED {
            producer.batches.remove(0);
        }
        producer.batches.push(Sequenced {
            last_sequence: stamp.last_sequence(),
            last_offset,
            offset_delta: stamp.offset_delta,
            timestamp: stamp.timestamp,
        });
        producer.last_timestamp = producer.last_timestamp.max(stamp.timestamp);
    }

    /// Forgets the producers that wrote nothing for `producer.id.expiration.ms`.
    pub(super) fn expire(&mut self, now_ms: i64, expiration_ms: i64) {
        self.entries.retain(|_, producer| now_ms.saturating_sub(producer.last_timestamp) < expiration_ms);
    }

    /// Frees an eighth of the table at once, so that the search for the quietest is paid for rarely.
    fn forget_quietest(&mut self) {
        let mut times: Vec<i64> = self.entries.values().map(|producer| producer.last_timestamp).collect();
        let (_, &mut limit, _) = times.select_nth_unstable(MAX_PRODUCERS / 8);
        let mut surplus = MAX_PRODUCERS / 8;
        self.entries.retain(|_, producer| {
            let forget = surplus > 0 && producer.last_timestamp <= limit;
            surplus -= usize::from(forget);
            !forget
        });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ProducerId, &Producer)> {
        self.entries.iter().map(|(id, producer)| (*id, producer))
    }

    /// Takes a producer out of a snapshot; batches of one epoch that come one by one are put together.
    pub(super) fn insert(&mut self, id: ProducerId, mut producer: Producer) {
        if let Some(earlier) = self.entries.remove(&id).filter(|earlier| earlier.epoch == producer.epoch) {
            producer.batches.insert_many(0, earlier.batches);
            producer.last_timestamp = producer.last_timestamp.max(earlier.last_timestamp);
            let surplus = producer.batches.len().saturating_sub(BATCHES_REMEMBERED);
            producer.batches.drain(..surplus);
        }
        self.entries.insert(id, producer);
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Sequenced {
    fn is_same(&self, stamp: &ProducerStamp) -> bool {
        self.first_sequence() == stamp.first_sequence && self.last_sequence == stamp.last_sequence()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(epoch: i16, first_sequence: i32, records: i32) -> ProducerStamp {
        ProducerStamp {
            id: ProducerId(7),
            epoch: ProducerEpoch(epoch),
            first_sequence,
            offset_delta: records - 1,
            timestamp: 1000,
        }
    }

    #[test]
    fn the_last_five_batches_are_recognised_and_a_gap_is_refused() {
        let mut producers = Producers::default();
        for batch in 0..7 {
            assert_eq!(producers.check(&stamp(0, batch * 10, 10)), Ok(Verdict::Append));
            producers.record(&stamp(0, batch * 10, 10), Offset(i64::from(batch) * 10 + 9));
        }
        let Ok(Verdict::Duplicate(duplicate)) = producers.check(&stamp(0, 20, 10)) else {
            panic!("not a duplicate")
        };
        assert_eq!(duplicate.first_offset(), Offset(20));
        let gap = AppendError::OutOfOrderSequence { id: ProducerId(7), sequence: 10, expected: 70 };
        assert_eq!(producers.check(&stamp(0, 10, 10)), Err(gap), "older than what is remembered");
        assert!(producers.check(&stamp(0, 80, 1)).is_err(), "a gap");
        assert!(producers.check(&stamp(0, 20, 5)).is_err(), "half of a batch is no duplicate");
    }

    #[test]
    fn epochs_fence_and_start_at_zero() {
        let mut producers = Producers::default();
        producers.record(&stamp(3, 40, 2), Offset(1));
        assert!(matches!(producers.check(&stamp(2, 42, 1)), Err(AppendError::InvalidProducerEpoch { .. })));
        assert!(producers.check(&stamp(4, 42, 1)).is_err());
        assert_eq!(producers.check(&stamp(4, 0, 1)), Ok(Verdict::Append));
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let mut producers = Producers::default();
        producers.record(&stamp(0, i32::MAX - 1, 2), Offset(1));
        assert_eq!(producers.check(&stamp(0, 0, 5)), Ok(Verdict::Append));
        producers.record(&stamp(0, i32::MAX - 1, 4), Offset(5));
        assert_eq!(producers.check(&stamp(0, 2, 5)), Ok(Verdict::Append));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_quietest() {
        let mut producers = Producers::default();
        for id in 0..=MAX_PRODUCERS as i64 {
            producers
                .record(&ProducerStamp { id: ProducerId(id), timestamp: id, ..stamp(0, 0, 1) }, Offset(id));
        }
        assert!(producers.len() <= MAX_PRODUCERS);
        let quiet = ProducerStamp { id: ProducerId(0), ..stamp(0, 99, 1) };
        assert_eq!(producers.check(&quiet), Ok(Verdict::Append), "a forgotten producer starts anywhere");
        let lively = ProducerStamp { id: ProducerId(MAX_PRODUCERS as i64), ..stamp(0, 99, 1) };
        assert!(producers.check(&lively).is_err());
    }
}
