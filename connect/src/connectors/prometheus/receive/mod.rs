//! The source `prometheus-receiver`: whoever writes remotely to Prometheus writes to a topic.

mod options;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use chrono::Utc;
use tokio::time::timeout;

use super::form::{Form, records};
use super::remote::{Limits, decode};
use crate::http::server::{Delivery, Door, Inbox, Receiving};
use crate::record::Record;
use crate::{About, ConnectError, Finding, Source, SourceContext, SourceTask};
pub use options::ReceiveOptions;

/// How long a sender that was turned away is asked to wait.
const COME_AGAIN_S: &str = "1";

/// Receives remote writes.
pub struct RemoteWriteSource;

#[async_trait]
impl Source for RemoteWriteSource {
    type Options = ReceiveOptions;

    const ABOUT: About = About {
        name: "prometheus-receiver",
        aliases: &[],
        summary: "Receives what Prometheus, vmagent and others write remotely (remote write 1.0).",
    };

    async fn check(options: &ReceiveOptions) -> Vec<Finding> {
        Receiving::check(&options.listen).await
    }

    async fn open(
        options: ReceiveOptions,
        _context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        let (inbox, waiting) = Inbox::new(options.requests_max, options.patience);
        let receiver = Receiver {
            inbox,
            door: Door::new(&options.access.credentials())
                .map_err(|error| ConnectError::Refused(error.to_string()))?,
            topic: options.topic.as_str().into(),
            form: options.form,
            body_max: options.request_max,
            limits: options.limits(),
            patience: options.patience,
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
    topic: Arc<str>,
    form: Form,
    /// Bytes of a body.
    body_max: usize,
    limits: Limits,
    /// How long a body may take to arrive.
    patience: std::time::Duration,
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Body) -> Response {
    if !receiver.door.opens(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    if let Err(why) = understood(&headers) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response();
    }
    let Some(_room) = receiver.inbox.enter().await else {
        return come_again("too many requests are under way");
    };
    let body = axum::body::to_bytes(body, receiver.body_max);
    let body = match timeout(receiver.patience, body).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return (StatusCode::PAYLOAD_TOO_LARGE, "longer than request.bytes.max").into_response();
        }
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let records = match receiver.records(&body) {
        Ok(records) => records,
        Err(why) => return (StatusCode::BAD_REQUEST, why).into_response(),
    };
    if records.is_empty() {
        return StatusCode::NO_CONTENT.into_response();
    }
    match receiver.inbox.deliver(records).await {
        Delivery::Stored => StatusCode::NO_CONTENT.into_response(),
        Delivery::Lost => come_again("the samples could not be stored"),
        Delivery::Late => come_again("the samples are not stored yet"),
    }
}

/// 503 and not 429: Prometheus sends again what was answered with the first, and by default not the second.
fn come_again(why: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, COME_AGAIN_S)], why).into_response()
}

/// Whether the body is what remote write 1.0 has; senders of 2.0 try that when they are told so.
fn understood(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !["", "snappy"].contains(&text(CONTENT_ENCODING)) {
        return Err("the body must be a block of snappy");
    }
    let kind = text(CONTENT_TYPE);
    let (media, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    if !["", "application/x-protobuf"].contains(&media.trim())
        || parameters.contains("io.prometheus.write.v2")
    {
        return Err("the body must be a WriteRequest of remote write 1.0");
    }
    Ok(())
}

impl Receiver {
    fn records(&self, body: &[u8]) -> Result<Vec<Record>, String> {
        let mut out = Vec::new();
        let now = Utc::now().timestamp_millis();
        for series in decode(body, &self.limits).map_err(|refusal| refusal.to_string())? {
            records(&self.topic, series, self.form, now, &mut out);
        }
        Ok(out)
    }
}
