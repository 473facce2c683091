//! What other instances ask; see [`wire`](super::super::wire).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::super::owners::Told;
use super::super::peers::CONTENT_TYPE;
use super::super::{Owners, QueryError, wire};

/// Questions that are answered at the same time; others wait. Each may take a chunk's worth of memory.
const AT_ONCE: usize = 32;

/// Where other instances knock.
#[derive(Clone)]
pub(super) struct Door {
    owners: Owners,
    /// Bounds what all of them may cost together.
    room: Arc<Semaphore>,
}

impl Door {
    pub(super) fn new(owners: Owners) -> Self {
        Self { owners, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

pub(super) async fn answer(State(Door { owners, room }): State<Door>, request: Bytes) -> Response {
    let (application, question) = match wire::decode_request(&request) {
        Ok(decoded) => decoded,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let reply: Result<Told, QueryError> = if application != owners.peers.application {
        Err(QueryError::NotHere { store: question.store.to_string(), at: Vec::new() })
    } else if !owners.topology.has_store(question.part, &question.store) {
        Err(QueryError::unknown(&question.store, owners.stores()))
    } else {
        match room.acquire().await {
            Ok(_permit) => owners.ask(&Arc::new(question)).await,
            Err(_) => Err(QueryError::Stopped),
        }
    };
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], wire::encode_reply(&reply)).into_response()
}
