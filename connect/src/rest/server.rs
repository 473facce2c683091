//! A listening port, and what its clients may cost.

use super::error::ApiError;
use super::{REQUEST_TIMEOUT, Rest, router};
use crate::herder::Herder;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use millstream_http::{Limits, Server};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Semaphore;

/// Between two looks at a worker that starts.
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
pub struct RestServer(Server);

impl RestServer {
    /// Listens on `HOST:PORT`.
    ///
    /// # Errors
    /// The address is taken or is none of this machine's.
    pub async fn bind(address: &str) -> Result<Self, RestError> {
        let failed = |why| RestError { address: address.to_owned(), why };
        Server::bind(address).await.map(Self).map_err(failed)
    }

    /// Where it listens; the port is real even where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }

    /// Answers until the future is dropped, which ends the connections too.
    pub async fn serve(self, rest: Rest) {
        self.0.serve(Limits::default(), router(rest)).await;
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
