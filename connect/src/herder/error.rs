use thiserror::Error;

/// Why a herder did not do what it was asked for. REST answers each with a status of its own.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HerderError {
    /// There is no such connector, task or status.
    #[error("{0}")]
    NotFound(String),
    /// The name is taken, or the state does not allow it now.
    #[error("{0}")]
    Conflict(String),
    /// What was sent can never be done.
    #[error("{0}")]
    BadRequest(String),
    /// Not now: the worker is not what it should be.
    #[error("{0}")]
    Unavailable(String),
    /// It was tried and failed.
    #[error("{0}")]
    Failed(String),
}

impl HerderError {
    /// The answer to a name that no connector has, in Kafka Connect's words.
    #[must_use]
    pub fn no_connector(name: &str) -> Self {
        Self::NotFound(format!("Connector {name} not found"))
    }
}
