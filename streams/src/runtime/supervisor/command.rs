use std::time::Duration;

use tokio::sync::oneshot;

use crate::runtime::{Closing, StreamsError};

/// What the handle of an application asks of its supervisor. The last handle that is dropped asks for the end.
pub(crate) enum Command {
    Close(Closing),
    /// Answered with the name of the new thread.
    AddThread(oneshot::Sender<Result<String, StreamsError>>),
    /// Answered when a thread has ended, with its name, or when it has not for so long.
    RemoveThread(Duration, oneshot::Sender<Result<Option<String>, StreamsError>>),
}
