//! Why a change of the metadata was refused.

use kafka_protocol::ResponseError;

use crate::config::ConfigError;
use crate::log::{AppendError, LogError};

/// A refused change. Every variant is one Kafka error code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MetadataError {
    #[error("Topic '{0}' already exists.")]
    TopicExists(String),
    #[error("This server does not host this topic-partition.")]
    UnknownTopic,
    #[error("This server does not host this topic ID.")]
    UnknownTopicId,
    #[error("{0}")]
    InvalidTopic(String),
    #[error("{0}")]
    InvalidPartitions(String),
    #[error("{0}")]
    InvalidReplicationFactor(String),
    #[error("{0}")]
    InvalidReplicaAssignment(String),
    #[error("{0}")]
    InvalidRequest(String),
    #[error("{0}")]
    PolicyViolation(String),
    #[error("Topic deletion is disabled: delete.topic.enable=false.")]
    DeletionDisabled,
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}")]
    InvalidConfig(String),
    #[error("the metadata log does not take the change: {0}")]
    Append(#[from] AppendError),
    #[error("{0}")]
    Log(#[from] LogError),
    #[error("the broker is closing")]
    Closing,
}

impl MetadataError {
    /// The code that a client sees.
    pub(crate) fn code(&self) -> ResponseError {
        match self {
            Self::TopicExists(_) => ResponseError::TopicAlreadyExists,
            Self::UnknownTopic => ResponseError::UnknownTopicOrPartition,
            Self::UnknownTopicId => ResponseError::UnknownTopicId,
            Self::InvalidTopic(_) => ResponseError::InvalidTopicException,
            Self::InvalidPartitions(_) => ResponseError::InvalidPartitions,
            Self::InvalidReplicationFactor(_) => ResponseError::InvalidReplicationFactor,
            Self::InvalidReplicaAssignment(_) => ResponseError::InvalidReplicaAssignment,
            Self::InvalidRequest(_) => ResponseError::InvalidRequest,
            Self::PolicyViolation(_) => ResponseError::PolicyViolation,
            Self::DeletionDisabled => ResponseError::TopicDeletionDisabled,
            Self::Config(_) | Self::InvalidConfig(_) => ResponseError::InvalidConfig,
            Self::Append(_) | Self::Log(_) => ResponseError::KafkaStorageError,
            Self::Closing => ResponseError::CoordinatorNotAvailable,
        }
    }
}
