//! What Jackson makes of a body, where it matters to clients.

use super::error::ApiError;
use crate::herder::{Config, TargetState};
use axum::body::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What `POST /connectors` asks for.
pub(super) struct Create {
    pub(super) name: String,
    pub(super) config: Config,
    /// As [`config`] has them.
    pub(super) nulls: Vec<String>,
    pub(super) initial: Option<TargetState>,
}

/// One of what `PATCH /connectors/{connector}/offsets` asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moved {
    pub(super) partition: Option<Map<String, Value>>,
    pub(super) offset: Option<Map<String, Value>>,
}

/// Kafka Connect answers what is no JSON, or another JSON, with an error of its own.
pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::internal(format!("The body cannot be read: {error}")))
}

/// Names and texts; numbers and truths are texts too. Nulls are none.
pub(super) fn texts(map: Map<String, Value>) -> Result<BTreeMap<String, Option<String>>, ApiError> {
    map.into_iter().map(|(name, value)| Ok((name.clone(), text(&name, value)?))).collect()
}

fn text(name: &str, value: Value) -> Result<Option<String>, ApiError> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        Value::Bool(_) | Value::Number(_) => Ok(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => Err(ApiError::internal(format!(
            "The value of {name} must be a text, a number, true, false or null"
        ))),
    }
}

/// The body is none, or null, where there has to be something.
pub(super) fn none() -> ApiError {
    ApiError::internal("The request has no body, or null: it must be a JSON object")
}

/// No body is as good as null.
fn object(body: &Bytes) -> Result<Option<Map<String, Value>>, ApiError> {
    if body.is_empty() { Ok(None) } else { parse(body) }
}

/// What `PATCH /connectors/{connector}/config` changes.
pub(super) fn patch(body: &Bytes) -> Result<Option<BTreeMap<String, Option<String>>>, ApiError> {
    object(body)?.map(texts).transpose()
}

/// A configuration, and the names that are null: one that is made or replaced may have none.
pub(super) fn config(body: &Bytes) -> Result<(Config, Vec<String>), ApiError> {
    Ok(without_nulls(texts(object(body)?.ok_or_else(none)?)?))
}

fn without_nulls(mut texts: BTreeMap<String, Option<String>>) -> (Config, Vec<String>) {
    let nulls = texts.extract_if(.., |_, value| value.is_none()).map(|(name, _)| name).collect();
    (texts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect(), nulls)
}

/// What `PUT /admin/loggers/{logger}` wants the level to be.
pub(super) fn level(body: &Bytes) -> Result<Option<String>, ApiError> {
    Ok(texts(object(body)?.ok_or_else(none)?)?.remove("level").flatten())
}

pub(super) fn offsets(body: &Bytes) -> Result<Vec<Moved>, ApiError> {
    let mut asked = object(body)?.ok_or_else(none)?;
    let offsets = asked.remove("offsets").unwrap_or_default();
    if let Some(unknown) = asked.keys().next() {
        return Err(ApiError::internal(format!(
            "Unrecognized field \"{unknown}\": offsets are in \"offsets\""
        )));
    }
    let offsets: Option<Vec<Moved>> = serde_json::from_value(offsets).map_err(|error| {
        ApiError::internal(format!(
            "Offsets are a list of {{\"partition\": {{...}}, \"offset\": {{...}} or null}}: {error}"
        ))
    })?;
    Ok(offsets.unwrap_or_default())
}

pub(super) fn create(body: &Bytes) -> Result<Create, ApiError> {
    let mut create = object(body)?.ok_or_else(none)?;
    let name = text("name", create.remove("name").unwrap_or_default())?.unwrap_or_default();
    // As Java's `trim`: what is no more than a blank goes, control characters too.
    let name = name.trim_matches(|letter| letter <= ' ').to_owned();
    let config = match create.remove("config") {
        Some(Value::Object(config)) => texts(config)?,
        _ => return Err(ApiError::internal("The body has no \"config\", an object of names and values")),
    };
    let initial = match text("initial_state", create.remove("initial_state").unwrap_or_default())? {
        None => None,
        Some(state) => Some(target(&state)?),
    };
    if let Some(unknown) = create.keys().next() {
        let message = format!(
            "Unrecognized field \"{unknown}\": a connector has \"name\", \"config\" and \"initial_state\""
        );
        return Err(ApiError::internal(message));
    }
    let (config, nulls) = without_nulls(config);
    Ok(Create { name, config, nulls, initial })
}

fn target(state: &str) -> Result<TargetState, ApiError> {
    let none = || ApiError::internal(format!("initial_state {state} is none of RUNNING, PAUSED and STOPPED"));
    TargetState::from_name(state).ok_or_else(none)
}
