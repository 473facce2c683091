//! `GET /metrics` for Prometheus, `GET /skew` for whoever compares instances, and what these ask each other.

use std::sync::Arc;

use axum::http::header;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::{Metrics, Pace, TopicSkew};
use crate::query::PACE_PATH;
use crate::runtime::KnownHosts;

/// What Prometheus is told that it gets.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What an instance says of its partitions, and who else can be asked.
#[derive(Serialize)]
struct Skew {
    /// `host:port` where it is asked, as the group knows it; empty: it does not know that.
    instance: String,
    /// `host:port` of all instances that answer queries, as the group knows them, this one included.
    instances: Vec<String>,
    pace: Pace,
    topics: Vec<TopicSkew>,
}

/// A router that answers these, to be merged with others.
pub(crate) fn router(read: impl Fn() -> Metrics + Send + Sync + 'static, known: Arc<KnownHosts>) -> Router {
    let read = Arc::new(read);
    let of = Arc::clone(&read);
    let skew = move || {
        let metrics = of();
        let (instance, instances) = (known.endpoint.clone(), known.endpoints());
        let skew = Skew { instance, instances, pace: metrics.pace, topics: metrics.skew() };
        async move { Json(skew) }
    };
    let of = Arc::clone(&read);
    let pace = move || {
        let told = of().pace.told();
        async move { Json(told) }
    };
    let metrics = move || {
        let text = read().to_prometheus();
        async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], text) }
    };
    Router::new().route("/metrics", get(metrics)).route("/skew", get(skew)).route(PACE_PATH, get(pace))
}
