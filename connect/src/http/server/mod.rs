//! HTTP servers of connectors: bounded in connections, and in requests that wait for their records to be stored.

mod connection;
mod door;
mod inbox;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::connection::Bounded;
pub(crate) use self::door::Door;
pub(crate) use self::inbox::{Delivery, Inbox};

/// Says what is wrong with the path that a server answers.
pub(crate) fn plain_path(path: &str) -> Result<(), String> {
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/-_.~".contains(c));
    if path.starts_with('/') && plain {
        Ok(())
    } else {
        Err("must begin with / and be a plain path".to_owned())
    }
}

/// Says what is wrong with how long a sender is kept waiting: most give up after half a minute or a minute.
pub(crate) fn bearable(time: &Duration) -> Result<(), String> {
    if (1..=60_000).contains(&time.as_millis()) { Ok(()) } else { Err("must be from 1 ms to 1 m".to_owned()) }
}

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
