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

use super::form::{Form, records};
use super::remote::{Limits, Series, decode};
use crate::http::server::{Bounds, Delivery, Door, Inbox, Receiving, turn_away};
use crate::record::Record;
use crate::{About, ConnectError, Finding, Source, SourceContext, SourceTask};
pub use options::ReceiveOptions;

/// How long a sender that was turned away is asked to wait.
const COME_AGAIN_S: &str = "1";

/// What a body is, in the words of remote write 2.0: its own message has another name.
const WRITE_REQUEST: &str = "prometheus.WriteRequest";

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

    /// What was sent does not come again.
    const KEEPS_POSITIONS: bool = false;

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
            bounds: Bounds { bytes: options.request_max, patience: options.patience },
            limits: options.limits(),
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
    /// How far a body may go as it is sent.
    bounds: Bounds,
    limits: Limits,
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Body) -> Response {
    if !receiver.door.opens(&headers) {
        return turn_away(&headers, body, receiver.door.challenge());
    }
    if let Err(why) = understood(&headers) {
        return turn_away(&headers, body, (StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response());
    }
    let Some(_room) = receiver.inbox.enter().await else {
        return turn_away(&headers, body, come_again("too many requests are under way"));
    };
    let body = match receiver.bounds.read(&headers, body).await {
        Ok(body) => body,
        Err(answer) => return answer,
    };
    let decoded = match decode(&body, &receiver.limits) {
        Ok(decoded) => decoded,
        Err(refusal) => return (StatusCode::BAD_REQUEST, refusal.to_string()).into_response(),
    };
    let records = receiver.records(decoded.series);
    let delivery = match records.is_empty() {
        true => Delivery::Stored,
        false => receiver.inbox.deliver(records).await,
    };
    match (delivery, decoded.left_out) {
        (Delivery::Stored, None) => StatusCode::NO_CONTENT.into_response(),
        (Delivery::Stored, Some(left_out)) => {
            // The sender counts what it is refused; it does not say why anywhere but in its log.
            (StatusCode::BAD_REQUEST, left_out.to_string()).into_response()
        }
        (Delivery::Lost, _) => come_again("the samples could not be stored"),
        (Delivery::Late, _) => come_again("the samples are not stored yet"),
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
    let mut parts = kind.split(';').map(str::trim);
    let is_protobuf = ["", "application/x-protobuf"].contains(&parts.next().unwrap_or_default());
    let mut messages = parts.filter_map(|part| part.strip_prefix("proto="));
    if !is_protobuf || !messages.all(|message| message.trim_matches('"') == WRITE_REQUEST) {
        return Err("the body must be a WriteRequest of remote write 1.0 (prometheus.WriteRequest)");
    }
    Ok(())
}

impl Receiver {
    fn records(&self, series: Vec<Series>) -> Vec<Record> {
        let mut out = Vec::new();
        let now = Utc::now().timestamp_millis();
        for one in series {
            records(&self.topic, one, self.form, now, &mut out);
        }
        out
    }
}
