use std::fmt;
use std::str::FromStr;

use millstream_wire::compression::Compression;

/// The configuration of one topic's logs, by Kafka's topic configs (`TopicConfig`, `LogConfig`).
///
/// Times are milliseconds, sizes bytes; -1 means "no bound" where a field says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// When acknowledged records are safe. Ours: `durability`.
    pub durability: Durability,
    /// `cleanup.policy`.
    pub cleanup: Cleanup,
    /// `compression.type` with its level.
    pub compression: TopicCompression,
    /// `delete.retention.ms`: how long a tombstone outlives its compaction.
    pub delete_retention_ms: i64,
    /// `file.delete.delay.ms`: how long a file keeps its `.deleted` name before it goes.
    pub file_delete_delay_ms: i64,
    /// `flush.messages`: records after which the log is fsynced also where `durability` does not ask for it.
    pub flush_messages: i64,
    /// `flush.ms`: age of an unsynced append after which the log is fsynced.
    pub flush_ms: i64,
    /// `index.interval.bytes`: bytes of log between two entries of the offset index.
    pub index_interval_bytes: u32,
    /// `max.message.bytes`: largest batch, as it is stored.
    pub max_message_bytes: u32,
    /// `max.compaction.lag.ms`: age at which a record is compacted whatever the dirty ratio.
    pub max_compaction_lag_ms: i64,
    /// `message.timestamp.after.max.ms`: how far in the future a record may lie.
    pub timestamp_after_max_ms: i64,
    /// `message.timestamp.before.max.ms`: how far in the past a record may lie.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `min.cleanable.dirty.ratio`, in thousandths so that configurations can be compared.
    pub min_cleanable_dirty_permille: u32,
    /// `min.compaction.lag.ms`: age below which a record is not compacted.
    pub min_compaction_lag_ms: i64,
    /// `retention.bytes`, -1 for no bound.
    pub retention_bytes: i64,
    /// `retention.ms`, -1 for no bound.
    pub retention_ms: i64,
    /// `segment.bytes`.
    pub segment_bytes: u32,
    /// `segment.index.bytes`: bound of either index of a segment; a full one rolls the segment.
    pub segment_index_bytes: u32,
    /// `segment.jitter.ms`: random part taken off `segment.ms`, so that logs do not roll all at once.
    pub segment_jitter_ms: i64,
    /// `segment.ms`: age at which the active segment is rolled by the next append.
    pub segment_ms: i64,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Default for LogConfig {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            durability: Durability::Sync,
            cleanup: Cleanup { delete: true, compact: false },
            compression: TopicCompression::Producer,
            delete_retention_ms: DAY_MS,
            file_delete_delay_ms: 60_000,
            flush_messages: i64::MAX,
            flush_ms: i64::MAX,
            index_interval_bytes: 4096,
            max_message_bytes: 1_048_588,
            max_compaction_lag_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            timestamp_before_max_ms: i64::MAX,
            timestamp_type: TimestampType::CreateTime,
            min_cleanable_dirty_permille: 500,
            min_compaction_lag_ms: 0,
            retention_bytes: -1,
            retention_ms: 7 * DAY_MS,
            segment_bytes: 1 << 30,
            segment_index_bytes: 10 << 20,
            segment_jitter_ms: 0,
            segment_ms: 7 * DAY_MS,
        }
    }
}

/// What a high watermark promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The high watermark is the fsynced offset: what was read or acknowledged survives a power cut.
    Sync,
    /// The high watermark is the log end, as in Apache Kafka without replicas.
    Page,
}

/// `cleanup.policy`: any of the two, or none (records are kept for ever).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// Old segments are deleted by time and size.
    pub delete: bool,
    /// Only the last record of each key is kept; records must have keys.
    pub compact: bool,
}

/// `message.timestamp.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// A record keeps its producer's time.
    CreateTime,
    /// A batch gets the broker's time.
    LogAppendTime,
}

/// `compression.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicCompression {
    /// A batch stays as its producer compressed it.
    Producer,
    /// Every batch is stored with this codec (`None` for `uncompressed`) at this level (`None` for the codec's own).
    Codec(Compression, Option<i32>),
}

/// A value that a topic config does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not one of: {allowed}")]
pub struct InvalidValue {
    value: String,
    allowed: &'static str,
}

impl InvalidValue {
    fn new(value: &str, allowed: &'static str) -> Self {
        Self { value: value.to_owned(), allowed }
    }
}

impl FromStr for Durability {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        match value {
            "sync" => Ok(Self::Sync),
            "page" => Ok(Self::Page),
            _ => Err(InvalidValue::new(value, "sync, page")),
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sync => "sync",
            Self::Page => "page",
        })
    }
}

impl FromStr for Cleanup {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        let mut cleanup = Self { delete: false, compact: false };
        for policy in value.split(',').map(str::trim).filter(|policy| !policy.is_empty()) {
            match policy {
                "delete" => cleanup.delete = true,
                "compact" => cleanup.compact = true,
                _ => return Err(InvalidValue::new(value, "delete, compact, compact,delete")),
            }
        }
        Ok(cleanup)
    }
}

impl fmt::Display for Cleanup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.compact, self.delete) {
            (true, true) => "compact,delete",
            (true, false) => "compact",
            (false, true) => "delete",
            (false, false) => "",
        })
    }
}

impl FromStr for TimestampType {
    type Err = InvalidValue;
    fn from_str(value: &str) -> Result<Self, InvalidValue> {
        match value {
            "CreateTime" => Ok(Self::CreateTime),
            "LogAppendTime" => Ok(Self::LogAppendTime),
            _ => Err(InvalidValue::new(value, "CreateTime, LogAppendTime")),
        }
    }
}

impl fmt::Display for TimestampType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateTime => "CreateTime",
            Self::LogAppendTime => "LogAppendTime",
        })
    }
}
