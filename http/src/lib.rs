//! A listening port, and what its clients may cost: under the queries of Streams, the REST API of Connect, and the connectors and
//! metrics that are asked or written to over HTTP.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What clients may cost. How long a body or an answer takes is for the router to bound.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at the same time, each with one request at most that is being answered; who comes next waits for one to end.
    pub connections: usize,
    /// How long the head of a request may take from the end of the one before.
    pub head: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, head: Duration::from_secs(60) }
    }
}

/// The wait after a connection that could not be taken, for want of file descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(100);

/// A listening server, not serving yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens on `HOST:PORT`.
    ///
    /// # Errors
    /// The address is taken, or is none of this machine's.
    pub async fn bind(address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens; the port is real even where 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the future is dropped, which ends the connections too.
    pub async fn serve(self, limits: Limits, router: Router) {
        let mut http = Builder::new(TokioExecutor::new()).http1_only();
        http.http1().timer(TokioTimer::new()).header_read_timeout(limits.head);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < limits.connections => match accepted {
                    Ok((stream, _)) => drop(connections.spawn(connection(http.clone(), stream, router.clone()))),
                    Err(error) => {
                        tracing::warn!(address = %self.address, %error, "a connection could not be taken");
                        sleep(PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Ends with its client, or by its fault.
async fn connection(http: Builder<TokioExecutor>, stream: TcpStream, router: Router) {
    let _ = stream.set_nodelay(true);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
    if let Err(error) = served {
        tracing::debug!(error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    async fn start(limits: Limits) -> (SocketAddr, JoinSet<()>) {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.address();
        let mut serving = JoinSet::new();
        serving.spawn(server.serve(limits, Router::new().route("/", get(async || "here"))));
        (address, serving)
    }

    async fn ask(stream: &mut TcpStream) -> bool {
        stream.write_all(REQUEST).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.is_ok() && answer == *b"HTTP/1.1 200"
    }

    /// Whether the server hangs up.
    async fn ends(stream: &mut TcpStream) -> bool {
        match timeout(SHORT * 50, stream.read_to_end(&mut Vec::new())).await {
            Ok(Err(error)) => error.kind() == ErrorKind::ConnectionReset,
            Ok(Ok(_)) => true,
            Err(_) => false,
        }
    }

    #[tokio::test]
    async fn who_does_not_get_to_the_end_of_a_head_is_let_go() {
        let (address, _serving) = start(Limits { head: SHORT, ..Limits::default() }).await;
        for said in ["", "GET / HTT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(said.as_bytes()).await.unwrap();
            assert!(ends(&mut slow).await, "{said:?}");
        }
        let mut idle = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut idle).await && ends(&mut idle).await, "it stays after its answer");
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_waits_for_one() {
        let (address, _serving) = start(Limits { connections: 2, ..Limits::default() }).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut first).await && ask(&mut second).await);
        assert!(timeout(SHORT, ask(&mut third)).await.is_err(), "there is a third place");
        drop(first);
        let mut answer = [0; 12];
        third.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"HTTP/1.1 200");
    }

    #[tokio::test]
    async fn connections_end_with_their_server() {
        let (address, serving) = start(Limits::default()).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut client).await);
        drop(serving);
        assert!(ends(&mut client).await);
    }
}
