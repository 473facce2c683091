//! What was not written.

use std::sync::Arc;

use bytes::Bytes;
use millstream_wire::batch::{Batch, BatchError, Record};

use super::flow::SPLIT_DECOMPRESSED_MAX;
use crate::Error;

/// A batch that was not written, with the records that were in it; from
/// [`BatchProducer::take_rejected`](super::BatchProducer::take_rejected).
#[derive(Debug)]
pub struct Rejected {
    /// The topic it was for.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Why it was not written.
    pub error: Error,
    pub(super) bytes: Bytes,
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
        for record in batch.records(&mut scratch, SPLIT_DECOMPRESSED_MAX)? {
            take(record?)?;
        }
        Ok(())
    }
}
