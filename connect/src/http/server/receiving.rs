//! A source that others write to: its server, and what came in through it.

use async_trait::async_trait;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::HttpServer;
use crate::{ConnectError, End, Finding, SourceBatch, SourceTask, TaskError};

/// Hands on what connections left in an [`Inbox`](super::Inbox).
pub(crate) struct Receiving {
    waiting: mpsc::Receiver<SourceBatch>,
    /// Ends with the task.
    _server: HttpServer,
}

impl Receiving {
    /// Whether `HOST:PORT` can be listened on.
    pub(crate) async fn check(listen: &str) -> Vec<Finding> {
        vec![match TcpListener::bind(listen).await {
            Ok(_) => Finding::fine(listen, "can be listened on"),
            Err(error) => Finding::wrong(listen, format!("cannot be listened on: {error}")),
        }]
    }

    /// Serves `router`, which leaves what it receives where `waiting` is the end of.
    pub(crate) async fn start(
        listen: &str,
        connections_max: usize,
        router: Router,
        waiting: mpsc::Receiver<SourceBatch>,
    ) -> Result<Self, ConnectError> {
        let server =
            HttpServer::start(listen, connections_max, router).await.map_err(ConnectError::Refused)?;
        tracing::info!("records are received on http://{}", server.address());
        Ok(Self { waiting, _server: server })
    }
}

#[async_trait]
impl SourceTask for Receiving {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        Ok(self.waiting.recv().await)
    }

    fn end(&self) -> End {
        End::Never
    }
}
