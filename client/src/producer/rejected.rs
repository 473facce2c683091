//! What was not written.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::batch::{Batch, BatchError, Record};

use super::flow::SPLIT_DECOMPRESSED_MAX;
use crate::Error;

/// Records of a batch that was not written; from [`BatchProducer::take_rejected`](super::BatchProducer::take_rejected) or
/// [`Deliveries::rejected`](super::Deliveries::rejected).
#[derive(Debug)]
pub struct Rejected {
    /// The topic it was for.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Why it was not written.
    pub error: Error,
    pub(super) bytes: Bytes,
    /// Which of its records are meant.
    pub(super) wanted: Range<usize>,
}

impl Rejected {
    /// Calls `take` with each record, until one fails.
    ///
    /// # Errors
    /// What `take` returns, or, as `E`, that the batch cannot be read back.
    pub fn records<E: From<BatchError>>(
        &self,
        mut take: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut scratch = Vec::new();
        let batch = Batch::parse(&self.bytes)?;
        let records = batch.records(&mut scratch, SPLIT_DECOMPRESSED_MAX)?;
        for record in records.skip(self.wanted.start).take(self.wanted.len()) {
            take(record?)?;
        }
        Ok(())
    }
}
