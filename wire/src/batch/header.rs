//! The 61 bytes in front of a batch's records.

use super::BatchError;
use super::cursor::{get_i16, get_i32, get_i64, get_u32, put_i16, put_i32, put_i64, put_u32};
use crate::compression::{Compression, CompressionError};
use crate::crc::crc32c;
use crate::ids::{LeaderEpoch, Offset, ProducerEpoch, ProducerId};

/// Bytes in front of the records.
pub const BATCH_HEADER_LEN: usize = 61;
/// Bytes that the broker patches and the checksum leaves out: base offset, length, leader epoch.
pub const BATCH_PREFIX_LEN: usize = 16;
/// The message format that this crate reads and writes.
pub const MAGIC: i8 = 2;
/// Base sequence of a batch without a producer id (`RecordBatch.NO_SEQUENCE`).
pub const NO_SEQUENCE: i32 = -1;

/// Base offset and length, which the length field does not count.
pub(super) const LOG_OVERHEAD: usize = 12;

/// Where the fields are; the diagram is in the module's documentation.
pub(super) mod at {
    pub(in crate::batch) const BASE_OFFSET: usize = 0;
    pub(in crate::batch) const LENGTH: usize = 8;
    pub(in crate::batch) const LEADER_EPOCH: usize = 12;
    pub(in crate::batch) const MAGIC: usize = 16;
    pub(in crate::batch) const CRC: usize = 17;
    pub(in crate::batch) const ATTRIBUTES: usize = 21;
    pub(in crate::batch) const LAST_OFFSET_DELTA: usize = 23;
    pub(in crate::batch) const BASE_TIMESTAMP: usize = 27;
    pub(in crate::batch) const MAX_TIMESTAMP: usize = 35;
    pub(in crate::batch) const PRODUCER_ID: usize = 43;
    pub(in crate::batch) const PRODUCER_EPOCH: usize = 51;
    pub(in crate::batch) const BASE_SEQUENCE: usize = 53;
    pub(in crate::batch) const RECORD_COUNT: usize = 57;
}

pub(super) const CODEC_MASK: i16 = 0x07;
pub(super) const LOG_APPEND_TIME: i16 = 0x08;
pub(super) const TRANSACTIONAL: i16 = 0x10;
pub(super) const CONTROL: i16 = 0x20;
pub(super) const DELETE_HORIZON: i16 = 0x40;

/// Who set a record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer.
    CreateTime,
    /// The broker, when it appended the batch.
    LogAppendTime,
}

/// A batch's header, parsed. Fields hold what the wire said, unchecked against the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record the batch was written with; compaction may have removed that record.
    pub base_offset: Offset,
    /// Bytes after the length field; see [`BatchHeader::total_len`].
    pub length: i32,
    /// Epoch of the leader that appended the batch.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C of everything from the attributes on.
    pub crc: u32,
    /// Codec and flags, for which there are accessors.
    pub attributes: i16,
    /// Last offset minus base offset; kept by compaction, so it may be more than the record count.
    pub last_offset_delta: i32,
    /// What timestamp deltas are relative to (ms); the delete horizon if the batch has one.
    pub base_timestamp: i64,
    /// Largest timestamp of the records (ms), or the append time.
    pub max_timestamp: i64,
    /// Who wrote the batch, for idempotence and transactions.
    pub producer_id: ProducerId,
    /// Generation of the producer.
    pub producer_epoch: ProducerEpoch,
    /// Sequence number of the first record; wraps to 0 after `i32::MAX`.
    pub base_sequence: i32,
    /// Records in the batch.
    pub record_count: i32,
}

impl BatchHeader {
    /// Reads the header at the front of `bytes`. The records need not be there, and the checksum is not looked at.
    ///
    /// # Errors
    /// When the header is cut short, the format is not 2, or the length or record count cannot be.
    pub fn parse(bytes: &[u8]) -> Result<Self, BatchError> {
        if bytes.len() < BATCH_HEADER_LEN {
            return Err(short_header(bytes));
        }
        let header = Self {
            base_offset: Offset(get_i64(bytes, at::BASE_OFFSET)),
            length: get_i32(bytes, at::LENGTH),
            leader_epoch: LeaderEpoch(get_i32(bytes, at::LEADER_EPOCH)),
            crc: get_u32(bytes, at::CRC),
            attributes: get_i16(bytes, at::ATTRIBUTES),
            last_offset_delta: get_i32(bytes, at::LAST_OFFSET_DELTA),
            base_timestamp: get_i64(bytes, at::BASE_TIMESTAMP),
            max_timestamp: get_i64(bytes, at::MAX_TIMESTAMP),
            producer_id: ProducerId(get_i64(bytes, at::PRODUCER_ID)),
            producer_epoch: ProducerEpoch(get_i16(bytes, at::PRODUCER_EPOCH)),
            base_sequence: get_i32(bytes, at::BASE_SEQUENCE),
            record_count: get_i32(bytes, at::RECORD_COUNT),
        };
        check_magic(bytes)?;
        if (header.length as i64) < (BATCH_HEADER_LEN - LOG_OVERHEAD) as i64 {
            return Err(BatchError::BadLength(header.length));
        }
        if header.record_count < 0 {
            return Err(BatchError::Header("the record count is negative"));
        }
        if header.last_offset_delta < 0 {
            return Err(BatchError::Header("the last offset delta is negative"));
        }
        Ok(header)
    }

    /// Writes the header over the first 61 bytes of `batch` and then the checksum of what follows it.
    pub(super) fn seal(&self, batch: &mut [u8]) {
        put_i64(batch, at::BASE_OFFSET, self.base_offset.0);
        put_i32(batch, at::LENGTH, self.length);
        put_i32(batch, at::LEADER_EPOCH, self.leader_epoch.0);
        batch[at::MAGIC] = MAGIC as u8;
        put_i16(batch, at::ATTRIBUTES, self.attributes);
        put_i32(batch, at::LAST_OFFSET_DELTA, self.last_offset_delta);
        put_i64(batch, at::BASE_TIMESTAMP, self.base_timestamp);
        put_i64(batch, at::MAX_TIMESTAMP, self.max_timestamp);
        put_i64(batch, at::PRODUCER_ID, self.producer_id.0);
        put_i16(batch, at::PRODUCER_EPOCH, self.producer_epoch.0);
        put_i32(batch, at::BASE_SEQUENCE, self.base_sequence);
        put_i32(batch, at::RECORD_COUNT, self.record_count);
        reseal(batch);
    }

    /// Bytes of the whole batch, header included.
    #[inline]
    #[must_use]
    pub fn total_len(&self) -> usize {
        LOG_OVERHEAD + self.length as usize
    }

    /// Offset of the last record the batch was written with.
    #[inline]
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.base_offset.plus(i64::from(self.last_offset_delta))
    }

    /// Offset after the batch.
    #[inline]
    #[must_use]
    pub fn next_offset(&self) -> Offset {
        self.last_offset().plus(1)
    }

    /// Sequence number of the last record, or [`NO_SEQUENCE`]. Sequences wrap to 0 after `i32::MAX`.
    #[must_use]
    pub fn last_sequence(&self) -> i32 {
        if self.base_sequence == NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        ((i64::from(self.base_sequence) + i64::from(self.last_offset_delta)) & i64::from(i32::MAX)) as i32
    }

    /// The codec of the records.
    ///
    /// # Errors
    /// When the attributes name a codec that does not exist.
    #[inline]
    pub fn compression(&self) -> Result<Compression, CompressionError> {
        Compression::from_attributes(self.attributes)
    }

    /// Who set the timestamps.
    #[must_use]
    pub fn timestamp_type(&self) -> TimestampType {
        if self.has(LOG_APPEND_TIME) { TimestampType::LogAppendTime } else { TimestampType::CreateTime }
    }

    /// Whether the batch belongs to a transaction.
    #[must_use]
    pub fn is_transactional(&self) -> bool {
        self.has(TRANSACTIONAL)
    }

    /// Whether the batch carries a marker of the broker instead of records of a client.
    #[must_use]
    pub fn is_control(&self) -> bool {
        self.has(CONTROL)
    }

    /// When tombstones and markers of this batch may go (ms), once the cleaner has fixed that.
    #[must_use]
    pub fn delete_horizon(&self) -> Option<i64> {
        self.has(DELETE_HORIZON).then_some(self.base_timestamp)
    }

    /// Whether the batch was written by an idempotent or transactional producer.
    #[must_use]
    pub fn has_producer_id(&self) -> bool {
        self.producer_id.is_some()
    }

    #[inline]
    fn has(&self, flag: i16) -> bool {
        self.attributes & flag != 0
    }
}

/// Computes the checksum of a whole batch and writes it in.
pub(super) fn reseal(batch: &mut [u8]) {
    let crc = crc32c(&batch[at::ATTRIBUTES..]);
    put_u32(batch, at::CRC, crc);
}

fn check_magic(bytes: &[u8]) -> Result<(), BatchError> {
    match bytes[at::MAGIC] as i8 {
        MAGIC => Ok(()),
        other => Err(BatchError::Magic(other)),
    }
}

/// Names the format first: a message of format 0 is shorter than our header.
fn short_header(bytes: &[u8]) -> BatchError {
    if bytes.len() > at::MAGIC
        && let Err(error) = check_magic(bytes)
    {
        return error;
    }
    BatchError::Truncated { needed: BATCH_HEADER_LEN, have: bytes.len() }
}
