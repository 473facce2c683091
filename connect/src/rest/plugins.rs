use super::Rest;
use super::body::config as config_of;
use super::error::ApiError;
use super::validate::key_infos;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde_json::Value;
use std::collections::HashMap;

pub(super) async fn list(
    State(rest): State<Rest>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    let only = query.get("connectorsOnly").is_none_or(|only| only.eq_ignore_ascii_case("true"));
    let plugins = rest.catalog.plugins().into_iter().filter(|plugin| !only || plugin.is_connector());
    let plugins = plugins.map(|plugin| serde_json::to_value(plugin).unwrap_or_default());
    Ok(Json(plugins.collect()))
}

pub(super) async fn config(
    State(rest): State<Rest>,
    Path(plugin): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let definitions = rest.catalog.definitions(&plugin);
    let unknown = || ApiError::not_found(format!("Unknown plugin {plugin}."));
    Ok(Json(Value::Array(key_infos(&definitions.ok_or_else(unknown)?))))
}

pub(super) async fn validate(
    State(rest): State<Rest>,
    Path(plugin): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let (config, nulls) = config_of(&body)?;
    let Some(class) = config.get("connector.class") else {
        return Err(ApiError::internal("Connector config contains no connector type"));
    };
    if !short(class).ends_with(short(&plugin)) {
        let message = format!("Included connector type {class} does not match request type {plugin}");
        return Err(ApiError::bad_request(message));
    }
    if rest.catalog.connector(class).is_none() {
        return Err(ApiError::internal(rest.catalog.no_such_class(class)));
    }
    // What was read of a connector, and is about to be written back.
    let before = match config.get("name") {
        Some(name) => rest.herder.info(name).await.ok(),
        None => None,
    };
    let unmasked = rest.catalog.unmasked(config.clone(), before.as_ref().map(|info| &info.config));
    Ok(Json(rest.catalog.validated(class, &unmasked, &nulls)))
}

/// Without `Connector` at its end.
fn short(class: &str) -> &str {
    class.strip_suffix("Connector").filter(|short| !short.is_empty()).unwrap_or(class)
}
