use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kafka_protocol::ResponseError;
use millstream_wire::batch::BatchError;
use millstream_wire::ids::{Offset, ProducerEpoch, ProducerId};

/// Opening or closing logs failed. These are for the operator.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system refused.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried, as a verb: "open", "write".
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another broker serves this directory.
    #[error("{0} is locked by another process: stop that broker, or give this one a directory of its own")]
    Locked(PathBuf),
    /// The directory holds the logs of another node or cluster.
    #[error(
        "{path} belongs to {found}, this is {expected}: give the right directory, or remove meta.properties to adopt it"
    )]
    ForeignDirectory {
        /// The file that says so.
        path: PathBuf,
        /// The identity it names.
        found: String,
        /// Ours.
        expected: String,
    },
    /// A file that must be readable as text is not.
    #[error("{path} is damaged ({reason}): restore it, or remove it to have it rebuilt")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The partition is not there.
    #[error("{0} does not exist")]
    NoSuchPartition(String),
    /// The logs were closed.
    #[error("the logs are closed")]
    Closed,
}

impl LogError {
    /// For `map_err`: names what was done to which path.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// A produce was refused. Every variant is one Kafka error code, see [`AppendError::code`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Bytes that are no valid batch, or more of them than `max.message.bytes`.
    #[error("{reason}")]
    Batch {
        /// What a client sees.
        code: ResponseError,
        /// What is wrong with it.
        reason: String,
    },
    /// A well-formed batch that this topic does not take.
    #[error("{0}")]
    InvalidRecord(&'static str),
    /// Records that this topic does not take; the rest of their batch goes with them.
    #[error("{reason}; {} record(s), the first at {} of its batch", .records.len(), .records[0].index)]
    Records {
        /// What a client sees.
        code: ResponseError,
        /// What is wrong with the first of them.
        reason: String,
        /// The records, at least one and at most `MAX_RECORD_ERRORS`.
        records: Vec<RefusedRecord>,
    },
    /// A timestamp outside `message.timestamp.before.max.ms` and `message.timestamp.after.max.ms`.
    #[error("the timestamp {timestamp} is too far from the broker's time {now}")]
    InvalidTimestamp {
        /// The record's, in ms since 1970.
        timestamp: i64,
        /// The broker's.
        now: i64,
    },
    /// A gap in a producer's sequence numbers.
    #[error("producer {id} sent sequence {sequence}, {expected} was due")]
    OutOfOrderSequence {
        /// Whose.
        id: ProducerId,
        /// What came.
        sequence: i32,
        /// What should have come.
        expected: i32,
    },
    /// The producer was fenced by one with the same id and a newer epoch.
    #[error("producer {id} has epoch {epoch}, {current} is in force")]
    InvalidProducerEpoch {
        /// Whose.
        id: ProducerId,
        /// The old epoch.
        epoch: ProducerEpoch,
        /// The newer one.
        current: ProducerEpoch,
    },
    /// A transactional batch whose transaction this broker did not begin.
    #[error("no transaction is open for this producer and partition")]
    InvalidTransactionState,
    /// The storage did not make the records durable in time. They may still become so.
    #[error("not durable within the time that was given; it may still become so")]
    TimedOut,
    /// The partition is offline until the broker is restarted.
    #[error("the partition is offline: {0}")]
    Offline(Arc<str>),
    /// The partition was deleted.
    #[error("the partition was deleted")]
    Deleted,
}

/// A record for which its batch was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRecord {
    /// Where it stands in the batch, from 0.
    pub index: i32,
    /// What is wrong with it.
    pub reason: String,
}

impl AppendError {
    /// The code that a client sees.
    pub fn code(&self) -> ResponseError {
        match self {
            Self::Batch { code, .. } | Self::Records { code, .. } => *code,
            Self::InvalidRecord(_) => ResponseError::InvalidRecord,
            Self::InvalidTimestamp { .. } => ResponseError::InvalidTimestamp,
            Self::OutOfOrderSequence { .. } => ResponseError::OutOfOrderSequenceNumber,
            Self::InvalidProducerEpoch { .. } => ResponseError::InvalidProducerEpoch,
            Self::InvalidTransactionState => ResponseError::InvalidTxnState,
            Self::TimedOut => ResponseError::RequestTimedOut,
            Self::Offline(_) => ResponseError::KafkaStorageError,
            Self::Deleted => ResponseError::UnknownTopicOrPartition,
        }
    }
}

impl From<BatchError> for AppendError {
    fn from(error: BatchError) -> Self {
        Self::Batch { code: error.response_error(), reason: error.to_string() }
    }
}

/// A read was refused. Every variant is one Kafka error code, see [`ReadError::code`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Below the log start or beyond the end.
    #[error("offset {offset} lies outside {start}..={end}")]
    OffsetOutOfRange {
        /// What was asked for.
        offset: Offset,
        /// The log start.
        start: Offset,
        /// The end up to which could be read.
        end: Offset,
    },
    /// The partition is offline until the broker is restarted.
    #[error("the partition is offline: {0}")]
    Offline(Arc<str>),
    /// The partition was deleted.
    #[error("the partition was deleted")]
    Deleted,
    /// Only of a read that may not [reach](crate::storage::Reach) the disk: some of the bytes are there alone.
    #[error("the records have to be read from the disk")]
    NotCached,
}

impl ReadError {
    /// The code that a client sees.
    pub fn code(&self) -> ResponseError {
        match self {
            Self::OffsetOutOfRange { .. } => ResponseError::OffsetOutOfRange,
            Self::Offline(_) | Self::NotCached => ResponseError::KafkaStorageError,
            Self::Deleted => ResponseError::UnknownTopicOrPartition,
        }
    }
}
