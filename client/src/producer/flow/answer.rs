//! What the broker's answer to a batch means.

use crate::producer::completion::Written;
use crate::{Error, ErrorCode};

/// The answer to one batch.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Written.
    Written(Written),
    /// Refused, with the broker's words.
    Refused(ErrorCode, Option<String>),
    /// No answer: the connection broke, the request timed out.
    Lost(Error),
}

/// What to do with the batch, and with what waits behind it.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Tell the caller; the batch left the lane.
    Settled(super::Batch, Result<Written, Error>),
    /// It will be sent again. `stale_metadata`: the leader may have moved.
    Again { stale_metadata: bool },
    /// It must be split; hand the children back by [`super::Lane::put_back_split`].
    TooLarge(super::Batch),
    /// An answer to a batch that the lane no longer has.
    Unknown,
}

/// What a refusal means for the batch alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It had been written before (`DUPLICATE_SEQUENCE_NUMBER`).
    AlreadyWritten,
    /// The broker expected another sequence, so it does not have this batch.
    OutOfSequence,
    /// The producer's epoch is too old for this partition; a new one may go on.
    StaleEpoch,
    TooLarge,
    /// Worth another try.
    Retriable,
    /// It may have been written all the same.
    InDoubt,
    Fatal,
}

pub(super) fn meaning(code: ErrorCode) -> Meaning {
    match code {
        ErrorCode::DuplicateSequenceNumber => Meaning::AlreadyWritten,
        ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId => Meaning::OutOfSequence,
        ErrorCode::InvalidProducerEpoch => Meaning::StaleEpoch,
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => Meaning::TooLarge,
        ErrorCode::RequestTimedOut | ErrorCode::NotEnoughReplicasAfterAppend => Meaning::InDoubt,
        code if code.is_retriable() => Meaning::Retriable,
        _ => Meaning::Fatal,
    }
}

/// Refusals after which the leader should be looked up again (`InvalidMetadataException` and its kin).
pub(super) fn is_stale_metadata(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::KafkaStorageError
            | ErrorCode::NetworkException
    )
}
