use std::panic::{self, AssertUnwindSafe};

use super::StreamsError;

/// What follows when a stream thread has failed: `StreamThreadExceptionResponse` of KIP-671.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum UncaughtResponse {
    /// Another thread takes its place, and its tasks where their last commit stands. A thread that dies again and again is
    /// replaced after pauses that double from half a second to half a minute. The thread that fills the global tables is not
    /// replaced: the instance stops.
    ReplaceThread,
    /// This instance stops, in [`AppState::Error`](super::AppState::Error); the others take over its tasks.
    #[default]
    ShutdownClient,
    /// Every instance of the application stops, in [`AppState::Error`](super::AppState::Error): they hear of it in a rebalance.
    /// An instance that cannot be reached then is not told.
    ShutdownApplication,
}

/// Decides what follows when a stream thread has failed; shared by all threads of the application.
pub(crate) struct Uncaught(Box<dyn Fn(&StreamsError) -> UncaughtResponse + Send + Sync>);

impl Uncaught {
    pub(crate) fn new(handler: impl Fn(&StreamsError) -> UncaughtResponse + Send + Sync + 'static) -> Self {
        Self(Box::new(handler))
    }

    /// What the program wants to follow. A handler that panics has no say.
    pub(crate) fn ask(&self, error: StreamsError) -> Failure {
        let response = panic::catch_unwind(AssertUnwindSafe(|| (self.0)(&error))).unwrap_or_else(|_| {
            tracing::error!("the handler of uncaught failures has panicked: this instance stops");
            UncaughtResponse::ShutdownClient
        });
        Failure { error, response }
    }
}

impl Default for Uncaught {
    fn default() -> Self {
        Self::new(|_| UncaughtResponse::default())
    }
}

/// Why a thread has failed, and what is to follow.
pub(crate) struct Failure {
    pub(crate) error: StreamsError,
    pub(crate) response: UncaughtResponse,
}

impl Failure {
    /// A failure that nobody is asked about: the cluster was away for a while.
    pub(crate) fn that_passes(error: StreamsError) -> Self {
        Self { error, response: UncaughtResponse::ReplaceThread }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handler_that_panics_stops_the_instance() {
        let uncaught = Uncaught::new(|_| panic!("of course"));
        let Failure { response, .. } = uncaught.ask(StreamsError::Lost("a thread".to_owned()));
        assert_eq!(response, UncaughtResponse::ShutdownClient);
    }
}
