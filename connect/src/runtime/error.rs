use thiserror::Error;

use super::positions::PositionError;
use crate::error::{ConnectError, TaskError};
use crate::options::Fault;

/// Why a run of a task ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// The configuration cannot be; trying again does not help.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Config(Vec<Fault>),
    /// Somebody must change something first; trying again does not help.
    #[error("{0}")]
    Fatal(String),
    /// The brake was pulled, or a target took nothing for too long.
    #[error("{0}")]
    Halted(String),
    /// The cluster fails.
    #[error(transparent)]
    Client(#[from] millstream_client::Error),
    /// The positions cannot be read or stored.
    #[error(transparent)]
    Positions(#[from] PositionError),
    /// The other side refuses.
    #[error("{0}")]
    Refused(String),
    /// The other side cannot be reached, or takes nothing for now: it is waited for.
    #[error("{0}")]
    Away(String),
}

impl RunError {
    /// Whether the same run may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Config(_) | Self::Fatal(_) | Self::Halted(_) => false,
            Self::Client(error) => !matches!(error, millstream_client::Error::Config(_)),
            Self::Positions(_) | Self::Refused(_) | Self::Away(_) => true,
        }
    }
}

impl From<ConnectError> for RunError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Options(faults) => Self::Config(faults),
            ConnectError::Refused(why) => Self::Refused(why),
            ConnectError::Away(why) => Self::Away(why),
        }
    }
}

impl From<TaskError> for RunError {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Retry { why, .. } => Self::Away(why),
            TaskError::Rejected { why } | TaskError::Fatal { why } => Self::Fatal(why),
        }
    }
}

impl From<millstream_client::ConfigError> for RunError {
    fn from(error: millstream_client::ConfigError) -> Self {
        Self::Client(error.into())
    }
}
