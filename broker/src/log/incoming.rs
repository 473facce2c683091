//! What is checked and changed of a produced batch before the partition's lock is taken.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use millstream_wire::batch::{
    Batch, BatchHeader, BatchWriter, Batches, ProduceLimits, ProducerState,
    TimestampType as BatchTimestampType, set_log_append_time, validate_produced,
};
use smallvec::SmallVec;

use super::producers::ProducerStamp;
use super::{AppendError, LogConfig, RefusedRecord, TimestampType, TopicCompression};

/// Bytes that a batch may unfold to where the topic makes us look into it.
pub(super) const MAX_DECOMPRESSED_BYTES: usize = 100 << 20;

/// Records of one batch that are named when it is refused: the sender, too, may send a million.
pub(super) const MAX_RECORD_ERRORS: usize = 1000;

const NO_KEY: &str = "a compacted topic takes no record without a key";

/// The time of a record that has none.
const NO_TIMESTAMP: i64 = -1;

/// Who appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendOrigin {
    /// A produce request: everything is checked.
    Client,
    /// The broker itself: several batches are taken, control batches too, and keys and times are not looked at.
    Coordinator,
}

/// A batch that may be appended as it is, but for its base offset and leader epoch.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) header: BatchHeader,
    pub(super) bytes: Bytes,
}

/// The producer's part of a batch; `None` for a producer that is not idempotent.
pub(super) fn producer_stamp(header: &BatchHeader) -> Option<ProducerStamp> {
    (header.has_producer_id() && !header.is_control()).then_some(ProducerStamp {
        id: header.producer_id,
        epoch: header.producer_epoch,
        first_sequence: header.base_sequence,
        offset_delta: header.last_offset_delta,
        timestamp: header.max_timestamp,
    })
}

pub(super) fn check(
    bytes: Bytes,
    origin: AppendOrigin,
    config: &LogConfig,
    now_ms: i64,
) -> Result<SmallVec<[Incoming; 1]>, AppendError> {
    let mut batches: SmallVec<[Incoming; 1]> = SmallVec::new();
    match origin {
        AppendOrigin::Client => batches.push(check_produced(bytes, config, now_ms)?),
        AppendOrigin::Coordinator => {
            let mut walk = Batches::new(&bytes);
            for batch in walk.by_ref() {
                let batch = batch?;
                batches.push(Incoming { header: batch.header, bytes: bytes.slice_ref(batch.bytes) });
            }
            if !walk.remaining().is_empty() || batches.is_empty() {
                return Err(AppendError::InvalidRecord("the bytes do not end with a whole batch"));
            }
        }
    }
    if config.timestamp_type == TimestampType::LogAppendTime {
        batches.iter_mut().for_each(|batch| batch.stamp(now_ms));
    }
    Ok(batches)
}

fn check_produced(bytes: Bytes, config: &LogConfig, now_ms: i64) -> Result<Incoming, AppendError> {
    let limits = ProduceLimits { max_batch_bytes: config.max_message_bytes as usize };
    let header = validate_produced(&bytes, limits)?;
    if header.is_transactional() {
        return Err(AppendError::InvalidTransactionState);
    }
    let too_new = is_too_new(&header, config, now_ms)?;
    if too_new || config.cleanup.compact || config.timestamp_before_max_ms != i64::MAX {
        check_records(&Batch { header, bytes: &bytes }, config, now_ms)?;
    }
    if too_new {
        // None of its records is: the header lies.
        return Err(AppendError::InvalidTimestamp { timestamp: header.max_timestamp, now: now_ms });
    }
    let incoming = Incoming { header, bytes };
    match config.compression {
        TopicCompression::Codec(codec, level) if header.compression().ok() != Some(codec) => {
            let changed = incoming.recompressed(codec, level)?;
            validate_produced(&changed.bytes, limits)?;
            Ok(changed)
        }
        _ => Ok(incoming),
    }
}

/// Whether the newest record is too far in the future, going by the header.
fn is_too_new(header: &BatchHeader, config: &LogConfig, now_ms: i64) -> Result<bool, AppendError> {
    if config.timestamp_type != TimestampType::CreateTime {
        return Ok(false);
    }
    if header.timestamp_type() == BatchTimestampType::LogAppendTime {
        return Err(AppendError::InvalidRecord("a producer must not claim the log's append time"));
    }
    Ok(header.max_timestamp.saturating_sub(now_ms) > config.timestamp_after_max_ms)
}

/// What only the records can tell. Topics that do not ask for it never come here.
fn check_records(batch: &Batch<'_>, config: &LogConfig, now_ms: i64) -> Result<(), AppendError> {
    let mut scratch = Vec::new();
    let mut refused = Vec::new();
    let mut code = ResponseError::InvalidRecord;
    let records = batch.records(&mut scratch, MAX_DECOMPRESSED_BYTES)?;
    for (index, record) in (0..).zip(records) {
        let record = record?;
        if config.cleanup.compact && record.key.is_none() {
            refused.push(RefusedRecord { index, reason: NO_KEY.to_owned() });
        } else if let Some(reason) = time_fault(record.timestamp, config, now_ms) {
            code = ResponseError::InvalidTimestamp;
            refused.push(RefusedRecord { index, reason });
        }
        if refused.len() == MAX_RECORD_ERRORS {
            break;
        }
    }
    match refused.first() {
        None => Ok(()),
        Some(first) => Err(AppendError::Records { code, reason: first.reason.clone(), records: refused }),
    }
}

fn time_fault(timestamp: i64, config: &LogConfig, now_ms: i64) -> Option<String> {
    if config.timestamp_type != TimestampType::CreateTime || timestamp == NO_TIMESTAMP {
        return None;
    }
    let oldest = now_ms.saturating_sub(config.timestamp_before_max_ms);
    let newest = now_ms.saturating_add(config.timestamp_after_max_ms);
    (!(oldest..=newest).contains(&timestamp))
        .then(|| format!("the timestamp {timestamp} is not within {oldest} and {newest}"))
}

impl Incoming {
    /// Gives the batch the broker's time. The bytes are shared with the rest of the request, so they are copied.
    fn stamp(&mut self, now_ms: i64) {
        let mut bytes = self.bytes.to_vec();
        set_log_append_time(&mut bytes, now_ms);
        self.bytes = bytes.into();
        self.header.max_timestamp = now_ms;
    }

    fn recompressed(
        &self,
        codec: millstream_wire::compression::Compression,
        level: Option<i32>,
    ) -> Result<Self, AppendError> {
        let mut scratch = Vec::new();
        let batch = Batch { header: self.header, bytes: &self.bytes };
        let mut writer = BatchWriter::new(codec, level);
        if self.header.has_producer_id() {
            let (id, epoch) = (self.header.producer_id, self.header.producer_epoch);
            writer.set_producer(ProducerState { id, epoch, base_sequence: self.header.base_sequence });
        }
        for record in batch.records(&mut scratch, MAX_DECOMPRESSED_BYTES)? {
            let record = record?;
            writer.append(record.timestamp, record.key, record.value, record.headers.iter());
        }
        let bytes = writer.finish()?;
        Ok(Self { header: BatchHeader::parse(&bytes)?, bytes })
    }
}
