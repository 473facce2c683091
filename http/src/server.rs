//! The port: who is let in.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::Limits;
use crate::connection::Connection;
use crate::places::{Place, Places};

/// How long a connection without a request is safe from who comes when all places are taken.
const SILENCE_MIN: Duration = Duration::from_secs(1);

/// How often it is looked whether one has become less safe.
const LOOK: Duration = Duration::from_millis(50);

/// How often at most it is told that all places are taken.
const TOLD_EVERY: Duration = Duration::from_secs(60);

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
        http.http1().timer(TokioTimer::new()).header_read_timeout(limits.idle);
        let (mut connections, places) = (JoinSet::new(), Arc::new(Places::default()));
        let mut told: Option<Instant> = None;
        loop {
            let stream = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(address = %self.address, %error, "a connection could not be taken");
                        sleep(PAUSE).await;
                        continue;
                    }
                },
                Some(_) = connections.join_next() => continue,
            };
            if connections.len() >= limits.connections {
                if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
                    let (address, connections) = (self.address, limits.connections);
                    tracing::warn!(%address, connections, "all connections are taken: who is silent gives way to who comes");
                    told = Some(Instant::now());
                }
                make_room(&mut connections, &places).await;
            }
            let connection = Connection { stream, place: Place::new(&places), head: limits.head };
            connections.spawn(connection.serve(http.clone(), router.clone()));
        }
    }
}

/// Waits for a connection to end, by itself or for having been silent.
async fn make_room(connections: &mut JoinSet<()>, places: &Places) {
    while timeout(LOOK, connections.join_next()).await.is_err() {
        if places.take_one(SILENCE_MIN) {
            connections.join_next().await;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::Semaphore;
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    async fn start(limits: Limits) -> (SocketAddr, JoinSet<()>) {
        start_with(limits, Router::new().route("/", get(async || "here"))).await
    }

    async fn start_with(limits: Limits, router: Router) -> (SocketAddr, JoinSet<()>) {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.address();
        let mut serving = JoinSet::new();
        serving.spawn(server.serve(limits, router));
        (address, serving)
    }

    /// Whether a request is answered, to the end.
    async fn ask(stream: &mut TcpStream) -> bool {
        stream.write_all(REQUEST).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"here") {
            match stream.read_u8().await {
                Ok(byte) => answer.push(byte),
                Err(_) => return false,
            }
        }
        answer.starts_with(b"HTTP/1.1 200")
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
        let (address, _serving) = start(Limits { head: SHORT, idle: SHORT, ..Limits::default() }).await;
        for said in ["", "GET / HTT", "GET / HTTP/1.1\r\nHost: a\r\n"] {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(said.as_bytes()).await.unwrap();
            assert!(ends(&mut slow).await, "{said:?}");
        }
        let mut idle = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut idle).await && ends(&mut idle).await, "it stays after its answer");
    }

    #[tokio::test]
    async fn a_first_head_has_less_time_than_the_next() {
        let (address, _serving) = start(Limits { head: SHORT, ..Limits::default() }).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTT").await.unwrap();
        let mut idle = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut idle).await && ends(&mut slow).await);
        assert!(ask(&mut idle).await, "it may rest between two requests");
    }

    #[tokio::test]
    async fn who_is_silent_gives_way_to_who_comes() {
        let (address, _serving) = start(Limits { connections: 2, ..Limits::default() }).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET / HTT").await.unwrap();
        let mut idle = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut idle).await);
        let mut third = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut third).await && ends(&mut slow).await, "it has been silent for longest");
        assert!(ask(&mut idle).await && ask(&mut third).await);
        let mut fourth = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut fourth).await && ends(&mut idle).await);
    }

    #[tokio::test]
    async fn who_comes_waits_where_a_request_is_under_way_everywhere() {
        let gate = Arc::new(Semaphore::new(0));
        let waiting = Arc::clone(&gate);
        let held = async move || waiting.acquire().await.map_or("closed", |_| "here");
        let router = Router::new().route("/", get(async || "here")).route("/held", get(held));
        let (address, _serving) = start_with(Limits { connections: 1, ..Limits::default() }, router).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        first.write_all(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        assert!(timeout(SILENCE_MIN + SHORT, ask(&mut second)).await.is_err(), "there is a second place");
        gate.add_permits(1);
        let mut answer = [0; 12];
        first.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"HTTP/1.1 200", "it is answered, however long it takes");
        second.read_exact(&mut answer).await.unwrap();
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
