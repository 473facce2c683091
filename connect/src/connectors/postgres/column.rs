//! What a column takes, and how a value becomes its text.

use std::borrow::Cow;
use std::fmt::Write;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta};

use super::copy::{NULL, escape};
use crate::data::{Logical, Schema, Type, Value};

/// Why text with such is refused.
pub(super) const NO_ZERO_BYTES: &str = "PostgreSQL keeps no zero bytes in text";
const DAY_MS: i64 = 86_400_000;

/// A column of a table, as the table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) kind: ColumnKind,
    /// Whether a null is refused.
    pub(super) is_required: bool,
    /// Whether what the server takes for equal is written alike: 1.0 and 1.00 are one number, and `a` and `A` may be one text.
    pub(super) is_exact: bool,
}

/// The types of which that is so.
const EXACT: [&str; 11] =
    ["bool", "int2", "int4", "int8", "text", "varchar", "bytea", "date", "time", "timestamp", "timestamptz"];

/// Whether that is so of a type in `pg_type`.
pub(super) fn is_exact(type_name: &str) -> bool {
    EXACT.contains(&type_name)
}

/// What the text of a column must be, as far as it is looked at before the server does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnKind {
    Boolean,
    /// Bits.
    Integer(u32),
    /// Bits.
    Float(u32),
    Numeric,
    Text,
    Bytes,
    Date,
    Time,
    /// With a zone.
    ZonedTime,
    Timestamp,
    Json,
    Jsonb,
    /// Of whatever type.
    Array,
    /// The server knows.
    Other,
}

impl ColumnKind {
    /// By its name in `pg_type`.
    pub(super) fn of(type_name: &str) -> Self {
        match type_name {
            "bool" => Self::Boolean,
            "int2" => Self::Integer(16),
            "int4" => Self::Integer(32),
            "int8" => Self::Integer(64),
            "float4" => Self::Float(32),
            "float8" => Self::Float(64),
            "numeric" => Self::Numeric,
            "text" | "varchar" | "bpchar" | "citext" => Self::Text,
            "bytea" => Self::Bytes,
            "date" => Self::Date,
            "time" => Self::Time,
            "timetz" => Self::ZonedTime,
            "timestamp" | "timestamptz" => Self::Timestamp,
            "json" => Self::Json,
            "jsonb" => Self::Jsonb,
            // So the server names the array that it makes for each type.
            name if name.starts_with('_') => Self::Array,
            _ => Self::Other,
        }
    }

    /// The type of a column that is made for a value; `None` for a null of which nothing is known.
    pub(super) fn sql_for(schema: Option<&Schema>, value: &Value) -> Option<&'static str> {
        if let Some(schema) = schema {
            return Some(sql_for_schema(schema));
        }
        Some(match value {
            Value::Null => return None,
            Value::Boolean(_) => "boolean",
            Value::Int8(_) | Value::Int16(_) | Value::Int32(_) | Value::Int64(_) => "bigint",
            Value::Float32(_) | Value::Float64(_) => "double precision",
            Value::String(_) => "text",
            Value::Bytes(_) => "bytea",
            Value::Array(_) | Value::Map(_) | Value::Struct(_) => "jsonb",
            Value::Decimal(_) => "numeric",
            Value::Date(_) => "date",
            Value::Time(_) => "time",
            Value::Timestamp(_) => "timestamptz",
        })
    }

    /// Appends the text of a value, as `COPY` takes it.
    ///
    /// # Errors
    /// What the value is and what the column takes.
    pub(super) fn write(self, value: &Value, out: &mut Vec<u8>) -> Result<(), String> {
        let text = match (self, value) {
            (_, Value::Null) => {
                out.extend_from_slice(NULL);
                return Ok(());
            }
            (Self::Text | Self::Array | Self::Other, Value::String(text)) => return write_text(text, out),
            (Self::Array, Value::Array(elements)) => {
                let mut text = String::new();
                array(elements, &mut text).ok_or_else(|| self.refusal(value))?;
                text
            }
            (Self::Bytes, Value::Bytes(bytes)) => hex(bytes),
            (Self::Boolean, value) => boolean(value).ok_or_else(|| self.refusal(value))?.to_string(),
            (Self::Integer(bits), value) => {
                let number = integer(value, bits).ok_or_else(|| self.refusal(value))?;
                return write_plain(format_args!("{number}"), out);
            }
            (Self::Float(_), value) => {
                let number = float(value).ok_or_else(|| self.refusal(value))?;
                return write_plain(format_args!("{number}"), out);
            }
            (Self::Numeric, value) => number(value).ok_or_else(|| self.refusal(value))?,
            (Self::Date, value) => date(value).ok_or_else(|| self.refusal(value))?,
            (Self::Time | Self::ZonedTime, value) => time(value).ok_or_else(|| self.refusal(value))?,
            (Self::Timestamp, value) => timestamp(value).ok_or_else(|| self.refusal(value))?,
            (Self::Json | Self::Jsonb, value) => json(value).into_owned(),
            (Self::Bytes, value) => hex(plain(value).ok_or_else(|| self.refusal(value))?.as_bytes()),
            (Self::Array, value) => return Err(self.refusal(value)),
            (Self::Text | Self::Other, value) => {
                plain(value).ok_or_else(|| self.refusal(value))?.into_owned()
            }
        };
        write_text(&text, out)
    }

    /// What it takes and what it got.
    pub(super) fn refusal(self, value: &Value) -> String {
        let takes = match self {
            Self::Boolean => "true or false",
            Self::Integer(16) => "whole numbers of 16 bits",
            Self::Integer(32) => "whole numbers of 32 bits",
            Self::Integer(_) => "whole numbers of 64 bits",
            Self::Float(_) | Self::Numeric => "numbers",
            Self::Date => "dates, or days since 1970",
            Self::Time | Self::ZonedTime => "times, or milliseconds of a day",
            Self::Timestamp => "times, or milliseconds since 1970",
            Self::Array => "arrays, or their text as {1,2}",
            Self::Text | Self::Bytes | Self::Json | Self::Jsonb | Self::Other => "text",
        };
        format!("it takes {takes} and got {}", value.kind_name())
    }
}

fn sql_for_schema(schema: &Schema) -> &'static str {
    match schema.logical() {
        Some(Logical::Decimal) => return "numeric",
        Some(Logical::Date) => return "date",
        Some(Logical::Time) => return "time",
        Some(Logical::Timestamp) => return "timestamptz",
        None => {}
    }
    match schema.kind() {
        Type::Boolean => "boolean",
        Type::Int8 | Type::Int16 => "smallint",
        Type::Int32 => "integer",
        Type::Int64 => "bigint",
        Type::Float32 => "real",
        Type::Float64 => "double precision",
        Type::String => "text",
        Type::Bytes => "bytea",
        Type::Array | Type::Map | Type::Struct => "jsonb",
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) -> Result<(), String> {
    escape(text, out).then_some(()).ok_or_else(|| NO_ZERO_BYTES.to_owned())
}

/// Text in which nothing is to be escaped.
fn write_plain(text: std::fmt::Arguments<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    std::io::Write::write_fmt(out, text).map_err(|error| error.to_string())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("\\x");
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        other => match other.as_i64()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

pub(super) fn float(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A number that has so many bits at most.
pub(super) fn integer(value: &Value, bits: u32) -> Option<i64> {
    let number = match value {
        Value::Boolean(truth) => i64::from(*truth),
        Value::String(text) => text.trim().parse().ok()?,
        Value::Float32(_) | Value::Float64(_) => {
            let float = value.as_f64()?;
            // Beyond 2^53 a float is no count of anything.
            (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)?
        }
        Value::Decimal(decimal) => decimal.with_scale(0).ok()?.to_string().parse().ok()?,
        Value::Timestamp(ms) => *ms,
        other => other.as_i64()?,
    };
    let most = i64::MAX >> (64 - bits);
    (-most - 1..=most).contains(&number).then_some(number)
}

fn number(value: &Value) -> Option<String> {
    match value {
        Value::Decimal(decimal) => Some(decimal.to_string()),
        Value::String(text) => {
            let text = text.trim();
            text.parse::<f64>().is_ok().then(|| text.to_owned())
        }
        Value::Float32(_) | Value::Float64(_) => value.as_f64().map(|number| number.to_string()),
        other => other.as_i64().map(|number| number.to_string()),
    }
}

fn date(value: &Value) -> Option<String> {
    if let Value::String(text) = value {
        return Some(text.to_string());
    }
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    Some(epoch.checked_add_signed(TimeDelta::try_days(days(value)?)?)?.to_string())
}

/// Days since 1970, of what is no text.
pub(super) fn days(value: &Value) -> Option<i64> {
    match value {
        Value::Timestamp(ms) => Some(ms.div_euclid(DAY_MS)),
        other => other.as_i64(),
    }
}

fn time(value: &Value) -> Option<String> {
    if let Value::String(text) = value {
        return Some(text.to_string());
    }
    let ms = ms_of_day(value)?;
    Some(NaiveTime::from_num_seconds_from_midnight_opt(ms / 1_000, ms % 1_000 * 1_000_000)?.to_string())
}

/// Milliseconds since midnight, of what is no text.
pub(super) fn ms_of_day(value: &Value) -> Option<u32> {
    let ms = value.as_i64().filter(|ms| (0..DAY_MS).contains(ms))?;
    u32::try_from(ms).ok()
}

fn timestamp(value: &Value) -> Option<String> {
    if let Value::String(text) = value {
        return Some(text.to_string());
    }
    Some(DateTime::from_timestamp_millis(epoch_ms(value)?)?.format("%Y-%m-%d %H:%M:%S%.3f+00").to_string())
}

/// Milliseconds since 1970, of what is no text.
pub(super) fn epoch_ms(value: &Value) -> Option<i64> {
    match value {
        Value::Date(days) => Some(i64::from(*days) * DAY_MS),
        other => other.as_i64(),
    }
}

/// The text of an array: what its elements mean the server knows, in quotes whatever they are.
fn array(elements: &[Value], out: &mut String) -> Option<()> {
    out.push('{');
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        match element {
            Value::Null => out.push_str("NULL"),
            Value::Array(inner) => array(inner, out)?,
            Value::Bytes(bytes) => quoted(&hex(bytes), out),
            other => quoted(&plain(other)?, out),
        }
    }
    out.push('}');
    Some(())
}

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

/// Text that is JSON is taken as such; other text becomes a JSON string.
pub(super) fn json(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() => {
            (&**text).into()
        }
        other => other.to_json().to_string().into(),
    }
}

/// What JSON has no number for, in the server's words.
fn beyond_numbers(value: &Value) -> Option<&'static str> {
    match value.as_f64()? {
        number if number.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// Whatever it is, as text.
pub(super) fn plain(value: &Value) -> Option<Cow<'_, str>> {
    Some(match value {
        Value::String(text) => (&**text).into(),
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.into(),
        Value::Decimal(decimal) => decimal.to_string().into(),
        Value::Date(_) => date(value)?.into(),
        Value::Time(_) => time(value)?.into(),
        Value::Timestamp(_) => timestamp(value)?.into(),
        other => match beyond_numbers(other) {
            Some(name) => name.into(),
            None => other.to_json().to_string().into(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Decimal;

    fn text(kind: &str, value: Value) -> Result<String, String> {
        let mut out = Vec::new();
        ColumnKind::of(kind).write(&value, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_value_becomes_what_its_column_takes() {
        for (kind, value, expected) in [
            ("bool", Value::Int64(1), "true"),
            ("int2", Value::string(" 7 "), "7"),
            ("int8", Value::Float64(5.0), "5"),
            ("float8", Value::Int32(2), "2"),
            ("numeric", Value::Decimal(Decimal::new(-150, 2)), "-1.50"),
            ("text", Value::Int64(5), "5"),
            ("text", Value::Float64(f64::NAN), "NaN"),
            ("varchar", Value::Float32(f32::NEG_INFINITY), "-Infinity"),
            ("text", Value::string("a\\b"), "a\\\\b"),
            ("bytea", Value::bytes(vec![0, 255]), "\\\\x00ff"),
            ("date", Value::Date(1), "1970-01-02"),
            ("time", Value::Time(3_600_001), "01:00:00.001"),
            ("timestamptz", Value::Int64(1_431_857_103_007), "2015-05-17 10:05:03.007+00"),
            ("jsonb", Value::string("{\"a\": 1}"), "{\"a\": 1}"),
            ("jsonb", Value::string("plain"), "\"plain\""),
            ("inet", Value::string("10.0.0.1"), "10.0.0.1"),
            ("_int4", Value::Array(vec![Value::Int32(1), Value::Null]), "{\"1\",NULL}"),
            ("_int4", Value::string("{1,2}"), "{1,2}"),
            ("_date", Value::Array(vec![Value::Date(1)]), "{\"1970-01-02\"}"),
            ("int4", Value::Null, "\\N"),
        ] {
            assert_eq!(text(kind, value.clone()).as_deref(), Ok(expected), "{kind} {value:?}");
        }
    }

    #[test]
    fn what_a_column_does_not_take_is_said() {
        for (kind, value) in [
            ("bool", Value::Int64(2)),
            ("int2", Value::Int64(32_768)),
            ("int4", Value::string("seven")),
            ("int8", Value::Float64(0.5)),
            ("numeric", Value::string("1,5")),
            ("timestamptz", Value::Boolean(true)),
            ("_int4", Value::Int64(1)),
        ] {
            assert!(text(kind, value.clone()).unwrap_err().contains("it takes"), "{kind} {value:?}");
        }
        assert!(text("text", Value::string("a\0")).is_err());
    }
}
