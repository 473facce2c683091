use super::StreamsError;

/// What follows when a stream thread has failed: `StreamThreadExceptionResponse` of KIP-671.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum UncaughtResponse {
    /// Another thread takes its place, and its tasks where their last commit stands. A thread that dies again and again is
    /// replaced after pauses that double from half a second to half a minute.
    ReplaceThread,
    /// This instance stops, in [`AppState::Error`](super::AppState::Error); the others take over its tasks.
    #[default]
    ShutdownClient,
    /// Every instance of the application stops, in [`AppState::Error`](super::AppState::Error).
    ShutdownApplication,
}

/// Decides what follows when a stream thread has failed.
pub(crate) type UncaughtHandler = Box<dyn Fn(&StreamsError) -> UncaughtResponse + Send + Sync>;
