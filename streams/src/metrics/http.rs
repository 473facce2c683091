//! `GET /metrics` for Prometheus, `GET /skew` for whoever compares instances.

use std::sync::Arc;

use axum::http::header;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::{Metrics, TopicSkew};

/// What Prometheus is told that it gets.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What an instance says of its partitions, and who else can be asked.
#[derive(Serialize)]
struct Skew {
    /// `host:port` of all instances that answer queries, as the group knows them, this one included.
    instances: Vec<String>,
    topics: Vec<TopicSkew>,
}

/// A router that answers `GET /metrics` and `GET /skew`, to be merged with others.
pub(crate) fn router(
    read: impl Fn() -> Metrics + Send + Sync + 'static,
    instances: impl Fn() -> Vec<String> + Clone + Send + Sync + 'static,
) -> Router {
    let read = Arc::new(read);
    let of = Arc::clone(&read);
    let skew = move || {
        let skew = Skew { instances: instances(), topics: of().skew() };
        async move { Json(skew) }
    };
    let metrics = move || {
        let text = read().to_prometheus();
        async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], text) }
    };
    Router::new().route("/metrics", get(metrics)).route("/skew", get(skew))
}
