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
    /// Records of a body: a byte or two can be one, which takes a hundred times as much in memory.
    pub(super) records_max: usize,
}

/// Why a body is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is not what it should be.
    Malformed(String),
    /// It has more records than are taken at once.
    TooMany,
}

impl Reading {
    /// The records of a body, or what is wrong with it.
    pub(super) fn records(&self, body: &[u8]) -> Result<Vec<Record>, Unread> {
        match self.format {
            BodyFormat::Json => {
                let json: Json =
                    serde_json::from_slice(body).map_err(|error| Unread::Malformed(error.to_string()))?;
                self.check_count(json.as_array().map_or(1, Vec::len))?;
                Ok(self.items(json))
            }
            BodyFormat::Ndjson => self.lines(body),
            BodyFormat::Text => {
                let no_text = |_| Unread::Malformed("the body is no UTF-8".to_owned());
                let text = std::str::from_utf8(body).map_err(no_text)?;
                Ok(vec![Record::new(self.topic.clone(), SchemaAndValue::string(text))])
            }
        }
    }

    fn check_count(&self, records: usize) -> Result<(), Unread> {
        if records > self.records_max { Err(Unread::TooMany) } else { Ok(()) }
    }

    fn lines(&self, body: &[u8]) -> Result<Vec<Record>, Unread> {
        let lines = body.split(|&byte| byte == b'\n').enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        let record = |(at, line): (usize, &[u8])| {
            let wrong = |error| Unread::Malformed(format!("line {}: {error}", at + 1));
            Ok(self.record(serde_json::from_slice(line).map_err(wrong)?))
        };
        self.check_count(lines.clone().take(self.records_max.saturating_add(1)).count())?;
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

    fn read(format: BodyFormat, body: &str) -> Result<Vec<(Json, Json)>, Unread> {
        let reading = Reading { topic: "t".into(), format, key: Some("/id".to_owned()), records_max: 2 };
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
        let wrong = read(BodyFormat::Ndjson, "1\n{").unwrap_err();
        assert!(matches!(wrong, Unread::Malformed(why) if why.starts_with("line 2")));
        assert_eq!(read(BodyFormat::Json, "[0,0,0]"), Err(Unread::TooMany));
        assert_eq!(read(BodyFormat::Ndjson, "0\n\n0\n0"), Err(Unread::TooMany));
        assert_eq!(read(BodyFormat::Ndjson, "0\n\n0\n").unwrap().len(), 2);
        let reading = Reading { topic: "t".into(), format: BodyFormat::Text, key: None, records_max: 1 };
        assert!(reading.records(&[0xff]).is_err());
    }
}
