//! Being asked to end, by ctrl-c or by SIGTERM.

use std::fmt;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

/// A command that ended because it was asked to; nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped(i32);

impl Stopped {
    /// By ctrl-c, where a terminal gives it as a key.
    pub(crate) fn by_key() -> Self {
        Self(SignalKind::interrupt().as_raw_value())
    }

    /// What shells expect of a program that a signal ended.
    pub(crate) fn code(self) -> u8 {
        u8::try_from(128 + self.0).unwrap_or(u8::MAX)
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by signal {}", self.0)
    }
}

impl std::error::Error for Stopped {}

/// Completes when the process is asked to end, from now on. Whoever asks twice is obeyed at once: the first time may be
/// stuck behind a pipe that nobody reads.
pub(crate) fn stopped() -> Result<impl Future<Output = Stopped>> {
    let (interrupts, terminations) = (SignalKind::interrupt(), SignalKind::terminate());
    let (mut interrupt, mut terminate) = (signal(interrupts)?, signal(terminations)?);
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => Stopped(interrupts.as_raw_value()),
            _ = terminate.recv() => Stopped(terminations.as_raw_value()),
        }
    };
    let (tell, told) = tokio::sync::oneshot::channel();
    // A task of its own, so that it runs while the command is stuck.
    tokio::spawn(async move {
        let _ = tell.send(next().await);
        std::process::exit(next().await.code().into());
    });
    Ok(async move {
        match told.await {
            Ok(stopped) => stopped,
            Err(_) => std::future::pending().await,
        }
    })
}
