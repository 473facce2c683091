//! A listening port, and what its clients may cost.

use super::error::ApiError;
use super::{REQUEST_TIMEOUT, Rest, router};
use crate::herder::Herder;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Connections at the same time; who comes next waits for one to end.
const CONNECTIONS_MAX: usize = 256;
/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The wait after a connection that could not be taken, and between two looks at a worker that starts.
const PAUSE: Duration = Duration::from_millis(100);

/// The REST surface cannot be opened.
#[derive(Debug, Error)]
#[error(
    "the REST API cannot listen on {address}: {why}; another address is set by listeners=http://HOST:PORT"
)]
pub struct RestError {
    address: String,
    why: std::io::Error,
}

/// A listening REST surface, not answering yet.
pub struct RestServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl RestServer {
    /// Listens on `HOST:PORT`.
    ///
    /// # Errors
    /// The address is taken or is none of this machine's.
    pub async fn bind(address: &str) -> Result<Self, RestError> {
        let failed = |why| RestError { address: address.to_owned(), why };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens; the port is real even where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the future is dropped, which ends the connections too.
    pub async fn serve(self, rest: Rest) {
        let service = router(rest);
        let mut http = Builder::new(TokioExecutor::new()).http1_only();
        http.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, _)) => {
                        let (http, service) = (http.clone(), service.clone());
                        connections.spawn(async move { connection(&http, stream, service).await });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection to the REST API could not be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Ends with its client, or by its fault.
async fn connection(http: &Builder<TokioExecutor>, stream: TcpStream, service: axum::Router) {
    let _ = stream.set_nodelay(true);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service)).await;
    if let Err(error) = served {
        tracing::debug!(error, "a connection to the REST API ended");
    }
}

/// Answered by a worker that is still reading what was stored before it started.
const OF_STARTING: [&str; 2] = ["/", "/health"];

/// Lets so many requests go on at the same time, and none for ever. What a worker does not know yet it does not answer.
pub(super) async fn in_turn(
    places: Arc<Semaphore>,
    herder: Arc<dyn Herder>,
    request: Request,
    next: Next,
) -> Response {
    let answered = async {
        // It is never closed.
        let _place = places.acquire().await;
        while !OF_STARTING.contains(&request.uri().path()) && !herder.ready() {
            tokio::time::sleep(PAUSE).await;
        }
        next.run(request).await
    };
    let late = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "Request timed out").into_response();
    tokio::time::timeout(REQUEST_TIMEOUT, answered).await.unwrap_or_else(late)
}
