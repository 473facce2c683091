//! Rewriting a batch without some of its records, as the log cleaner does.
//!
//! Offsets, the last offset delta, producer id, epoch and base sequence stay what they were, so that neither readers
//! nor the idempotence check see a difference. Kept records are copied byte by byte: their deltas still hold, unless
//! the batch gets a delete horizon, which takes the base timestamp's place.

use super::header::{CODEC_MASK, DELETE_HORIZON, LOG_OVERHEAD, TimestampType};
use super::records::RawRecord;
use super::{BATCH_HEADER_LEN, Batch, BatchError, BatchHeader, Record};
use crate::varint;

/// Base timestamp of a batch without records (Kafka's `RecordBatch.NO_TIMESTAMP`).
const NO_TIMESTAMP: i64 = -1;

/// How [`compact`] treats a batch.
#[derive(Clone, Copy, Debug)]
pub struct CompactOptions {
    /// Keep the header of a batch whose records all went: the last batch of a producer, whose sequence is needed.
    pub retain_empty: bool,
    /// Fix when tombstones and markers of this batch may go (ms); `None` leaves what the batch says.
    pub delete_horizon: Option<i64>,
    /// Bound of the decompressed records in bytes.
    pub max_decompressed: usize,
    /// Level of the batch's codec; `None` is Kafka's default.
    pub level: Option<i32>,
}

/// What [`compact`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Records that were kept.
    pub kept: usize,
    /// Records that were left out.
    pub dropped: usize,
    /// Bytes appended to the output; 0 if the whole batch went.
    pub written: usize,
}

/// Appends `batch` to `out` with the records for which `keep` says so. A batch that loses nothing is copied as it is.
/// `scratch` holds the decompressed records meanwhile.
///
/// # Errors
/// When the batch does not decompress or a record does not parse; `out` is then as it was.
pub fn compact(
    batch: &Batch<'_>,
    options: CompactOptions,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
    mut keep: impl FnMut(&Record<'_>) -> bool,
) -> Result<Compacted, BatchError> {
    let mut pass = Pass::new(batch, options);
    let mut records = batch.records(scratch, options.max_decompressed)?;
    while let Some(raw) = records.next_raw() {
        let raw = raw?;
        if keep(&raw.record) { pass.keep(&raw) } else { pass.dropped += 1 }
    }
    pass.write(out)
}

/// One batch on its way.
struct Pass<'a> {
    batch: &'a Batch<'a>,
    options: CompactOptions,
    /// The horizon that the batch gets now, if it gets one.
    new_horizon: Option<i64>,
    /// The kept records, not compressed.
    kept_bytes: Vec<u8>,
    kept: usize,
    dropped: usize,
    max_timestamp: i64,
}

impl<'a> Pass<'a> {
    fn new(batch: &'a Batch<'a>, options: CompactOptions) -> Self {
        let new_horizon = options.delete_horizon.filter(|_| batch.header.delete_horizon().is_none());
        Self {
            batch,
            options,
            new_horizon,
            kept_bytes: Vec::new(),
            kept: 0,
            dropped: 0,
            max_timestamp: i64::MIN,
        }
    }

    fn keep(&mut self, raw: &RawRecord<'_>) {
        self.kept += 1;
        self.max_timestamp = self.max_timestamp.max(raw.record.timestamp);
        match self.new_horizon {
            None => self.kept_bytes.extend_from_slice(raw.bytes),
            Some(horizon) => rebase(raw, self.batch.header.base_timestamp, horizon, &mut self.kept_bytes),
        }
    }

    fn write(self, out: &mut Vec<u8>) -> Result<Compacted, BatchError> {
        let start = out.len();
        if self.dropped == 0 && self.new_horizon.is_none() && self.kept > 0 {
            out.extend_from_slice(self.batch.bytes);
        } else if self.kept > 0 || self.options.retain_empty {
            self.rewrite(out)?;
        }
        Ok(Compacted { kept: self.kept, dropped: self.dropped, written: out.len() - start })
    }

    fn rewrite(&self, out: &mut Vec<u8>) -> Result<(), BatchError> {
        let start = out.len();
        let header = self.header()?;
        out.resize(start + BATCH_HEADER_LEN, 0);
        if let Err(error) = header.compression()?.compress(self.options.level, &self.kept_bytes, out) {
            out.truncate(start);
            return Err(error.into());
        }
        let length = (out.len() - start - LOG_OVERHEAD) as i32;
        BatchHeader { length, ..header }.seal(&mut out[start..]);
        Ok(())
    }

    /// The new header, its length still open.
    fn header(&self) -> Result<BatchHeader, BatchError> {
        let mut header = BatchHeader { record_count: self.kept as i32, ..self.batch.header };
        if self.kept == 0 {
            // No records: nothing to compress, nothing that a base timestamp would be the base of.
            header.attributes &= !(CODEC_MASK | DELETE_HORIZON);
            header.base_timestamp = NO_TIMESTAMP;
            return Ok(header);
        }
        if let Some(horizon) = self.new_horizon {
            header.attributes |= DELETE_HORIZON;
            header.base_timestamp = horizon;
        }
        if header.timestamp_type() == TimestampType::CreateTime {
            header.max_timestamp = self.max_timestamp;
        }
        Ok(header)
    }
}

/// Copies a record with its timestamp delta made relative to another base.
fn rebase(raw: &RawRecord<'_>, old_base: i64, new_base: i64, out: &mut Vec<u8>) {
    let mut body = raw.bytes;
    // The record was parsed a moment ago, so its length, attributes and delta are there.
    let _length = varint::read_i32(&mut body);
    let (attributes, mut body) = body.split_first().map_or((0, body), |(first, rest)| (*first, rest));
    let delta = varint::read_i64(&mut body).unwrap_or_default();
    let delta = delta.wrapping_add(old_base).wrapping_sub(new_base);
    let length = 1 + varint::len_i64(delta) + body.len();
    varint::write_i32(out, length as i32);
    out.push(attributes);
    varint::write_i64(out, delta);
    out.extend_from_slice(body);
}
