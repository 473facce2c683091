//! Changes to a sealed batch in place.

use super::ProducerState;
use super::cursor::{get_i16, put_i16, put_i32, put_i64};
use super::header::{LOG_APPEND_TIME, at, reseal};
use crate::ids::{LeaderEpoch, Offset};

/// Sets base offset and leader epoch. Both lie outside the checksum, so nothing else changes.
///
/// # Panics
/// When `batch` is shorter than [`super::BATCH_PREFIX_LEN`].
pub fn patch_prefix(batch: &mut [u8], base_offset: Offset, leader_epoch: LeaderEpoch) {
    put_i64(batch, at::BASE_OFFSET, base_offset.0);
    put_i32(batch, at::LEADER_EPOCH, leader_epoch.0);
}

/// Stamps a whole batch with the time of its append (ms): every record then reads as of that time. Makes the
/// checksum anew.
///
/// # Panics
/// When `batch` is shorter than its header.
pub fn set_log_append_time(batch: &mut [u8], timestamp_ms: i64) {
    let attributes = get_i16(batch, at::ATTRIBUTES);
    put_i16(batch, at::ATTRIBUTES, attributes | LOG_APPEND_TIME);
    put_i64(batch, at::MAX_TIMESTAMP, timestamp_ms);
    reseal(batch);
}

/// Gives a whole batch another producer id, epoch and base sequence, as a producer does that got a new epoch while
/// batches were waiting. Makes the checksum anew.
///
/// # Panics
/// When `batch` is shorter than its header.
pub fn patch_producer(batch: &mut [u8], producer: ProducerState) {
    put_i64(batch, at::PRODUCER_ID, producer.id.0);
    put_i16(batch, at::PRODUCER_EPOCH, producer.epoch.0);
    put_i32(batch, at::BASE_SEQUENCE, producer.base_sequence);
    reseal(batch);
}
