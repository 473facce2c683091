use std::fmt;
use std::time::Duration;

pub use millstream_client::ConfigError;
use thiserror::Error;

use super::{AppState, LinkError, StateDirectoryError, TopicError, WorkerError};
use crate::query::QueryError;
use crate::topology::TopologyError;

/// Why an application did not start, or stopped.
#[derive(Error)]
#[non_exhaustive]
pub enum StreamsError {
    /// The topology is wrong in itself.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The topology does not fit the topics of the cluster.
    #[error(transparent)]
    Topics(#[from] TopicError),
    /// A configuration that cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The state directory cannot be used.
    #[error(transparent)]
    StateDirectory(#[from] StateDirectoryError),
    /// The cluster refused or could not be reached.
    #[error(transparent)]
    Cluster(#[from] LinkError),
    /// A store to be served does not exist.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A stream thread stopped at a record, a store or the cluster. What it had not committed is read again at the next start.
    #[error("stream thread {thread} stopped: {source}")]
    Thread {
        /// Its name.
        thread: String,
        /// Where it stopped, and why.
        source: WorkerError,
    },
    /// Threads come and go only while the application runs or rebalances.
    #[error("the application is {0}: threads come and go only while it is RUNNING or REBALANCING")]
    NotRunning(AppState),
    /// A thread that was to be removed is still at work. It goes on ending.
    #[error("stream thread {thread} has not ended within {} ms; it is still ending", .after.as_millis())]
    StillEnding {
        /// Its name.
        thread: String,
        /// How long was waited.
        after: Duration,
    },
    /// Another instance has asked every instance of the application to stop
    /// ([`UncaughtResponse::ShutdownApplication`](super::UncaughtResponse::ShutdownApplication)).
    #[error("another instance of the application has asked all of them to stop; its log says why")]
    ShutdownRequested,
    /// A thread of the runtime ended without a result.
    #[error("{0} ended unexpectedly")]
    Lost(String),
    /// The operating system refused a thread or a socket.
    #[error("{doing}: {source}")]
    System {
        /// What was being done.
        doing: String,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The text again: it is what a `main` that returns this error shows, to people who want to know what to do.
impl fmt::Debug for StreamsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_that_returns_an_error_shows_its_text() {
        let error = StreamsError::from(TopicError::MissingSource { topic: "lines".into() });
        assert_eq!(format!("{error:?}"), error.to_string());
    }
}
