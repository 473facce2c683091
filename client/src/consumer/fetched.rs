//! What a fetch brought for one partition, read record by record where it lies.

use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::batch::{Batch, BatchError, Batches, Record};
use millstream_wire::control::{ControlRecord, EndTransaction};

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
    /// Whole batches. The first may begin below [`offset`](Self::offset), and control batches are among them.
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
            if !filter.admits(&batch) {
                continue;
            }
            let corrupt = |error: BatchError| self.corrupt(batch.header.base_offset.0, &error);
            for record in batch.records(&mut scratch, DECOMPRESSED_MAX).map_err(corrupt)? {
                let record = record.map_err(corrupt)?;
                if record.offset.0 >= self.offset {
                    each(&record)?;
                }
            }
        }
        Ok(())
    }

    /// How many records there are, control records included: what the batches' headers say.
    #[must_use]
    pub fn count(&self) -> usize {
        Batches::new(&self.bytes).flatten().map(|batch| batch.header.record_count as usize).sum()
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
