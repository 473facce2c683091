//! Asking other instances over HTTP.

use std::time::Duration;

use axum::body::HttpBody;
use axum::http::{Method, Request, StatusCode, header};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{error::Elapsed, timeout};

use super::owners::{Question, Told as Answered};
use super::{QueryError, wire};
use crate::metrics::Told;

/// Where instances ask each other, below what `application.server` says.
pub(super) const PATH: &str = "/instances/query";

/// Where they ask how others keep up.
pub(crate) const PACE_PATH: &str = "/instances/pace";

/// Bytes of what is answered there: two numbers.
const MAX_PACE: usize = 4 << 10;

/// What the bodies of both directions are.
pub(super) const CONTENT_TYPE: &str = "application/octet-stream";

/// Connections to one instance that are kept for the next question.
const MAX_IDLE: usize = 4;

/// How long they are kept.
const IDLE: Duration = Duration::from_secs(30);

/// Bytes of a reply. A chunk is far smaller, unless its last entry is large.
const MAX_REPLY: usize = 64 << 20;

/// The way to the other instances of an application.
#[derive(Debug, Clone)]
pub(crate) struct Peers {
    /// `application.id`.
    pub(super) application: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Peers {
    pub(crate) fn new(application: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MAX_IDLE)
            .build(connector);
        Self { application: application.to_owned(), client }
    }

    /// Asks the instance at `endpoint`, which has so long to answer; on the application's runtime.
    pub(super) async fn ask(
        &self,
        endpoint: &str,
        question: &Question,
        patience: Duration,
    ) -> Result<Answered, QueryError> {
        let unreachable = |reason: String| QueryError::Unreachable { endpoint: endpoint.to_owned(), reason };
        let body = wire::encode_request(&self.application, question);
        let reply = match timeout(patience, self.post(endpoint, body)).await {
            Ok(reply) => reply.map_err(unreachable)?,
            Err(Elapsed { .. }) => return Err(unreachable(format!("nothing came within {patience:?}"))),
        };
        let decoded = wire::decode_reply(&reply, endpoint, &question.store);
        decoded.map_err(|error| unreachable(format!("it speaks another language: {error}")))?
    }

    /// How the instance at `endpoint` keeps up; `None`: it does not say so in time.
    pub(super) async fn pace(&self, endpoint: &str, patience: Duration) -> Option<Told> {
        let request = Request::get(format!("http://{endpoint}{PACE_PATH}")).body(Full::default()).ok()?;
        let answer = timeout(patience, self.send(request, MAX_PACE)).await.ok()?.ok()?;
        serde_json::from_slice(&answer).ok()
    }

    async fn post(&self, endpoint: &str, body: Vec<u8>) -> Result<Bytes, String> {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{endpoint}{PATH}"))
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .body(Full::from(body))
            .map_err(|error| error.to_string())?;
        self.send(request, MAX_REPLY).await
    }

    async fn send(&self, request: Request<Full<Bytes>>, max: usize) -> Result<Bytes, String> {
        let response = self.client.request(request).await.map_err(|error| causes(&error))?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(format!("it answers with {status}"));
        }
        if response.body().size_hint().lower() > max as u64 {
            return Err(format!("it wants to send more than {max} bytes"));
        }
        let body = Limited::new(response.into_body(), max).collect().await;
        Ok(body.map_err(|error| causes(&*error))?.to_bytes())
    }
}

/// What an error says, with what lies below it: a client's own errors say the least.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text = format!("{text}: {cause}");
        below = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::store::chunk::{Page, Read};

    fn question() -> Question {
        let page = Page { after: None, reverse: false, limit: 1 };
        Question { store: "s".into(), part: 0, tasks: Some(vec![0]), stale: None, read: Read::Count, page }
    }

    /// What comes of asking somebody who takes the request and says `reply`, then keeps the connection open.
    async fn asked(reply: &'static [u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = listener.local_addr().unwrap().to_string();
        let (done, until) = std::sync::mpsc::channel::<()>();
        let peer = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4_096]).unwrap();
            // Whoever asks may have had enough.
            let _ = stream.write_all(reply);
            let _ = until.recv();
        });
        let answer = Peers::new("app").ask(&endpoint, &question(), Duration::from_millis(300)).await;
        drop(done);
        peer.join().unwrap();
        let error = answer.unwrap_err();
        assert_eq!(error.code(), "unreachable");
        error.to_string()
    }

    #[tokio::test]
    async fn whoever_does_not_answer_rightly_or_in_time_is_unreachable() {
        let text = asked(b"").await;
        assert!(text.ends_with("nothing came within 300ms"), "{text}");
        let text = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        assert!(text.ends_with("nothing came within 300ms"), "{text}");
        let text = asked(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
        assert!(text.ends_with("it answers with 404 Not Found"), "{text}");
        let text = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n\x09").await;
        assert!(text.contains("another language: version 9"), "{text}");
        let text = asked(b"SSH-2.0-x\r\n\r\n").await;
        assert!(text.contains("does not answer"), "{text}");
        let text = asked(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n").await;
        assert!(text.contains("wants to send more than"), "{text}");
    }

    #[tokio::test]
    async fn where_nobody_listens_nobody_answers() {
        let endpoint = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let error = Peers::new("app").ask(&endpoint, &question(), Duration::from_secs(60)).await.unwrap_err();
        assert!(error.code() == "unreachable" && error.to_string().contains("refused"), "{error}");
    }
}
