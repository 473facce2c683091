//! Why a node could not go on.

use thiserror::Error;

use crate::data::DataError;
use crate::errors::Settled;
use crate::store::error::StoreError;
use crate::task::SinkError;

/// A record that a node could not process. One word wide, since it stands in the result of every hop.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct ProcessError(Box<FailureCause>);

/// What went wrong in a node.
#[derive(Debug, Error)]
pub(crate) enum FailureCause {
    #[error("the {part} cannot be written to {target}: {source}")]
    Encode { part: &'static str, target: String, source: DataError },
    #[error("the {part} does not decode: {source}")]
    Decode { part: &'static str, source: DataError },
    #[error(
        "timestamp {0} is before 1970: written by a producer older than Kafka 0.10, or by one with a broken clock"
    )]
    Timestamp(i64),
    #[error(transparent)]
    User(Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Decided on by an error policy, in a node below.
    #[error(transparent)]
    Settled(#[from] Settled),
}

impl ProcessError {
    /// A failure of a program's own: an error, or a text that says what is wrong.
    pub fn new(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(Box::new(FailureCause::User(error.into())))
    }

    /// A key or value without bytes; `target` names the topic or store it was meant for.
    pub(crate) fn encode(part: &'static str, target: &str, source: DataError) -> Self {
        Self(Box::new(FailureCause::Encode { part, target: target.to_owned(), source }))
    }
}

impl ProcessError {
    /// Bytes of a record that are not what its topic's types say.
    pub(crate) fn decode(part: &'static str, source: DataError) -> Self {
        Self(Box::new(FailureCause::Decode { part, source }))
    }

    /// A time that no operator can use (Kafka's `FailOnInvalidTimestamp`).
    pub(crate) fn timestamp(timestamp: i64) -> Self {
        Self(Box::new(FailureCause::Timestamp(timestamp)))
    }

    /// Whether the record did not decode, so that no closure has seen it.
    pub fn is_decode(&self) -> bool {
        matches!(*self.0, FailureCause::Decode { .. })
    }

    pub(crate) fn is_of_store(&self) -> bool {
        matches!(*self.0, FailureCause::Store(_))
    }

    /// Whether the cluster may take the record later.
    pub(crate) fn is_retriable(&self) -> bool {
        let FailureCause::Sink(error) = &*self.0 else { return false };
        error.source.downcast_ref::<millstream_client::Error>().is_some_and(|error| error.is_retriable())
    }

    /// Whether no broker has said anything: what is wrong is not the record.
    pub(crate) fn is_unanswered(&self) -> bool {
        let FailureCause::Sink(error) = &*self.0 else { return false };
        let error = error.source.downcast_ref::<millstream_client::Error>();
        error.is_some_and(|error| error.is_retriable() && error.code().is_none())
    }

    pub(crate) fn is_of_sink(&self) -> bool {
        matches!(*self.0, FailureCause::Sink(_))
    }

    /// Whether a policy has decided on it.
    pub(crate) fn is_settled(&self) -> bool {
        matches!(*self.0, FailureCause::Settled(_))
    }

    /// What was decided, or the error as it was.
    pub(crate) fn into_settled(self) -> Result<Settled, Self> {
        match *self.0 {
            FailureCause::Settled(settled) => Ok(settled),
            other => Err(Self(Box::new(other))),
        }
    }
}

impl From<Settled> for ProcessError {
    fn from(settled: Settled) -> Self {
        Self(Box::new(settled.into()))
    }
}

impl From<StoreError> for ProcessError {
    fn from(source: StoreError) -> Self {
        Self(Box::new(source.into()))
    }
}

impl From<SinkError> for ProcessError {
    fn from(source: SinkError) -> Self {
        Self(Box::new(source.into()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use millstream_client::Error;

    use super::*;

    #[test]
    fn a_cluster_that_does_not_answer_may_take_a_record_later() {
        let refused =
            |source: Error| ProcessError::from(SinkError { topic: "t".into(), source: source.into() });
        let timed_out = Error::TimedOut {
            what: "waiting for room".into(),
            after: Duration::from_secs(60),
            setting: "max.block.ms",
            last: "".into(),
        };
        assert!(refused(timed_out).is_retriable());
        assert!(!refused(Error::RecordTooLarge { size: 2, limit: 1 }).is_retriable());
        assert!(!ProcessError::new("no").is_retriable());
    }
}
