//! What can go wrong, and what to do about it.

use std::sync::Arc;
use std::time::Duration;

/// An error code that a broker sent, by its name in Kafka (`org.apache.kafka.common.protocol.Errors`).
pub use kafka_protocol::error::ResponseError as ErrorCode;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How a program should react to an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The same call may succeed later; the client has already retried within its time-outs.
    Retriable,
    /// Another process took this member's, or this producer's, place: this instance must stop.
    Fenced,
    /// The call, the configuration or the permissions must change first.
    Fatal,
}

/// Every failure of the client. Cloned into each delivery of a failed batch, so its texts are shared.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration that cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No TCP connection could be made.
    #[error(
        "cannot connect to {address}: {reason}; is the broker running and its advertised.listeners reachable from here?"
    )]
    Connect {
        /// `host:port` that was tried.
        address: Arc<str>,
        /// What the operating system said.
        reason: Arc<str>,
    },
    /// The connection broke while a request was under way.
    #[error("the connection to {address} broke: {reason}")]
    Disconnected {
        /// `host:port` of the broker.
        address: Arc<str>,
        /// What was seen.
        reason: Arc<str>,
    },
    /// No answer within `request.timeout.ms`.
    #[error(
        "{address} did not answer within {after:?} (request.timeout.ms); the broker is overloaded or cut off"
    )]
    RequestTimedOut {
        /// `host:port` of the broker.
        address: Arc<str>,
        /// The time-out that passed.
        after: Duration,
    },
    /// A call gave up: `max.block.ms`, `delivery.timeout.ms` or `default.api.timeout.ms` passed.
    #[error("{what} took longer than {:.1} s ({setting}){last}", after.as_secs_f64())]
    TimedOut {
        /// What was being done.
        what: Arc<str>,
        /// The limit.
        after: Duration,
        /// The setting that holds the limit.
        setting: &'static str,
        /// The last failure that was retried, as a clause of its own, or nothing.
        last: Arc<str>,
    },
    /// Broker and client share no version of an API.
    #[error("{address} serves no version of {api} that this client speaks; upgrade the older side")]
    UnsupportedVersion {
        /// `host:port` of the broker.
        address: Arc<str>,
        /// The name of the request.
        api: Arc<str>,
    },
    /// The peer sent bytes that are not Kafka's protocol.
    #[error("{address} sent a malformed answer: {reason}; is this port a Kafka listener without TLS?")]
    Malformed {
        /// `host:port` of the peer, or what was decoded.
        address: Arc<str>,
        /// What was wrong.
        reason: Arc<str>,
    },
    /// The broker refused.
    #[error("{what}: {code} ({}){detail}", code.code())]
    Broker {
        /// Kafka's name for it.
        code: ErrorCode,
        /// What was asked for.
        what: Arc<str>,
        /// The broker's own message as a clause of its own, or nothing.
        detail: Arc<str>,
    },
    /// A record that no batch can hold.
    #[error(
        "a record of {size} bytes exceeds max.request.size={limit}; raise it together with the topic's max.message.bytes"
    )]
    RecordTooLarge {
        /// Estimated size in a batch of its own, bytes.
        size: usize,
        /// The limit, bytes.
        limit: usize,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has {partitions} partitions, so no partition {partition}")]
    NoSuchPartition {
        /// The topic.
        topic: Arc<str>,
        /// What was asked for.
        partition: i32,
        /// How many there are.
        partitions: usize,
    },
    /// A consumer without `auto.offset.reset` stands where the log is not.
    #[error(
        "no valid offset for {topic}-{partition} (wanted {offset}) and auto.offset.reset=none; seek, or commit an offset first"
    )]
    NoOffset {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// The offset that was wanted, -1 when none was committed.
        offset: i64,
    },
    /// The log was cut below what this consumer has read (`OffsetForLeaderEpoch`).
    #[error(
        "the log of {topic}-{partition} was truncated to {truncated_to}, below the position {position}; records that were read are gone"
    )]
    LogTruncated {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Where the reader stood.
        position: i64,
        /// Where the logs still agree.
        truncated_to: i64,
    },
    /// Bytes of a fetched batch that do not decode.
    #[error(
        "batch at offset {offset} of {topic}-{partition} is corrupt: {reason}; seek past it, or restore the log"
    )]
    CorruptBatch {
        /// The topic.
        topic: Arc<str>,
        /// The partition.
        partition: i32,
        /// Base offset, or the fetch position.
        offset: i64,
        /// What was wrong.
        reason: Arc<str>,
    },
    /// The call does not fit the state of the client.
    #[error("{0}")]
    Misuse(Arc<str>),
    /// The client was closed.
    #[error("the client is closed")]
    Closed,
}

impl Error {
    /// A refusal by the broker.
    pub(crate) fn broker(code: ErrorCode, what: impl Into<Arc<str>>) -> Self {
        Self::Broker { code, what: what.into(), detail: "".into() }
    }

    /// A refusal by the broker with the message that came with it.
    pub(crate) fn broker_said(code: ErrorCode, what: impl Into<Arc<str>>, message: Option<&str>) -> Self {
        let detail =
            message.filter(|text| !text.is_empty()).map_or_else(String::new, |text| format!(": {text}"));
        Self::Broker { code, what: what.into(), detail: detail.into() }
    }

    /// The broker's code, when the broker refused.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Broker { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// How to react.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Connect { .. }
            | Self::Disconnected { .. }
            | Self::RequestTimedOut { .. }
            | Self::TimedOut { .. } => ErrorClass::Retriable,
            Self::Broker { code, .. } if is_fencing(*code) => ErrorClass::Fenced,
            Self::Broker { code, .. } if code.is_retriable() => ErrorClass::Retriable,
            _ => ErrorClass::Fatal,
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        self.class() == ErrorClass::Retriable
    }

    /// Whether another instance took this one's place.
    #[must_use]
    pub fn is_fenced(&self) -> bool {
        self.class() == ErrorClass::Fenced
    }
}

/// Turns a code of the wire into a result.
pub(crate) fn check(code: i16, what: impl FnOnce() -> String) -> Result<()> {
    match ErrorCode::try_from_code(code) {
        None => Ok(()),
        Some(code) => Err(Error::broker(code, what())),
    }
}

fn is_fencing(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::FencedInstanceId
            | ErrorCode::ProducerFenced
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::FencedMemberEpoch
            | ErrorCode::TransactionCoordinatorFenced
    )
}

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Not a name that Kafka's clients know.
    #[error("unknown configuration {name:?}; did you mean {nearest:?}?")]
    Unknown {
        /// What was given.
        name: String,
        /// The nearest known name.
        nearest: String,
    },
    /// A value that does not parse or lies outside its range.
    #[error("{name}={value:?}: {reason}")]
    Invalid {
        /// The name.
        name: String,
        /// What was given.
        value: String,
        /// What is allowed.
        reason: String,
    },
    /// Something that must be given was not.
    #[error("{name} is not set; {hint}")]
    Missing {
        /// The name.
        name: &'static str,
        /// What to write.
        hint: &'static str,
    },
    /// Two settings that exclude each other.
    #[error("{0}")]
    Conflict(String),
}

impl ConfigError {
    /// The same complaint for a program that gave the name behind a prefix of its own, such as `producer.`.
    #[must_use]
    pub fn behind(self, prefix: &str) -> Self {
        let whole = |name: String| format!("{prefix}{name}");
        match self {
            Self::Unknown { name, nearest } => Self::Unknown { name: whole(name), nearest: whole(nearest) },
            Self::Invalid { name, value, reason } => Self::Invalid { name: whole(name), value, reason },
            about_several => about_several,
        }
    }
}
