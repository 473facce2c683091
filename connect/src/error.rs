use std::time::Duration;

use crate::options::Fault;

/// Why a connector cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Its configuration cannot be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Options(Vec<Fault>),
    /// What it connects to refuses; the text says what to do.
    #[error("{0}")]
    Refused(String),
    /// What it connects to cannot be reached, or takes nothing for now: a task waits for it, as one that runs does.
    #[error("{0}")]
    Away(String),
}

impl From<TaskError> for ConnectError {
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Retry { why, .. } => Self::Away(why),
            TaskError::Rejected { why } | TaskError::Fatal { why } => Self::Refused(why),
        }
    }
}

/// Why a task cannot go on as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// Nothing is wrong with the records: ask again, after the runtime's own patience where none is named.
    #[error("{why}")]
    Retry {
        /// How long the other side wants to be left alone.
        after: Option<Duration>,
        /// What it said.
        why: String,
    },
    /// The records of this call were refused as a whole; at least one of them is bad. Nothing of them was written.
    #[error("{why}")]
    Rejected {
        /// What the other side said.
        why: String,
    },
    /// No record can be read or written until somebody changes something; the text says what.
    #[error("{why}")]
    Fatal {
        /// What is wrong and what to do.
        why: String,
    },
}

impl TaskError {
    /// Ask again when it suits.
    pub fn retry(why: impl ToString) -> Self {
        Self::Retry { after: None, why: why.to_string() }
    }

    /// One of the records is bad.
    pub fn rejected(why: impl ToString) -> Self {
        Self::Rejected { why: why.to_string() }
    }

    /// Somebody must do something.
    pub fn fatal(why: impl ToString) -> Self {
        Self::Fatal { why: why.to_string() }
    }
}
