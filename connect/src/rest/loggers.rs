//! Levels of loggers (KIP-495, KIP-976). A logger is a module path, as `millstream_connect::runtime`.

use super::Rest;
use super::body;
use super::error::ApiError;
use crate::herder::Levels;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Kafka Connect's levels.
const LEVELS: [&str; 8] = ["OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE", "ALL"];
/// Loggers that can have a level of their own: names come from outside.
const LOGGERS_MAX: usize = 1_000;

/// The levels of this process's loggers.
pub struct Loggers {
    set: Mutex<BTreeMap<String, Level>>,
    apply: Levels,
}

#[derive(Clone, Serialize)]
struct Level {
    level: String,
    /// In ms since 1970; none for what was so at the start.
    last_modified: Option<u64>,
}

impl Loggers {
    /// The level of all, and what makes another level count: it is told the logger (`root` for all) and the level.
    pub fn new(root: &str, apply: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        let root = Level { level: root.to_owned(), last_modified: None };
        Self { set: Mutex::new(BTreeMap::from([("root".to_owned(), root)])), apply: Arc::new(apply) }
    }

    /// Sets one, as a herder does that read so in the config topic, and returns whether it had another. A level that there is not, or
    /// one logger too many, is ignored.
    pub fn set(&self, logger: &str, level: &str) -> bool {
        let level = level.to_ascii_uppercase();
        let mut set = self.set.lock();
        if !LEVELS.contains(&level.as_str()) || (set.len() >= LOGGERS_MAX && !set.contains_key(logger)) {
            return false;
        }
        if set.get(logger).is_some_and(|known| known.level == level) {
            return false;
        }
        (self.apply)(logger, &level);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let last_modified = now.and_then(|now| u64::try_from(now.as_millis()).ok());
        set.insert(logger.to_owned(), Level { level, last_modified });
        true
    }

    /// For a herder.
    #[must_use]
    pub fn levels(self: &Arc<Self>) -> Levels {
        let loggers = Arc::clone(self);
        Arc::new(move |logger, level| _ = loggers.set(logger, level))
    }
}

pub(super) async fn list(State(rest): State<Rest>) -> Response {
    Json(rest.loggers.set.lock().clone()).into_response()
}

pub(super) async fn one(State(rest): State<Rest>, Path(logger): Path<String>) -> Result<Response, ApiError> {
    let level = rest.loggers.set.lock().get(&logger).cloned();
    let level = level.ok_or_else(|| ApiError::not_found(format!("Logger {logger} not found.")))?;
    Ok(Json(level).into_response())
}

#[derive(Deserialize)]
pub(super) struct Scope {
    scope: Option<String>,
}

pub(super) async fn set(
    State(rest): State<Rest>,
    Path(logger): Path<String>,
    Query(Scope { scope }): Query<Scope>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let missing = || ApiError::bad_request("Desired 'level' parameter was not specified in request.");
    let level = body::level(&body)?.ok_or_else(missing)?;
    if !LEVELS.contains(&level.to_ascii_uppercase().as_str()) {
        return Err(ApiError::not_found(format!("invalid log level '{level}'.")));
    }
    if scope.is_some_and(|scope| scope.eq_ignore_ascii_case("cluster")) {
        rest.herder.set_cluster_level(&logger, &level).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let is_news = rest.loggers.set(&logger, &level);
    Ok(Json(is_news.then_some(logger).as_slice()).into_response())
}
