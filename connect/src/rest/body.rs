//! What Jackson makes of a body, where it matters to clients.

use super::error::ApiError;
use crate::herder::{Config, TargetState};
use axum::body::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An object whose values are as they were written: Jackson makes a text of a number by its letters, and `1.50` is no 1.5.
type Object<'a> = BTreeMap<String, &'a RawValue>;

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
pub(super) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body)
        .map_err(|error| ApiError::internal(format!("The body cannot be read: {error}")))
}

/// Names and texts; numbers and truths are texts too, as they were written. Nulls are none.
fn texts(object: Object<'_>) -> Result<BTreeMap<String, Option<String>>, ApiError> {
    object.into_iter().map(|(name, value)| text(&name, value).map(|text| (name, text))).collect()
}

fn text(name: &str, value: &RawValue) -> Result<Option<String>, ApiError> {
    let written = value.get();
    match written.as_bytes().first() {
        Some(b'n') => Ok(None),
        Some(b'"') => parse(written.as_bytes()).map(Some),
        Some(b'[' | b'{') | None => Err(ApiError::internal(format!(
            "The value of {name} must be a text, a number, true, false or null"
        ))),
        Some(_) => Ok(Some(written.to_owned())),
    }
}

/// One that may be missing is null then.
fn taken(object: &mut Object<'_>, name: &str) -> Result<Option<String>, ApiError> {
    object.remove(name).map_or(Ok(None), |value| text(name, value))
}

/// The body is none, or null, where there has to be something.
pub(super) fn none() -> ApiError {
    ApiError::internal("The request has no body, or null: it must be a JSON object")
}

/// No body is as good as null.
fn object(body: &Bytes) -> Result<Option<Object<'_>>, ApiError> {
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
    let offsets = asked.remove("offsets").map_or("null", RawValue::get);
    if let Some(unknown) = asked.keys().next() {
        return Err(ApiError::internal(format!(
            "Unrecognized field \"{unknown}\": offsets are in \"offsets\""
        )));
    }
    let offsets: Option<Vec<Moved>> = serde_json::from_str(offsets).map_err(|error| {
        ApiError::internal(format!(
            "Offsets are a list of {{\"partition\": {{...}}, \"offset\": {{...}} or null}}: {error}"
        ))
    })?;
    Ok(offsets.unwrap_or_default())
}

pub(super) fn create(body: &Bytes) -> Result<Create, ApiError> {
    let mut create = object(body)?.ok_or_else(none)?;
    let name = taken(&mut create, "name")?.unwrap_or_default();
    // As Java's `trim`: what is no more than a blank goes, control characters too.
    let name = name.trim_matches(|letter| letter <= ' ').to_owned();
    let config = match create.remove("config") {
        Some(config) if config.get().starts_with('{') => texts(parse(config.get().as_bytes())?)?,
        _ => return Err(ApiError::internal("The body has no \"config\", an object of names and values")),
    };
    let initial = taken(&mut create, "initial_state")?.map(|state| target(&state)).transpose()?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Jackson's `getValueAsString`, by which Kafka Connect fills a `Map<String, String>`.
    #[test]
    fn a_value_is_the_text_that_was_written() {
        let written = "1.50 1e3 -0 0.10 12345678901234567890123 1E-7 true false";
        let options =
            written.split(' ').map(|text| format!("\"{text}\" : {text} ")).collect::<Vec<_>>().join(",");
        let object = Bytes::from(format!("{{{options}, \"none\": null, \"text\": \"a\\u00e9\"}}"));
        let (read, nulls) = config(&object).unwrap();
        let created =
            create(&Bytes::from([b"{\"name\": 1.50, \"config\":", &*object, b"}"].concat())).unwrap();
        let changed = patch(&object).unwrap().unwrap();
        for text in written.split(' ') {
            assert_eq!((&*read[text], &*created.config[text]), (text, text));
            assert_eq!(changed[text].as_deref(), Some(text));
        }
        assert_eq!((&*read["text"], nulls, &*created.name), ("a\u{e9}", vec!["none".to_owned()], "1.50"));
        for wrong in ["[1]", "{}", "01", "1.", "truth", "\"\\x\""] {
            assert!(config(&Bytes::from(format!("{{\"a\": {wrong}}}"))).is_err(), "{wrong}");
        }
    }
}
