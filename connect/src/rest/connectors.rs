use super::Rest;
use super::body::{self, Create, Moved};
use super::error::ApiError;
use crate::herder::{
    Config, ConnectorInfo, ConnectorOffset, ConnectorOffsets, ConnectorType, Created, HerderError,
    RestartRequest, TargetState, TaskId,
};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{HOST, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

type Answer = Result<Response, ApiError>;

pub(super) fn routes() -> Router<Rest> {
    Router::new()
        .route("/connectors", get(list).post(create))
        .route("/connectors/{connector}", get(info).delete(delete))
        .route("/connectors/{connector}/config", get(config).put(put_config).patch(patch_config))
        .route("/connectors/{connector}/status", get(status))
        .route("/connectors/{connector}/tasks", get(tasks))
        .route("/connectors/{connector}/tasks/{task}/status", get(task_status))
        .route("/connectors/{connector}/tasks/{task}/restart", post(restart_task))
        .route("/connectors/{connector}/restart", post(restart))
        .route("/connectors/{connector}/pause", put(pause))
        .route("/connectors/{connector}/resume", put(resume))
        .route("/connectors/{connector}/stop", put(stop))
        .route("/connectors/{connector}/topics", get(topics))
        .route("/connectors/{connector}/topics/reset", put(reset_topics))
        .route("/connectors/{connector}/offsets", get(offsets).patch(alter_offsets).delete(reset_offsets))
}

/// What a query says, in order.
type Said = Query<Vec<(String, String)>>;

/// Every value of a name.
fn values<'a>(query: &'a Said, name: &str) -> Vec<&'a str> {
    query.iter().filter(|(key, _)| key == name).map(|(_, value)| &**value).collect()
}

fn is_true(query: &Said, name: &str) -> bool {
    values(query, name).first().is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

async fn list(State(rest): State<Rest>, query: Said) -> Answer {
    let names = rest.herder.connectors().await?;
    let expansions = values(&query, "expand");
    if expansions.is_empty() {
        return Ok(Json(names).into_response());
    }
    let mut all = Map::new();
    for name in names {
        match expanded(&rest, &name, &expansions).await {
            Ok(one) => all.insert(name, one),
            // It is gone meanwhile.
            Err(HerderError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
    }
    Ok(Json(all).into_response())
}

async fn expanded(rest: &Rest, name: &str, expansions: &[&str]) -> Result<Value, HerderError> {
    let mut one = Map::new();
    for expansion in expansions {
        let value = match *expansion {
            "status" => serde_json::to_value(rest.herder.status(name).await?),
            "info" => serde_json::to_value(shown(rest, rest.herder.info(name).await?)),
            _ => continue,
        };
        one.insert((*expansion).to_owned(), value.unwrap_or_default());
    }
    Ok(Value::Object(one))
}

fn shown(rest: &Rest, info: ConnectorInfo) -> ConnectorInfo {
    ConnectorInfo { config: rest.catalog.masked(&info.config), ..info }
}

async fn create(State(rest): State<Rest>, headers: HeaderMap, body: Bytes) -> Answer {
    let Create { name, config, nulls, initial } = body::create(&body)?;
    let config = named(&name, config)?;
    validate(&rest, &config, &nulls)?;
    let Created { result, .. } = rest.herder.put_config(&name, config, initial, false).await?;
    Ok(made(&rest, &headers, result))
}

/// The name is part of the configuration, and the same.
fn named(name: &str, mut config: Config) -> Result<Config, ApiError> {
    match config.get("name") {
        Some(other) if other != name => Err(ApiError::bad_request(format!(
            "Connector name configuration ({other}) doesn't match connector name in the URL ({name})"
        ))),
        Some(_) => Ok(config),
        None => {
            config.insert("name".to_owned(), name.to_owned());
            Ok(config)
        }
    }
}

fn validate(rest: &Rest, config: &Config, nulls: &[String]) -> Result<(), ApiError> {
    let Some(class) = config.get("connector.class") else {
        return Err(ApiError::bad_request("Connector config contains no connector type"));
    };
    if rest.catalog.connector(class).is_none() {
        return Err(ApiError::bad_request(rest.catalog.no_such_class(class)));
    }
    rest.catalog.refusal(config, nulls).map_or(Ok(()), |refusal| Err(ApiError::bad_request(refusal)))
}

fn made(rest: &Rest, headers: &HeaderMap, info: ConnectorInfo) -> Response {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name: String = info.name.bytes().map(percent_encoded).collect();
    let location = format!("http://{host}/connectors/{name}");
    (StatusCode::CREATED, [(LOCATION, location)], Json(shown(rest, info))).into_response()
}

fn percent_encoded(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    }
}

async fn info(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    let info = rest.herder.info(&name).await?;
    Ok(Json(shown(&rest, info)).into_response())
}

async fn config(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    let info = rest.herder.info(&name).await?;
    Ok(Json(rest.catalog.masked(&info.config)).into_response())
}

async fn put_config(
    State(rest): State<Rest>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let (config, nulls) = body::config(&body)?;
    let config = named(&name, config)?;
    let before = rest.herder.info(&name).await.ok();
    let config = rest.catalog.unmasked(config, before.as_ref().map(|info| &info.config));
    validate(&rest, &config, &nulls)?;
    match rest.herder.put_config(&name, config, None, true).await? {
        Created { created: true, result } => Ok(made(&rest, &headers, result)),
        Created { result, .. } => Ok(Json(shown(&rest, result)).into_response()),
    }
}

async fn patch_config(State(rest): State<Rest>, Path(name): Path<String>, body: Bytes) -> Answer {
    let patch = body::patch(&body)?;
    let before = rest.herder.info(&name).await?;
    let patch = patch.ok_or_else(body::none)?;
    let config = rest.herder.patched(&name, &patch).await?;
    let config = rest.catalog.unmasked(config, Some(&before.config));
    validate(&rest, &config, &[])?;
    let changed = rest.herder.put_config(&name, config, None, true).await?;
    Ok(Json(shown(&rest, changed.result)).into_response())
}

async fn delete(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    rest.herder.delete(&name).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn status(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    Ok(Json(rest.herder.status(&name).await?).into_response())
}

async fn tasks(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    let mut tasks = rest.herder.tasks(&name).await?;
    tasks.iter_mut().for_each(|task| task.config = rest.catalog.masked(&task.config));
    Ok(Json(tasks).into_response())
}

/// Tasks are numbers; nothing is found under anything else.
fn task(name: String, number: &str) -> Result<TaskId, ApiError> {
    number.parse().map(|number| TaskId::new(name, number)).map_err(|_| ApiError::no_such_path())
}

async fn task_status(State(rest): State<Rest>, Path((name, number)): Path<(String, String)>) -> Answer {
    Ok(Json(rest.herder.task_status(&task(name, &number)?).await?).into_response())
}

async fn restart_task(State(rest): State<Rest>, Path((name, number)): Path<(String, String)>) -> Answer {
    rest.herder.restart_task(&task(name, &number)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// KIP-745: without tasks and all, it is the old request, which answers nothing.
async fn restart(State(rest): State<Rest>, Path(connector): Path<String>, query: Said) -> Answer {
    let (only_failed, include_tasks) = (is_true(&query, "onlyFailed"), is_true(&query, "includeTasks"));
    let status = rest.herder.restart(RestartRequest { connector, only_failed, include_tasks }).await?;
    if !only_failed && !include_tasks {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}

async fn pause(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    rest.herder.set_target(&name, TargetState::Paused).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn resume(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    rest.herder.set_target(&name, TargetState::Started).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn stop(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    rest.herder.set_target(&name, TargetState::Stopped).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn is_tracked(rest: &Rest) -> Result<(), ApiError> {
    let disabled = || ApiError::new(StatusCode::FORBIDDEN, "Topic tracking is disabled.");
    rest.options.topic_tracking.then_some(()).ok_or_else(disabled)
}

async fn topics(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    is_tracked(&rest)?;
    let topics = rest.herder.topics(&name).await?;
    Ok(Json(json!({ name: topics })).into_response())
}

async fn reset_topics(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    is_tracked(&rest)?;
    if !rest.options.topic_tracking_reset {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "Topic tracking reset is disabled."));
    }
    rest.herder.reset_topics(&name).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

async fn offsets(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    Ok(Json(rest.herder.offsets(&name).await?).into_response())
}

async fn alter_offsets(State(rest): State<Rest>, Path(name): Path<String>, body: Bytes) -> Answer {
    let asked = body::offsets(&body)?;
    if asked.is_empty() {
        let why = "Partitions / offsets need to be provided for an alter offsets request";
        return Err(ApiError::bad_request(why));
    }
    let of_sink = rest.herder.info(&name).await?.kind == ConnectorType::Sink;
    let none = || match of_sink {
        true => ApiError::bad_request("The partition for a sink connector offset cannot be null or missing"),
        false => ApiError::internal("Partition objects cannot be null"),
    };
    let whole = |Moved { partition, offset }: Moved| {
        Ok::<_, ApiError>(ConnectorOffset { partition: partition.ok_or_else(none)?, offset })
    };
    let offsets = asked.into_iter().map(whole).collect::<Result<_, _>>()?;
    let message = rest.herder.alter_offsets(&name, ConnectorOffsets { offsets }).await?;
    Ok(Json(json!({ "message": message })).into_response())
}

async fn reset_offsets(State(rest): State<Rest>, Path(name): Path<String>) -> Answer {
    let message = rest.herder.reset_offsets(&name).await?;
    Ok(Json(json!({ "message": message })).into_response())
}
