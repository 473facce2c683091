use super::error::ApiError;
use super::{HEALTH_TIMEOUT, Rest};
use crate::herder::HerderError;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use millstream_exposition::{CONTENT_TYPE as METRICS_TYPE, process};
use serde_json::{Value, json};

pub(super) async fn info(State(rest): State<Rest>) -> Json<Value> {
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "commit": "millstream",
        "kafka_cluster_id": rest.herder.cluster_id(),
    }))
}

/// What the tasks of this worker have done, for Prometheus and for `millstream connect top`. Not in Kafka Connect.
pub(super) async fn metrics(State(rest): State<Rest>) -> Result<Response, ApiError> {
    let page = rest.page.as_ref().ok_or_else(ApiError::no_such_path)?;
    Ok(([(CONTENT_TYPE, METRICS_TYPE)], page() + &process()).into_response())
}

/// KIP-1017; 503 also of a worker that is cut off from its cluster, which Kafka Connect answers with 500 after its time limit.
pub(super) async fn health(State(rest): State<Rest>) -> Result<Response, ApiError> {
    let (code, status, message) = match tokio::time::timeout(HEALTH_TIMEOUT, rest.herder.health()).await {
        Ok(Ok(())) => (
            StatusCode::OK,
            "healthy",
            "Worker has completed startup and is ready to handle requests.".to_owned(),
        ),
        Ok(Err(HerderError::Unavailable(why))) => (StatusCode::SERVICE_UNAVAILABLE, "unhealthy", why),
        Ok(Err(error)) => return Err(error.into()),
        Err(_) if !rest.herder.ready() => {
            (StatusCode::SERVICE_UNAVAILABLE, "starting", "Worker is still starting up.".to_owned())
        }
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "unhealthy",
            "Worker was unable to handle this request and may be unable to handle other requests.".to_owned(),
        ),
    };
    Ok((code, Json(json!({"status": status, "message": message}))).into_response())
}
