//! What ours says to a case.

use super::codec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use millstream_connect::data::SchemaAndValue;
use millstream_connect::{Record, converters, data, predicates, transforms};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Why there is no other answer, in the oracle's words.
enum No {
    Config,
    Error,
}

pub(super) fn to(case: &Json) -> Json {
    answer(case).unwrap_or_else(|no| match no {
        No::Config => json!({"config": null}),
        No::Error => json!({"error": null}),
    })
}

fn answer(case: &Json) -> Result<Json, No> {
    let options: BTreeMap<String, String> = case["options"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    let text = |name: &str| case[name].as_str();
    if let Some(text) = text("values") {
        return Ok(codec::of_data(&data::parse(text)));
    }
    if let Some(pattern) = text("format") {
        return format(pattern, case["ms"].as_i64().unwrap());
    }
    if let Some(pattern) = text("parse") {
        return parse(pattern, text("text").unwrap());
    }
    if let Some(name) = text("read") {
        let converter = converters::converter(name, &options).map_err(|_| No::Config)?;
        let bytes = text("bytes").map(|bytes| Bytes::from(STANDARD.decode(bytes).unwrap()));
        let read = converter.read("t", bytes.as_ref()).map_err(|_| No::Error)?;
        return Ok(if case["brief"] == true { json!("read") } else { codec::of_data(&read) });
    }
    if let Some(name) = text("write") {
        let converter = converters::converter(name, &options).map_err(|_| No::Config)?;
        let data = codec::data(&case["data"]);
        let written = converter.write("t", &data).map_err(|_| No::Error)?;
        return Ok(json!(written.map(|bytes| STANDARD.encode(bytes))));
    }
    if let Some(name) = text("predicate") {
        let predicate = predicates::predicate(name, &options).map_err(|_| No::Config)?;
        return Ok(json!(predicate.test(&codec::record(&case["record"]))));
    }
    let transform = transforms::transform(text("transform").unwrap(), &options).map_err(|_| No::Config)?;
    let changed = transform.apply(codec::record(&case["record"])).map_err(|_| No::Error)?;
    Ok(changed.map_or_else(|| json!("dropped"), |record| codec::of_record(&record)))
}

fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// A pattern is seen through the transforms that take one.
fn format(pattern: &str, ms: i64) -> Result<Json, No> {
    let options = options(&[("topic.format", "${timestamp}"), ("timestamp.format", pattern)]);
    let router = transforms::transform("timestamp-router", &options).map_err(|_| No::Config)?;
    let record = Record::new("t".into(), SchemaAndValue::NULL).at(ms);
    let routed = router.apply(record).map_err(|_| No::Error)?.unwrap();
    Ok(json!(*routed.topic))
}

fn parse(pattern: &str, text: &str) -> Result<Json, No> {
    let options = options(&[("target.type", "unix"), ("format", pattern)]);
    let converter = transforms::transform("timestamp-converter", &options).map_err(|_| No::Config)?;
    let record = Record::new("t".into(), SchemaAndValue::schemaless(text));
    Ok(match converter.apply(record) {
        Ok(record) => json!(record.unwrap().value.value.as_i64().unwrap().to_string()),
        Err(_) => Json::Null,
    })
}
