//! HTTP servers of connectors: bounded in connections, and in requests that wait for their records to be stored.

mod connection;
mod door;
mod inbox;

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::connection::Bounded;
pub(crate) use self::door::Door;
pub(crate) use self::inbox::{Delivery, Inbox};

/// A server, ended when this is dropped.
pub(crate) struct HttpServer {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl HttpServer {
    /// Serves `router` on `HOST:PORT` to at most so many connections; others wait to be accepted. The error says what to do.
    pub(crate) async fn start(listen: &str, connections_max: usize, router: Router) -> Result<Self, String> {
        let listener = TcpListener::bind(listen).await.map_err(|error| {
            format!("{listen} cannot be listened on ({error}): give another address, or end what has it")
        })?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let serving = tokio::spawn(async move {
            // It ends with this task alone: accepting is tried again whatever goes wrong.
            let _ = axum::serve(Bounded::new(listener, connections_max), router).await;
        });
        Ok(Self { address, serving })
    }

    /// Where it listens: the port is real even where 0 was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
