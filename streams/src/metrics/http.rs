//! `GET /metrics` for Prometheus, with what else runs in the process, `GET /skew` for whoever compares instances, and what these ask
//! each other.

use std::sync::Arc;

use axum::http::header;
use axum::routing::get;
use axum::{Json, Router};
use millstream_exposition::{CONTENT_TYPE, process};
use serde::Serialize;

use super::{Metrics, Pace, TopicSkew};
use crate::query::PACE_PATH;
use crate::runtime::KnownHosts;

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

/// A page of what else runs in the process.
pub(crate) type OtherPage = Box<dyn Fn() -> String + Send + Sync>;

/// A router that answers these, to be merged with others.
pub(crate) fn router(
    read: impl Fn() -> Metrics + Send + Sync + 'static,
    others: Vec<OtherPage>,
    known: Arc<KnownHosts>,
) -> Router {
    let (read, others): (_, Arc<[OtherPage]>) = (Arc::new(read), others.into());
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
        let mut text = read().to_prometheus();
        text.extend(others.iter().map(|page| page()));
        text.push_str(&process());
        async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], text) }
    };
    Router::new().route("/metrics", get(metrics)).route("/skew", get(skew)).route(PACE_PATH, get(pace))
}
