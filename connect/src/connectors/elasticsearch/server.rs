//! The server's HTTP interface, as far as the sink uses it.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, StatusCode, Url};
use serde_json::Value;

use super::options::ConnectionOptions;
use crate::http::{HttpError, body_within, describe};

/// More of an answer is not read: an answer to the largest request that is refused item by item is a tenth of it.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Of what a server says that is no answer, this much is shown (characters).
const SHOWN_MAX: usize = 300;

/// A server, by the addresses of its nodes.
pub(super) struct Server {
    client: Client,
    nodes: Vec<Url>,
    /// The node that is asked; the next one after it could not be reached.
    current: AtomicUsize,
    compressed: bool,
}

/// What a server answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// The kind of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    Json,
    Lines,
}

impl Server {
    pub(super) fn new(options: &ConnectionOptions) -> Result<Self, String> {
        let parse = |url: &String| Url::parse(url).map_err(|error| format!("connection.url: {error}"));
        let nodes = options.urls.iter().map(parse).collect::<Result<_, _>>()?;
        let client = options.client().build().map_err(|error: HttpError| error.to_string())?;
        Ok(Self { client, nodes, current: AtomicUsize::new(0), compressed: options.compressed })
    }

    /// Asks one node. An error is one of the way there or back: what was asked may have been done.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: Option<&str>,
        body: Option<(Body, Bytes)>,
    ) -> Result<Answer, String> {
        let at = self.current.load(Ordering::Relaxed) % self.nodes.len();
        let answer = self.ask_node(&self.nodes[at], method, path, query, body).await;
        if answer.is_err() {
            // Another task may have gone on to the next already.
            let next = (at + 1) % self.nodes.len();
            let _ = self.current.compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed);
        }
        answer
    }

    async fn ask_node(
        &self,
        node: &Url,
        method: Method,
        path: &[&str],
        query: Option<&str>,
        body: Option<(Body, Bytes)>,
    ) -> Result<Answer, String> {
        let mut url = node.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url.set_query(query);
        let mut request = self.client.request(method, url);
        if let Some((kind, body)) = body {
            let kind = match kind {
                Body::Json => "application/json",
                Body::Lines => "application/x-ndjson",
            };
            request = request.header(CONTENT_TYPE, kind);
            request = match self.compressed {
                true => request.header(CONTENT_ENCODING, "gzip").body(gzip(body).await?),
                false => request.body(body),
            };
        }
        let failed = |error| format!("{}: {}", address(node), describe(error));
        let response = request.send().await.map_err(failed)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body_within(response, ANSWER_BYTES_MAX).await.map_err(failed)?;
        Ok(Answer { status, headers, body })
    }
}

impl Answer {
    /// What the server says is wrong, on a line.
    pub(super) fn why(&self) -> String {
        let said: Option<Value> = serde_json::from_slice(&self.body).ok();
        let text = |name: &str| said.as_ref()?.pointer(name)?.as_str().map(str::to_owned);
        let why = match (text("/error/type"), text("/error/reason")) {
            (Some(kind), Some(reason)) => format!("{kind}: {reason}"),
            _ => text("/error")
                .unwrap_or_else(|| String::from_utf8_lossy(&self.body).replace(['\n', '\r'], " ")),
        };
        format!("status {}: {}", self.status.as_u16(), why.chars().take(SHOWN_MAX).collect::<String>())
    }

    /// Whether what was to be made is there already.
    pub(super) fn is_there(&self) -> bool {
        self.status == StatusCode::BAD_REQUEST && self.why().contains("already_exists")
    }
}

/// A node without what may be secret in its address.
fn address(node: &Url) -> String {
    let port = node.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", node.host_str().unwrap_or_default())
}

/// On a thread where it stops nobody.
async fn gzip(body: Bytes) -> Result<Vec<u8>, String> {
    let compress = move || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&body)?;
        encoder.finish()
    };
    let compressed = tokio::task::spawn_blocking(compress).await.map_err(|error| error.to_string())?;
    compressed.map_err(|error: std::io::Error| error.to_string())
}
