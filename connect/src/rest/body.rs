//! What Jackson makes of a body, where it matters to clients.

use super::error::ApiError;
use crate::herder::{Config, TargetState};
use axum::body::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What `POST /connectors` asks for.
pub(super) struct Create {
    pub(super) name: String,
    pub(super) config: Config,
    pub(super) initial: Option<TargetState>,
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

/// A configuration without what is null.
pub(super) fn config(body: &Bytes) -> Result<Config, ApiError> {
    Ok(texts(parse(body)?)?.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
}

pub(super) fn create(body: &Bytes) -> Result<Create, ApiError> {
    let mut create: Map<String, Value> = parse(body)?;
    let name = text("name", create.remove("name").unwrap_or_default())?.unwrap_or_default().trim().to_owned();
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
    let config = config.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    Ok(Create { name, config, initial })
}

fn target(state: &str) -> Result<TargetState, ApiError> {
    let none = || ApiError::internal(format!("initial_state {state} is none of RUNNING, PAUSED and STOPPED"));
    TargetState::from_name(state).ok_or_else(none)
}
