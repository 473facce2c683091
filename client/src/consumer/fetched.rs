//! What a fetch brought for one partition, read record by record where it lies.

use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::batch::{Batch, BatchError, Batches, Record};
use millstream_wire::control::{ControlRecord, EndTransaction};
use uuid::Uuid;

use crate::{Error, Result, TopicPartition};

/// Bytes that one compressed batch may unfold to: Kafka's brokers take batches of 1 MiB, and nothing honest compresses
/// beyond 1 : 256.
const DECOMPRESSED_MAX: usize = 256 << 20;

/// Whole batches of one partition as they came off the wire. Shares the memory of the answer that brought it, so keep
/// the records rather than this if you keep something.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fetched {
    /// The partition.
    pub partition: TopicPartition,
    /// Which topic of that name it is (KIP-516); nil where the broker knows no ids.
    pub topic_id: Uuid,
    /// Whole batches, control batches among them. They may begin below [`offset`](Self::offset), and reach beyond
    /// [`next_offset`](Self::next_offset) where `max.poll.records` divides them.
    pub bytes: Bytes,
    /// Where the fetch began: records below it were asked for by nobody.
    pub offset: i64,
    /// Where the next fetch begins: the consumer's position once this has been taken.
    pub next_offset: i64,
    /// The end of what can be read, as of this fetch.
    pub high_watermark: i64,
    /// The first offset of the log, as of this fetch.
    pub log_start_offset: i64,
    /// Epoch of the last batch.
    pub leader_epoch: i32,
    /// Producers whose transactions were aborted, by first offset; read_committed only.
    pub(crate) aborted: Arc<[(i64, i64)]>,
    /// Which assignment and seek it belongs to.
    pub(crate) generation: u64,
}

impl Fetched {
    /// Calls `each` with every record. Control records are left out, and those of aborted transactions under
    /// `isolation.level=read_committed`.
    ///
    /// # Errors
    /// [`Error::CorruptBatch`] where bytes do not decode, or what `each` returned.
    pub fn for_each(&self, mut each: impl FnMut(&Record<'_>) -> Result<()>) -> Result<()> {
        let mut scratch = Vec::new();
        let mut filter = AbortFilter::new(&self.aborted);
        for batch in Batches::new(&self.bytes) {
            let batch = batch.map_err(|error| self.corrupt(self.offset, &error))?;
            let admitted = filter.admits(&batch);
            if batch.header.base_offset.0 >= self.next_offset {
                break;
            }
            if !admitted || batch.header.last_offset().0 < self.offset {
                continue;
            }
            let corrupt = |error: BatchError| self.corrupt(batch.header.base_offset.0, &error);
            for record in batch.records(&mut scratch, DECOMPRESSED_MAX).map_err(corrupt)? {
                let record = record.map_err(corrupt)?;
                if (self.offset..self.next_offset).contains(&record.offset.0) {
                    each(&record)?;
                }
            }
        }
        Ok(())
    }

    /// How many records there are, control records included: what the batches' headers say, of a batch that is taken
    /// in part at most.
    #[must_use]
    pub fn count(&self) -> usize {
        let wanted = |batch: Batch<'_>| {
            let (first, end) = (batch.header.base_offset.0, batch.header.next_offset().0);
            let reach = end.min(self.next_offset) - first.max(self.offset);
            usize::try_from(reach.min(batch.header.record_count.into())).unwrap_or(0)
        };
        Batches::new(&self.bytes).flatten().map(wanted).sum()
    }

    /// Takes so many records at most from the front, which share the bytes of the rest; nothing where all may go.
    pub(crate) fn portion(&mut self, records: usize) -> Option<Self> {
        let mut batches = Batches::new(&self.bytes).flatten();
        let first = batches.find(|batch| batch.header.next_offset().0 > self.offset)?.header.base_offset.0;
        let until = first.max(self.offset).saturating_add(i64::try_from(records).unwrap_or(i64::MAX));
        if until >= self.next_offset {
            return None;
        }
        let portion = Self { next_offset: until, ..self.clone() };
        self.offset = until;
        Some(portion)
    }

    fn corrupt(&self, offset: i64, error: &BatchError) -> Error {
        corrupt(&self.partition, offset, error)
    }
}

pub(crate) fn corrupt(partition: &TopicPartition, offset: i64, error: &BatchError) -> Error {
    Error::CorruptBatch {
        topic: Arc::clone(&partition.topic),
        partition: partition.partition,
        offset,
        reason: error.to_string().into(),
    }
}

/// Leaves out control batches and aborted transactions (`CompletedFetch.nextFetchedRecord`).
struct AbortFilter<'a> {
    /// Aborted transactions that begin further on: first offset and producer id.
    ahead: &'a [(i64, i64)],
    /// Producers inside an aborted transaction here.
    inside: Vec<i64>,
}

impl<'a> AbortFilter<'a> {
    fn new(aborted: &'a [(i64, i64)]) -> Self {
        Self { ahead: aborted, inside: Vec::new() }
    }

    fn admits(&mut self, batch: &Batch<'_>) -> bool {
        let header = &batch.header;
        while let Some(((first, producer), rest)) = self.ahead.split_first()
            && *first <= header.last_offset().0
        {
            self.inside.push(*producer);
            self.ahead = rest;
        }
        let producer = header.producer_id.0;
        if header.is_control() {
            if is_abort(batch) {
                self.inside.retain(|inside| *inside != producer);
            }
            return false;
        }
        !(header.is_transactional() && self.inside.contains(&producer))
    }
}

fn is_abort(batch: &Batch<'_>) -> bool {
    let mut scratch = Vec::new();
    let Ok(mut records) = batch.records(&mut scratch, DECOMPRESSED_MAX) else { return false };
    let marker = records.next().and_then(Result::ok).and_then(|record| ControlRecord::read(&record).ok());
    matches!(marker, Some(ControlRecord::EndTransaction(EndTransaction { committed: false, .. })))
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use millstream_wire::batch::{BatchWriter, NO_HEADERS, ProducerState, patch_prefix};
    use millstream_wire::compression::Compression;
    use millstream_wire::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

    use super::*;

    fn producer(id: i64) -> ProducerState {
        ProducerState { id: ProducerId(id), epoch: ProducerEpoch(0), base_sequence: 0 }
    }

    fn batch(offset: i64, id: i64, values: &[&str]) -> Bytes {
        let mut writer = BatchWriter::new(Compression::None, None);
        writer.set_position(Offset(offset), LeaderEpoch(0));
        writer.set_producer(producer(id));
        writer.set_transactional(id >= 0);
        values.iter().for_each(|value| writer.append(0, None, Some(value.as_bytes()), NO_HEADERS));
        writer.finish().unwrap()
    }

    fn marker(offset: i64, id: i64, committed: bool) -> Bytes {
        let end = EndTransaction { committed, coordinator_epoch: 0 };
        let mut bytes = end.batch(ProducerId(id), ProducerEpoch(0), 0).unwrap().to_vec();
        patch_prefix(&mut bytes, Offset(offset), LeaderEpoch(0));
        bytes.into()
    }

    fn fetched(from: i64, aborted: &[(i64, i64)]) -> Fetched {
        let mut bytes = BytesMut::new();
        for part in [
            batch(0, 1, &["a0", "a1"]),
            batch(2, 2, &["b2"]),
            batch(3, -1, &["c3"]),
            marker(4, 1, false),
            batch(5, 1, &["a5"]),
            marker(6, 1, true),
            marker(7, 2, true),
        ] {
            bytes.extend_from_slice(&part);
        }
        Fetched {
            partition: TopicPartition::new("t", 0),
            topic_id: Uuid::nil(),
            bytes: bytes.freeze(),
            offset: from,
            next_offset: 8,
            high_watermark: 8,
            log_start_offset: 0,
            leader_epoch: 0,
            aborted: aborted.into(),
            generation: 0,
        }
    }

    fn values(from: i64, aborted: &[(i64, i64)]) -> Vec<String> {
        values_of(&fetched(from, aborted))
    }

    fn values_of(fetched: &Fetched) -> Vec<String> {
        let mut values = Vec::new();
        let each = |record: &Record<'_>| {
            values.push(String::from_utf8_lossy(record.value.unwrap()).into_owned());
            Ok(())
        };
        fetched.for_each(each).unwrap();
        values
    }

    #[test]
    fn control_records_are_never_seen_and_aborted_ones_only_uncommitted() {
        assert_eq!(values(0, &[]), ["a0", "a1", "b2", "c3", "a5"]);
        assert_eq!(values(0, &[(0, 1)]), ["b2", "c3", "a5"], "the abort marker ends the aborted transaction");
    }

    #[test]
    fn portions_hold_every_record_once_whatever_their_size() {
        for size in 1..12 {
            let mut rest = fetched(1, &[(0, 1)]);
            let mut seen = Vec::new();
            let mut counted = 0;
            loop {
                let portion = rest.portion(size);
                let now = portion.as_ref().unwrap_or(&rest);
                let before = seen.len();
                seen.extend(values_of(now));
                assert!(seen.len() - before <= size && now.count() <= size, "{size}");
                counted += now.count();
                if portion.is_none() {
                    break;
                }
            }
            assert_eq!(seen, ["b2", "c3", "a5"], "portions of {size}");
            assert_eq!(counted, 7, "control records and those of the aborted transaction included");
        }
    }

    #[test]
    fn records_before_the_fetch_offset_are_left_out() {
        assert_eq!(values(1, &[]), ["a1", "b2", "c3", "a5"]);
    }
}
