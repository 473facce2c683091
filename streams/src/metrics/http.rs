//! `GET /metrics`.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::routing::get;

use super::Metrics;

/// What Prometheus is told that it gets.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A router that answers `GET /metrics`, to be merged with others.
pub(crate) fn router(read: impl Fn() -> Metrics + Send + Sync + 'static) -> Router {
    let read = Arc::new(read);
    let answer = move || {
        let text = read().to_prometheus();
        async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], text) }
    };
    Router::new().route("/metrics", get(answer))
}
