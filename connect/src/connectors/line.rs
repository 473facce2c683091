//! Records as lines.

use std::io::Write;

use serde_json::{Map, Value as Json, json};

use crate::data::Value;
use crate::options::Choice;
use crate::record::Record;

/// What a line is.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text of the value.
    Lines,
    /// The value as JSON.
    Json,
    /// Everything that the record is, as JSON.
    Envelope,
}

/// Appends a record as a line, with its end.
pub(super) fn append(out: &mut Vec<u8>, record: &Record, format: Format) {
    match format {
        Format::Lines => text(out, &record.value.value),
        Format::Json => put(out, &record.value.value.to_json()),
        Format::Envelope => put(out, &envelope(record)),
    }
    out.push(b'\n');
}

/// The text of a value: strings and bytes are what they are, the rest is JSON.
fn text(out: &mut Vec<u8>, value: &Value) {
    match value.as_bytes() {
        Some(bytes) => out.extend_from_slice(bytes),
        None => put(out, &value.to_json()),
    }
}

fn put(out: &mut Vec<u8>, json: &Json) {
    // There is no end of memory that it would tell of, and no other way to fail.
    let _ = write!(out, "{json}");
}

/// Everything that a record is, as JSON.
pub(super) fn envelope(record: &Record) -> Json {
    let mut object = Map::new();
    object.insert("topic".to_owned(), json!(&*record.topic));
    if let Some(origin) = &record.origin {
        object.insert("partition".to_owned(), json!(origin.partition));
        object.insert("offset".to_owned(), json!(origin.offset));
    }
    object.insert("timestamp".to_owned(), json!(record.timestamp));
    object.insert("key".to_owned(), record.key.value.to_json());
    if !record.headers.is_empty() {
        let headers = record.headers.iter();
        let headers = headers.map(|(name, header)| json!([name, header.value.to_json()]));
        object.insert("headers".to_owned(), headers.collect());
    }
    object.insert("value".to_owned(), record.value.value.to_json());
    Json::Object(object)
}
