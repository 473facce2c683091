//! The records in a body.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::Record;
use crate::data::{SchemaAndValue, Value};
use crate::options::Choice;

/// What a body is.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    /// JSON: a record, or a list of them.
    Json,
    /// A line of JSON for each record.
    Ndjson,
    /// Text: a record, as it is.
    Text,
}

/// How records are made of what a body holds.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) topic: Arc<str>,
    pub(super) format: BodyFormat,
    /// Where in a record its key is.
    pub(super) key: Option<String>,
}

impl Reading {
    /// The records of a body, or what is wrong with it.
    pub(super) fn records(&self, body: &[u8]) -> Result<Vec<Record>, String> {
        match self.format {
            BodyFormat::Json => {
                Ok(self.items(serde_json::from_slice(body).map_err(|error| error.to_string())?))
            }
            BodyFormat::Ndjson => self.lines(body),
            BodyFormat::Text => {
                let text = std::str::from_utf8(body).map_err(|_| "the body is no UTF-8".to_owned())?;
                Ok(vec![Record::new(self.topic.clone(), SchemaAndValue::string(text))])
            }
        }
    }

    fn lines(&self, body: &[u8]) -> Result<Vec<Record>, String> {
        let lines = body.split(|&byte| byte == b'\n').enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        let record = |(at, line): (usize, &[u8])| {
            let json = serde_json::from_slice(line).map_err(|error| format!("line {}: {error}", at + 1))?;
            Ok(self.record(json))
        };
        lines.map(record).collect()
    }

    /// The records of JSON: one, or a list's.
    pub(super) fn items(&self, json: Json) -> Vec<Record> {
        match json {
            Json::Array(items) => items.into_iter().map(|item| self.record(item)).collect(),
            one => vec![self.record(one)],
        }
    }

    fn record(&self, json: Json) -> Record {
        let key = self.key.as_ref().and_then(|pointer| json.pointer(pointer)).cloned();
        let record = Record::new(self.topic.clone(), SchemaAndValue::schemaless(Value::from(json)));
        match key {
            Some(key) if !key.is_null() => record.key(SchemaAndValue::schemaless(Value::from(key))),
            _ => record,
        }
    }
}

/// What is wrong with a JSON pointer (RFC 6901).
pub(super) fn pointer(pointer: &str) -> Result<(), String> {
    if pointer.is_empty() || pointer.starts_with('/') {
        Ok(())
    } else {
        Err("a JSON pointer begins with /, as /data/items".to_owned())
    }
}

/// The same for one that may be left out.
pub(super) fn optional_pointer(given: &Option<String>) -> Result<(), String> {
    given.as_deref().map_or(Ok(()), pointer)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(format: BodyFormat, body: &str) -> Result<Vec<(Json, Json)>, String> {
        let reading = Reading { topic: "t".into(), format, key: Some("/id".to_owned()) };
        let records = reading.records(body.as_bytes())?;
        Ok(records.iter().map(|record| (record.key.value.to_json(), record.value.value.to_json())).collect())
    }

    #[test]
    fn a_body_is_records_by_its_format() {
        let (one, two) = ((json!(1), json!({"id": 1})), (json!(null), json!("x")));
        assert_eq!(read(BodyFormat::Json, r#"{"id":1}"#).unwrap(), std::slice::from_ref(&one));
        assert_eq!(read(BodyFormat::Json, r#"[{"id":1}, "x"]"#).unwrap(), [one.clone(), two.clone()]);
        assert_eq!(read(BodyFormat::Json, "[]").unwrap(), []);
        assert_eq!(read(BodyFormat::Ndjson, "{\"id\":1}\r\n\n\"x\"").unwrap(), [one, two]);
        assert_eq!(read(BodyFormat::Text, "a\nb").unwrap(), [(json!(null), json!("a\nb"))]);
        assert!(read(BodyFormat::Json, "{").is_err());
        assert!(read(BodyFormat::Ndjson, "1\n{").unwrap_err().starts_with("line 2"));
        let reading = Reading { topic: "t".into(), format: BodyFormat::Text, key: None };
        assert!(reading.records(&[0xff]).is_err());
    }
}
