//! The JSON of a document, written straight from a record's value.

use std::io::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chrono::{Days, NaiveDate};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

use crate::data::{Map, Value};

/// How documents are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct DocumentStyle {
    /// Whether maps with text keys are objects.
    pub(super) compact_maps: bool,
}

/// What a document begins with where its data stream wants one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stamp<'a> {
    /// Milliseconds since 1970.
    Time(i64),
    /// A field of the document.
    Field(&'a Value),
}

/// The name under which data streams look for the time.
const TIMESTAMP: &str = "@timestamp";

impl DocumentStyle {
    /// Appends the document of a value on one line, or says why it is none; `out` may then end in half of one.
    pub(super) fn write(
        self,
        value: &Value,
        stamp: Option<Stamp<'_>>,
        out: &mut Vec<u8>,
    ) -> Result<(), String> {
        let text = match value {
            Value::String(text) => text.as_bytes(),
            Value::Bytes(bytes) => bytes,
            Value::Map(_) | Value::Struct(_) => {
                self.object(value, stamp, out);
                return Ok(());
            }
            other => return Err(format!("{} is no document: it needs to be an object", other.kind_name())),
        };
        self.text(text, stamp, out)
    }

    /// Text that is JSON already is sent as it is, if it is one object on one line.
    fn text(self, text: &[u8], stamp: Option<Stamp<'_>>, out: &mut Vec<u8>) -> Result<(), String> {
        let is_object = text.trim_ascii_start().first() == Some(&b'{');
        let wrong = |error: serde_json::Error| format!("the text is no JSON object: {error}");
        if !is_object {
            return Err("the text is no JSON object".to_owned());
        }
        if stamp.is_none() && !text.contains(&b'\n') {
            serde_json::from_slice::<serde::de::IgnoredAny>(text).map_err(wrong)?;
            out.extend_from_slice(text);
            return Ok(());
        }
        let parsed: serde_json::Value = serde_json::from_slice(text).map_err(wrong)?;
        self.object(&Value::from(parsed), stamp, out);
        Ok(())
    }

    fn object(self, value: &Value, stamp: Option<Stamp<'_>>, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        if let Some(stamp) = stamp {
            member(out, &mut first, TIMESTAMP);
            match stamp {
                Stamp::Time(ms) => self.value(&Value::Int64(ms), out),
                Stamp::Field(value) => self.value(value, out),
            }
        }
        for (name, value) in value.fields().filter(|(name, _)| stamp.is_none() || *name != TIMESTAMP) {
            member(out, &mut first, name);
            self.value(value, out);
        }
        out.push(b'}');
    }

    fn value(self, value: &Value, out: &mut Vec<u8>) {
        // Writing into memory does not fail.
        let _ = match value {
            Value::Null => write!(out, "null"),
            Value::Boolean(value) => write!(out, "{value}"),
            Value::Float32(value) if value.is_finite() => CompactFormatter.write_f32(out, *value),
            Value::Float64(value) if value.is_finite() => CompactFormatter.write_f64(out, *value),
            Value::Float32(value) => return no_number(f64::from(*value), out),
            Value::Float64(value) => return no_number(*value, out),
            Value::Decimal(value) => write!(out, "{value}"),
            Value::String(text) => return string(text, out),
            Value::Bytes(bytes) => return string(&BASE64_STANDARD.encode(bytes), out),
            Value::Date(days) => return string(&date(*days), out),
            Value::Struct(_) => return self.object(value, None, out),
            Value::Map(map) if self.compact_maps && has_names(map) => return self.object(value, None, out),
            Value::Map(map) => return self.pairs(map, out),
            Value::Array(values) => return self.array(values, out),
            integer => write!(out, "{}", integer.as_i64().unwrap_or_default()),
        };
    }

    fn array(self, values: &[Value], out: &mut Vec<u8>) {
        for (at, value) in values.iter().enumerate() {
            out.push(if at == 0 { b'[' } else { b',' });
            self.value(value, out);
        }
        out.extend_from_slice(if values.is_empty() { b"[]" } else { b"]" });
    }

    fn pairs(self, map: &Map, out: &mut Vec<u8>) {
        for (at, (key, value)) in map.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"[{\"key\":" } else { b",{\"key\":" });
            self.value(key, out);
            out.extend_from_slice(b",\"value\":");
            self.value(value, out);
            out.push(b'}');
        }
        out.extend_from_slice(if map.is_empty() { b"[]" } else { b"]" });
    }
}

fn has_names(map: &Map) -> bool {
    map.iter().all(|(key, _)| key.as_str().is_some())
}

fn member(out: &mut Vec<u8>, first: &mut bool, name: &str) {
    if !std::mem::take(first) {
        out.push(b',');
    }
    string(name, out);
    out.push(b':');
}

/// What JSON has no number for is written as the name that Kafka's converter gives it; the server says what it thinks of it.
fn no_number(value: f64, out: &mut Vec<u8>) {
    let name = match value {
        f64::INFINITY => "Infinity",
        f64::NEG_INFINITY => "-Infinity",
        _ => "NaN",
    };
    string(name, out);
}

/// Days since 1970 as a date that every mapping of dates reads; a number would be taken for milliseconds.
fn date(days: i32) -> String {
    let beginning = NaiveDate::default();
    let by = Days::new(days.unsigned_abs().into());
    let date = if days < 0 { beginning.checked_sub_days(by) } else { beginning.checked_add_days(by) };
    date.map_or_else(|| days.to_string(), |date| date.to_string())
}

/// A text in quotes.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text, out);
    out.push(b'"');
}

/// What stands between the quotes of a text.
pub(super) fn escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut clean_from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape = match byte {
            b'"' => CharEscape::Quote,
            b'\\' => CharEscape::ReverseSolidus,
            b'\n' => CharEscape::LineFeed,
            b'\t' => CharEscape::Tab,
            b'\r' => CharEscape::CarriageReturn,
            0..0x20 => CharEscape::AsciiControl(byte),
            _ => continue,
        };
        out.extend_from_slice(&bytes[clean_from..at]);
        clean_from = at + 1;
        // Writing into memory does not fail.
        let _ = CompactFormatter.write_char_escape(out, escape);
    }
    out.extend_from_slice(&bytes[clean_from..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::data::Schema;
    use crate::data::Struct;

    const COMPACT: DocumentStyle = DocumentStyle { compact_maps: true };

    fn written(style: DocumentStyle, value: &Value, stamp: Option<Stamp<'_>>) -> Result<String, String> {
        let mut out = Vec::new();
        style.write(value, stamp, &mut out)?;
        assert!(!out.contains(&b'\n'), "a document is a line");
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn data_becomes_json_as_the_server_reads_it() {
        let value = Value::from(
            Map::new()
                .with("text", "a \"b\"\n\\\u{1}ü")
                .with("float", Value::Float32(0.1))
                .with("nan", Value::Float64(f64::NAN))
                .with("price", Value::Decimal("12.50".parse().unwrap()))
                .with("day", Value::Date(20_779))
                .with("before", Value::Date(-1))
                .with("at", Value::Timestamp(1_795_348_800_000))
                .with("bytes", Value::bytes(vec![0, 255]))
                .with("list", Value::Array(vec![Value::Int8(1), Value::Null, Value::Boolean(true)]))
                .with("empty", Value::Array(Vec::new()))
                .with("numbers", Map::new().with(1, "one")),
        );
        assert_eq!(
            serde_json::from_str::<Json>(&written(COMPACT, &value, None).unwrap()).unwrap(),
            json!({
                "text": "a \"b\"\n\\\u{1}ü", "float": 0.1, "nan": "NaN", "price": 12.5, "day": "2026-11-22",
                "before": "1969-12-31", "at": 1_795_348_800_000_i64, "bytes": "AP8=", "list": [1, null, true],
                "empty": [], "numbers": [{"key": 1, "value": "one"}],
            })
        );
    }

    /// The server makes a field of whole numbers of what looks like one.
    #[test]
    fn a_float_looks_like_one() {
        let floats = [Value::Float64(1.0), Value::Float32(0.1), Value::Float64(1e300), Value::Float64(-0.5)];
        let value = Value::from(Map::new().with("f", Value::Array(floats.to_vec())));
        assert_eq!(written(COMPACT, &value, None).unwrap(), r#"{"f":[1.0,0.1,1e+300,-0.5]}"#);
    }

    #[test]
    fn maps_are_objects_or_pairs_and_structs_are_objects() {
        let map = Value::from(Map::new().with("m", Map::new().with("k", 1)));
        assert_eq!(written(COMPACT, &map, None).unwrap(), r#"{"m":{"k":1}}"#);
        let pairs = DocumentStyle { compact_maps: false };
        assert_eq!(written(pairs, &map, None).unwrap(), r#"{"m":[{"key":"k","value":1}]}"#);
        let schema = Schema::structure().field("a", Schema::int64()).build().unwrap();
        let structure = Value::Struct(Struct::new(schema).unwrap().with("a", 7_i64).unwrap());
        assert_eq!(written(pairs, &structure, None).unwrap(), r#"{"a":7}"#);
    }

    #[test]
    fn text_that_is_an_object_is_sent_as_it_is() {
        assert_eq!(written(COMPACT, &Value::string(r#" {"a": 1.50}"#), None).unwrap(), r#" {"a": 1.50}"#);
        assert_eq!(written(COMPACT, &Value::bytes(&b"{\n\"a\":1}"[..]), None).unwrap(), r#"{"a":1}"#);
        for text in ["7", "[1]", "", "{\"a\":}", "{} {}", "text"] {
            assert!(written(COMPACT, &Value::string(text), None).is_err(), "{text}");
        }
        for value in [Value::Int64(1), Value::Null, Value::Array(vec![])] {
            assert!(written(COMPACT, &value, None).is_err(), "{value:?}");
        }
    }

    #[test]
    fn a_stamp_takes_the_place_of_the_documents_own() {
        let value = Value::from(Map::new().with("@timestamp", 1).with("a", 2));
        let stamped = written(COMPACT, &value, Some(Stamp::Time(9)));
        assert_eq!(stamped.unwrap(), r#"{"@timestamp":9,"a":2}"#);
        let stamped =
            written(COMPACT, &Value::string(r#"{"a":2}"#), Some(Stamp::Field(&Value::string("now"))));
        assert_eq!(stamped.unwrap(), r#"{"@timestamp":"now","a":2}"#);
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_by_an_independent_reader(text in "\\PC*|[\\x00-\\x7f]*") {
            let mut out = Vec::new();
            string(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
