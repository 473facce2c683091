use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::shared::Shared;
use super::supervisor::Command;
use super::{AppBuilder, AppState, Mailboxes, Metrics, StreamsError};
use crate::query::{Owners, QueryError, QueryableStore};
use crate::topology::Topology;

/// A running application.
///
/// It runs on threads of its own, whatever executor the program uses, or none. Dropping the handle tells it to stop and does
/// not wait; [`close`](Self::close) waits until everything is committed.
#[must_use = "dropping the handle stops the application"]
pub struct Streams {
    pub(super) shared: Arc<Shared>,
    pub(super) owners: Owners,
    /// Where stores are served over HTTP, if they are.
    pub(super) query_address: Option<SocketAddr>,
    /// Of the stream threads.
    pub(super) mailboxes: Arc<Mailboxes>,
    /// What answers queries over HTTP.
    pub(super) router: axum::Router,
    /// Dropping it stops the application.
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) finished: oneshot::Receiver<Result<(), StreamsError>>,
    /// The application's own runtime, for waiting for signals.
    pub(super) runtime: Handle,
}

/// Whether a process that closes means to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Closing {
    /// Its tasks go to others at once.
    #[default]
    Leaving,
    /// Its place is kept for `session.timeout.ms`, so that a restart moves no task.
    Restarting,
}

impl Streams {
    /// Begins to configure an application that runs `topology`.
    pub fn builder(topology: Topology) -> AppBuilder {
        AppBuilder::new(topology)
    }

    /// What it is doing.
    pub fn state(&self) -> AppState {
        self.shared.state()
    }

    /// How it is doing.
    pub fn metrics(&self) -> Metrics {
        self.shared.metrics()
    }

    /// Where its stores are served over HTTP: the address of `query_listen`, with the real port.
    pub fn query_address(&self) -> Option<SocketAddr> {
        self.query_address
    }

    /// A store by its typed name, as far as its tasks run in this process: a [`StoreView`](crate::query::StoreView), or a
    /// [`WindowStoreView`](crate::query::WindowStoreView).
    ///
    /// # Errors
    /// [`QueryError::UnknownStore`]: the topology has none of that name; [`QueryError::OtherTypes`]: it has other types.
    pub fn store<S: QueryableStore>(&self, store: S) -> Result<S::View, QueryError> {
        store.open(self.owners.clone())
    }

    /// Starts another stream thread and returns its name (`KafkaStreams.addStreamThread`, KIP-663). The threads share the cache
    /// anew, and the group moves tasks to it without stopping the others.
    ///
    /// # Errors
    /// The application is not running; the operating system refuses a thread.
    pub async fn add_thread(&self) -> Result<String, StreamsError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::AddThread(reply), answer).await
    }

    /// Ends one stream thread and returns its name; `None`: there is none left (`KafkaStreams.removeStreamThread`, KIP-663). It
    /// commits and leaves the group, whose other threads, here or elsewhere, get its tasks. With no thread left the application
    /// keeps running, and does nothing until one is added.
    ///
    /// # Errors
    /// The application is not running; the thread has not ended within `timeout`, in which case it ends later.
    pub async fn remove_thread(&self, timeout: Duration) -> Result<Option<String>, StreamsError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::RemoveThread(timeout, reply), answer).await
    }

    async fn ask<T>(
        &self,
        command: Command,
        answer: oneshot::Receiver<Result<T, StreamsError>>,
    ) -> Result<T, StreamsError> {
        // No receiver, or no answer: it has stopped, or does so.
        let _ = self.commands.send(command).await;
        answer.await.unwrap_or_else(|_| Err(StreamsError::NotRunning(self.state())))
    }

    /// Stops processing and punctuating, until [`resume`](Self::resume) (KIP-834). The instance stays in its group and keeps its
    /// tasks; what has been processed is committed; records are fetched until the buffers are full. Restoring and the copies for
    /// others stop as well, as they do in Kafka Streams since 3.8. It is a matter of this process alone, and forgotten when it ends.
    pub fn pause(&self) {
        self.shared.pause(true);
        self.mailboxes.wake();
    }

    /// Goes on after a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.shared.pause(false);
        self.mailboxes.wake();
    }

    /// Whether it was told to pause. The last batch may still be on its way through the tasks.
    pub fn is_paused(&self) -> bool {
        self.shared.is_paused()
    }

    /// What answers queries over HTTP, to mount in a service of the program's own: `Router::new().nest("/state", app.router())`. It
    /// shows the stores that the program [serves](AppBuilder::serve), and answers the other instances, so tell them where with
    /// [`application_server`](AppBuilder::application_server), with the path it is nested under: `host:port/state`.
    pub fn router(&self) -> axum::Router {
        self.router.clone()
    }

    /// Commits, stops, leaves the group, and waits for all of it.
    ///
    /// # Errors
    /// Why the application had stopped before it was told to, or could not commit.
    pub async fn close(self) -> Result<(), StreamsError> {
        self.close_with(Closing::Leaving).await
    }

    /// As [`close`](Self::close), saying whether the process means to come back.
    ///
    /// # Errors
    /// As [`close`](Self::close).
    pub async fn close_with(self, closing: Closing) -> Result<(), StreamsError> {
        // No receiver: it has stopped already.
        let _ = self.commands.send(Command::Close(closing)).await;
        finished(self.finished.await)
    }

    /// Runs until `until` is done, then closes; returns early if the application fails.
    ///
    /// # Errors
    /// Why it stopped.
    pub async fn run_until(mut self, until: impl Future) -> Result<(), StreamsError> {
        let mut until = pin!(until);
        let ended = poll_fn(|cx| {
            if let Poll::Ready(result) = std::pin::Pin::new(&mut self.finished).poll(cx) {
                return Poll::Ready(Some(result));
            }
            until.as_mut().poll(cx).map(|_| None)
        });
        match ended.await {
            Some(result) => finished(result),
            None => self.close().await,
        }
    }

    /// Runs until the program is interrupted (SIGINT) or told to end (SIGTERM), from a thread that is not part of a runtime.
    ///
    /// # Errors
    /// Why it stopped.
    pub fn run_blocking_until_ctrl_c(self) -> Result<(), StreamsError> {
        let signalled = self.runtime.spawn(signalled());
        futures::executor::block_on(self.run_until(signalled))
    }
}

fn finished(result: Result<Result<(), StreamsError>, oneshot::error::RecvError>) -> Result<(), StreamsError> {
    result.unwrap_or_else(|_| Err(StreamsError::Lost("the application's supervisor".to_owned())))
}

async fn signalled() {
    let interrupted = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        let mut interrupted = pin!(interrupted);
        let terminate = tokio::signal::unix::SignalKind::terminate();
        if let Ok(mut terminated) = tokio::signal::unix::signal(terminate) {
            tokio::select! {
                _ = &mut interrupted => {}
                _ = terminated.recv() => {}
            }
            return;
        }
        let _ = interrupted.await;
    }
    #[cfg(not(unix))]
    let _ = interrupted.await;
}
