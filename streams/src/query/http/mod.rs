//! The HTTP side of queries: a server of its own, or a router in the user's; JSON for people and programs, bytes for the other
//! instances.

mod instances;
mod stores;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, extract::DefaultBodyLimit};
use tokio::net::TcpListener;

use super::peers::PATH;
use super::{Owners, Served};

/// Bytes of a question that another instance asks: a few keys, and the numbers of the tasks.
const MAX_QUESTION: usize = 4 << 20;

/// A listening server, not serving yet.
pub(crate) struct Server {
    listener: TcpListener,
    /// Where it listens; the port is real even where 0 was asked for.
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) async fn bind(address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }
}

/// Serves until the future is dropped.
pub(crate) async fn serve(server: Server, router: Router) -> std::io::Result<()> {
    let Server { listener, .. } = server;
    let router = router
        .fallback(async || stores::failure(StatusCode::NOT_FOUND, "no_such_path", "try GET /stores"))
        .method_not_allowed_fallback(async || {
            stores::failure(StatusCode::METHOD_NOT_ALLOWED, "read_only", "stores are read with GET")
        });
    axum::serve(listener, router).await
}

/// What answers for an application: the stores that are shown as JSON, and what other instances ask.
pub(crate) fn router(served: Arc<Vec<Served>>, owners: Owners) -> Router {
    let stores = Router::new()
        .route("/stores", get(stores::list))
        .route("/stores/{name}", get(stores::range))
        .route("/stores/{name}/{key}", get(stores::one))
        .with_state(served);
    let instances = Router::new()
        .route(PATH, post(instances::answer))
        .layer(DefaultBodyLimit::max(MAX_QUESTION))
        .with_state(instances::Door::new(owners));
    stores.merge(instances)
}
