//! A sealed batch on its way.

use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use millstream_wire::batch::{Batch as WireBatch, BatchError, BatchWriter, ProducerState, patch_producer};
use tokio::sync::OwnedSemaphorePermit;

use super::Identity;
use crate::producer::completion::{Completion, Written};
use crate::{Error, Result};

/// Which records of a completion a batch carries: all of them, unless it was split.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) completion: Arc<Completion>,
    pub(crate) first: u32,
}

/// A sealed batch: as the producer's thread left it, then stamped with its sequence.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The order of sealing, given by the lane. Halves of a split share it.
    pub(crate) serial: u64,
    pub(crate) bytes: Bytes,
    pub(crate) count: i32,
    /// When its first record came: `delivery.timeout.ms` counts from here.
    pub(crate) created: Instant,
    pub(crate) part: Part,
    /// Times it was sent.
    pub(crate) attempts: u32,
    /// What the broker knows it by, once it was sent by an idempotent producer.
    pub(crate) stamp: Option<(Identity, i32)>,
    /// It was sent and nobody knows whether it was written.
    pub(crate) in_doubt: bool,
    /// Its share of `buffer.memory`; shared by the children of a split.
    pub(crate) memory: Option<Arc<OwnedSemaphorePermit>>,
}

impl Batch {
    /// Where it stands among its partition's batches, halves of a split one after the other.
    pub(super) fn place(&self) -> (u64, u32) {
        (self.serial, self.part.first)
    }

    pub(crate) fn settle(&self, outcome: Result<Written>) {
        if let Err(error) = &outcome {
            self.part.completion.reject(self.part.first, &self.bytes, error);
        }
        self.part.completion.settle(self.part.first, self.count as u32, outcome);
    }

    /// Writes the sequence into the header, and the checksum anew.
    pub(super) fn set_stamp(&mut self, identity: Identity, base_sequence: i32) {
        self.stamp = Some((identity, base_sequence));
        let bytes = std::mem::take(&mut self.bytes);
        // Copied only where a frame that was given up still holds the old bytes.
        let mut bytes = bytes.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        let (id, epoch) = (identity.id, identity.epoch);
        patch_producer(&mut bytes, ProducerState { id, epoch, base_sequence });
        self.bytes = bytes.freeze();
    }

    /// The same records in two batches, for a broker that takes no more at once.
    pub(crate) fn split(self) -> Result<[Self; 2], BatchError> {
        let wire = WireBatch::parse(&self.bytes)?;
        let half = self.count / 2;
        let mut scratch = Vec::new();
        let mut writer = BatchWriter::new(wire.header.compression()?, None);
        let mut first_half = None;
        for record in wire.records(&mut scratch, SPLIT_DECOMPRESSED_MAX)? {
            let record = record?;
            if writer.count() == half && first_half.is_none() {
                first_half = Some(writer.finish()?);
            }
            writer.append(record.timestamp, record.key, record.value, record.headers.iter());
        }
        let second_half = writer.finish()?;
        Ok([
            self.child(first_half.unwrap_or_default(), self.part.first, half),
            self.child(second_half, self.part.first + half as u32, self.count - half),
        ])
    }

    fn child(&self, bytes: Bytes, first: u32, count: i32) -> Self {
        let part = Part { completion: Arc::clone(&self.part.completion), first };
        let memory = self.memory.clone();
        let (serial, created) = (self.serial, self.created);
        Self { serial, bytes, count, created, part, attempts: 0, stamp: None, in_doubt: false, memory }
    }
}

/// A batch that this producer wrote decompresses to what it held in memory, far below this.
pub(crate) const SPLIT_DECOMPRESSED_MAX: usize = 1 << 30;

/// A batch that cannot even be read back: nothing can be done but fail it.
pub(crate) fn unsplittable(error: &BatchError) -> Error {
    Error::Misuse(format!("a batch over the broker's max.message.bytes could not be split: {error}").into())
}
