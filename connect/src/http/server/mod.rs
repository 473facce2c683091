//! HTTP servers of connectors: bounded in connections, and in requests that wait for their records to be stored.

mod body;
mod door;
mod inbox;
mod receiving;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use millstream_http::{Limits, Server};
use tokio::task::JoinHandle;

pub(crate) use self::body::{Bounds, turn_away};
pub(crate) use self::door::Door;
pub(crate) use self::inbox::{Delivery, Inbox};
pub(crate) use self::receiving::Receiving;

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
    /// Serves `router` on `HOST:PORT` to at most so many connections. The error says what to do.
    pub(crate) async fn start(listen: &str, connections_max: usize, router: Router) -> Result<Self, String> {
        let server = Server::bind(listen).await.map_err(|error| {
            format!("{listen} cannot be listened on ({error}): give another address, or end what has it")
        })?;
        let address = server.address();
        let limits = Limits { connections: connections_max, ..Limits::default() };
        Ok(Self { address, serving: tokio::spawn(server.serve(limits, router)) })
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
