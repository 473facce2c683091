//! A listening port, and what its clients may cost.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::stores::failure;

/// What clients may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections at the same time, each with one request at most that is being answered; who comes next waits for one to end.
    pub(super) connections: usize,
    /// How long the head of a request may take from the end of the one before: other instances close what they do not use before.
    pub(super) head: Duration,
    /// How long a request may take once its head is there, its body and the answer included.
    pub(super) answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 256, head: Duration::from_secs(60), answer: Duration::from_secs(60) }
    }
}

/// The wait after a connection that could not be taken, for want of file descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(100);

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

/// Serves until the future is dropped, which ends the connections too.
pub(crate) async fn serve(server: Server, router: Router) {
    serve_within(Limits::default(), server, router).await;
}

pub(super) async fn serve_within(limits: Limits, server: Server, router: Router) {
    let router = router
        .fallback(async || failure(StatusCode::NOT_FOUND, "no_such_path", "try GET /stores"))
        .method_not_allowed_fallback(async || {
            failure(StatusCode::METHOD_NOT_ALLOWED, "read_only", "stores are read with GET")
        })
        .layer(middleware::from_fn(move |request, next| in_time(limits.answer, request, next)));
    let mut http = Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(limits.head);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = server.listener.accept(), if connections.len() < limits.connections => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(http.clone(), stream, router.clone()))),
                Err(error) => {
                    tracing::warn!(%error, "a connection for queries could not be taken");
                    sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Ends with its client, or by its fault.
async fn connection(http: Builder<TokioExecutor>, stream: TcpStream, router: Router) {
    let _ = stream.set_nodelay(true);
    let served = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
    if let Err(error) = served {
        tracing::debug!(error, "a connection for queries ended");
    }
}

async fn in_time(limit: Duration, request: Request, next: Next) -> Response {
    let late =
        |_| failure(StatusCode::REQUEST_TIMEOUT, "too_slow", "the request or its answer took too long");
    timeout(limit, next.run(request)).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use axum::body::Bytes;
    use axum::routing::{get, post};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    async fn start(limits: Limits) -> (SocketAddr, JoinSet<()>) {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.address;
        let router =
            Router::new().route("/", get(async || "here")).route("/", post(async |body: Bytes| body));
        let mut serving = JoinSet::new();
        serving.spawn(serve_within(limits, server, router));
        (address, serving)
    }

    /// What comes until the server hangs up.
    async fn all_of(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        match stream.read_to_end(&mut text).await {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
            _ => String::from_utf8(text).unwrap(),
        }
    }

    #[tokio::test]
    async fn who_does_not_get_to_the_end_of_a_request_is_let_go() {
        let (address, _serving) = start(Limits { head: SHORT, answer: SHORT, ..Limits::default() }).await;
        for (said, status) in [
            ("", None),
            ("GET / HTT", None),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", Some("408")),
        ] {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(said.as_bytes()).await.unwrap();
            let answer = all_of(&mut slow).await;
            assert_eq!(
                status.is_some_and(|status| answer.contains(status)),
                status.is_some(),
                "{said:?}: {answer}"
            );
        }
    }

    #[tokio::test]
    async fn who_comes_when_all_places_are_taken_waits_for_one() {
        let (address, _serving) = start(Limits { connections: 2, ..Limits::default() }).await;
        let ask = async |stream: &mut TcpStream| {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.map(|_| answer == *b"HTTP/1.1 200")
        };
        let mut first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        let mut third = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut first).await.unwrap() && ask(&mut second).await.unwrap());
        assert!(timeout(SHORT, ask(&mut third)).await.is_err(), "there is a third place");
        drop(first);
        let mut answer = [0; 12];
        third.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, *b"HTTP/1.1 200");
    }
}
