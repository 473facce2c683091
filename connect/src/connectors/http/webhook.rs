//! The source `http-webhook`: what is posted to it is in the topic when it answers 200.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::timeout;

use super::super::access::Access;
use super::super::listen::is_host_and_port;
use super::body::{BodyFormat, Reading, Unread, optional_pointer};
use crate::data::SchemaAndValue;
use crate::http::server::{Bounds, Delivery, Door, Inbox, Receiving, bearable, plain_path, turn_away};
use crate::options::Options;
use crate::{About, ConnectError, Finding, Record, Source, SourceContext, SourceTask};

/// How long a sender that was turned away is asked to wait.
const COME_AGAIN_S: &str = "1";

/// What can be said to a webhook.
#[derive(Options, Debug, Clone)]
pub struct WebhookOptions {
    /// The topic that is written to.
    #[option(importance = "high")]
    pub topic: String,
    /// Where requests are received, as HOST:PORT. Whoever can connect there can write, unless credentials are set.
    #[option(importance = "high", default = "127.0.0.1:8085", check = is_host_and_port)]
    pub listen: String,
    /// The path that is posted to.
    #[option(default = "/", check = plain_path)]
    pub path: String,
    /// What a body is: `json`, a record or a list of records; `ndjson`, a line for each record; `text`, a record as it is.
    #[option(name = "body.format", default = "json")]
    pub format: BodyFormat,
    /// A JSON pointer to what becomes a record's key, as /order/id. Records have no key without.
    #[option(name = "key.pointer", check = optional_pointer)]
    pub key: Option<String>,
    /// HTTP headers that become headers of the records.
    #[option(name = "headers.copied", default = "")]
    pub headers: Vec<String>,
    /// Who may write.
    #[option(flatten)]
    pub access: Access,
    /// How long a sender waits for its records to be stored before it is told to send them again.
    #[option(name = "ack.timeout.ms", default = 20_000, check = bearable)]
    pub patience: Duration,
    /// How long a request waits for its turn before it is told to come again.
    #[option(name = "turn.timeout.ms", default = 1000, check = bearable, importance = "low")]
    pub turn: Duration,
    /// Connections at once. One more gets the place of whoever has sent no request for longest, and waits where all have.
    #[option(name = "connections.max", default = 256, range = 1..=65_536, importance = "low")]
    pub connections_max: usize,
    /// Requests at once; more are told to come again.
    #[option(name = "requests.max", default = 64, range = 1..=4_096, importance = "low")]
    pub requests_max: usize,
    /// Records of a request.
    #[option(name = "request.records.max", default = 10_000, range = 1..=1_000_000, importance = "low")]
    pub records_max: usize,
    /// Bytes of a request, as it is sent and, where it is compressed by gzip, as it is then.
    #[option(name = "request.bytes.max", default = 1_048_576, range = 1..=268_435_456, importance = "low")]
    pub request_max: usize,
}

/// Receives what is posted.
pub struct WebhookSource;

#[async_trait]
impl Source for WebhookSource {
    type Options = WebhookOptions;

    const ABOUT: About = About {
        name: "http-webhook",
        aliases: &[],
        summary: "Receives what is posted to it, and answers once it is stored.",
    };

    /// What was posted does not come again.
    const KEEPS_POSITIONS: bool = false;

    async fn check(options: &WebhookOptions) -> Vec<Finding> {
        Receiving::check(&options.listen).await
    }

    async fn open(
        options: WebhookOptions,
        _context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        let (inbox, waiting) = Inbox::new(options.requests_max, options.patience);
        let reading = Reading {
            topic: options.topic.as_str().into(),
            format: options.format,
            key: options.key,
            records_max: options.records_max,
        };
        let receiver = Receiver {
            inbox,
            door: Door::new(&options.access.credentials())
                .map_err(|error| ConnectError::Refused(error.to_string()))?,
            reading,
            headers: options.headers,
            bounds: Bounds { bytes: options.request_max, patience: options.patience },
            turn: options.turn,
        };
        let router = Router::new().route(&options.path, post(receive)).with_state(Arc::new(receiver));
        let receiving = Receiving::start(&options.listen, options.connections_max, router, waiting).await?;
        Ok(Box::new(receiving))
    }
}

/// What every connection needs.
struct Receiver {
    inbox: Inbox,
    door: Door,
    reading: Reading,
    /// Names of HTTP headers that are handed on.
    headers: Vec<String>,
    /// How far a body may go.
    bounds: Bounds,
    /// How long a request may wait before its body is read.
    turn: Duration,
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Body) -> Response {
    if !receiver.door.opens(&headers) {
        return turn_away(&headers, body, receiver.door.challenge());
    }
    let Ok(Some(_room)) = timeout(receiver.turn, receiver.inbox.enter()).await else {
        let busy = come_again(StatusCode::TOO_MANY_REQUESTS, "too many requests are under way");
        return turn_away(&headers, body, busy);
    };
    let body = match receiver.bounds.read_plain(&headers, body).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let records = match receiver.records(&body, &headers) {
        Ok(records) => records,
        Err(Unread::Malformed(why)) => return (StatusCode::BAD_REQUEST, why).into_response(),
        Err(Unread::TooMany) => {
            let why = "more records than request.records.max: send fewer at once";
            return (StatusCode::PAYLOAD_TOO_LARGE, why).into_response();
        }
    };
    let count = records.len();
    if count == 0 {
        return stored(0);
    }
    match receiver.inbox.deliver(records).await {
        Delivery::Stored => stored(count),
        Delivery::Lost => come_again(StatusCode::SERVICE_UNAVAILABLE, "the records could not be stored"),
        Delivery::Late => come_again(StatusCode::SERVICE_UNAVAILABLE, "the records are not stored yet"),
    }
}

fn stored(count: usize) -> Response {
    let json = [(CONTENT_TYPE, "application/json")];
    (StatusCode::OK, json, format!("{{\"stored\":{count}}}\n")).into_response()
}

fn come_again(status: StatusCode, why: &'static str) -> Response {
    (status, [(RETRY_AFTER, COME_AGAIN_S)], why).into_response()
}

impl Receiver {
    fn records(&self, body: &[u8], headers: &HeaderMap) -> Result<Vec<Record>, Unread> {
        let mut records = self.reading.records(body)?;
        for name in &self.headers {
            for value in headers.get_all(name) {
                let text = String::from_utf8_lossy(value.as_bytes());
                let value = SchemaAndValue::string(&*text);
                records.iter_mut().for_each(|record| record.headers.push((name.clone(), value.clone())));
            }
        }
        Ok(records)
    }
}
