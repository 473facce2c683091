//! A client's connection, from its first byte to its end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::places::Place;

/// A client, and what it is given.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pub(crate) place: Arc<Place>,
    /// How long its first head may take.
    pub(crate) head: Duration,
}

impl Connection {
    /// Ends with its client, or by its fault, or when its place is taken.
    pub(crate) async fn serve(self, http: Builder<TokioExecutor>, router: Router) {
        let _ = self.stream.set_nodelay(true);
        let router = router.layer(from_fn_with_state(Arc::clone(&self.place), answer));
        let served = http.serve_connection(TokioIo::new(self.stream), TowerToHyperService::new(router));
        let too_late = async {
            if timeout(self.head, self.place.has_spoken()).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            served = served => if let Err(error) = served {
                tracing::debug!(error, "a connection ended");
            },
            () = self.place.taken() => tracing::debug!("a connection was silent, and its place is another's"),
            () = too_late => tracing::debug!("a connection did not come to the end of its first head"),
        }
    }
}

/// One request: the place is not another's as long as it is answered.
async fn answer(State(place): State<Arc<Place>>, request: Request, next: Next) -> Response {
    if !place.speaks() {
        // The connection is about to end: what came now was not heard.
        return std::future::pending().await;
    }
    let response = next.run(request).await;
    place.falls_silent();
    response
}
