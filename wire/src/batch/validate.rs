//! What a broker checks of a produced batch before it appends the bytes as they are.
//!
//! The rules are those of Kafka's `ProduceRequest.validateRecords`, `UnifiedLog.analyzeAndValidateRecords` and
//! `LogValidator.validateBatch`, less those that would mean decompressing.

use super::{Batch, BatchError, BatchHeader};
use crate::compression::Compression;
use crate::varint;

/// Limits that the topic sets.
#[derive(Clone, Copy, Debug)]
pub struct ProduceLimits {
    /// Largest batch in bytes (`max.message.bytes`).
    pub max_batch_bytes: usize,
}

/// Checks one partition's records of a produce request: exactly one batch, whole, its checksum right, its header
/// consistent, and, where the records are not compressed, their lengths and offsets in order.
///
/// # Errors
/// The first thing that is wrong; [`BatchError::response_error`] is what to answer.
pub fn validate_produced(bytes: &[u8], limits: ProduceLimits) -> Result<BatchHeader, BatchError> {
    let batch = Batch::parse(bytes)?;
    if batch.bytes.len() < bytes.len() {
        return Err(BatchError::Header(
            "bytes follow the batch; a produce request holds one batch a partition",
        ));
    }
    if bytes.len() > limits.max_batch_bytes {
        return Err(BatchError::TooLarge { size: bytes.len(), limit: limits.max_batch_bytes });
    }
    batch.verify_crc()?;
    check_header(&batch.header)?;
    if batch.header.compression()? == Compression::None {
        check_records(&batch)?;
    }
    Ok(batch.header)
}

fn check_header(header: &BatchHeader) -> Result<(), BatchError> {
    let broken = if header.base_offset.0 != 0 {
        "the base offset of a produced batch is 0"
    } else if header.is_control() {
        "clients must not write control records"
    } else if header.record_count == 0 {
        "a produced batch has at least one record"
    } else if header.last_offset_delta != header.record_count - 1 {
        "the record count does not agree with the last offset delta"
    } else if header.delete_horizon().is_some() {
        "clients must not set a delete horizon"
    } else if header.has_producer_id() && (header.base_sequence < 0 || header.producer_epoch.0 < 0) {
        "a producer id goes with an epoch and a base sequence that are not negative"
    } else if header.is_transactional() && !header.has_producer_id() {
        "a transactional batch has a producer id"
    } else {
        return Ok(());
    };
    Err(BatchError::Header(broken))
}

/// Hops from record to record by their lengths; keys and values are not looked at.
fn check_records(batch: &Batch<'_>) -> Result<(), BatchError> {
    let mut rest = batch.payload();
    for index in 0..batch.header.record_count {
        rest = check_record(rest, index).ok_or(BatchError::Record {
            index,
            reason: "its length or offset does not agree with the batch",
        })?;
    }
    if !rest.is_empty() {
        return Err(BatchError::Header("bytes follow the last record that the header counts"));
    }
    Ok(())
}

/// The bytes after the record at the front of `buf`, or `None` if it is not the record `index`.
#[inline]
fn check_record(mut buf: &[u8], index: i32) -> Option<&[u8]> {
    let length = usize::try_from(varint::read_i32(&mut buf)?).ok()?;
    let (body, rest) = buf.split_at_checked(length)?;
    let (_attributes, mut body) = body.split_first()?;
    varint::read_i64(&mut body)?;
    (varint::read_i32(&mut body)? == index).then_some(rest)
}
