use super::super::ConvertError;
use super::{DecimalFormat, Writing};
use crate::data::{DataError, Decimal, Logical, Map, Schema, Struct, Type, Value, java_text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::Write as _;

/// Writes a value as Jackson does for Kafka: `JsonConverter.convertToJson`. Without a schema, days, times and decimals,
/// which Kafka refuses there, are written as with theirs.
pub(super) fn write(
    out: &mut Vec<u8>,
    schema: Option<&Schema>,
    value: &Value,
    how: Writing,
) -> Result<(), ConvertError> {
    let Some(schema) = schema else { return schemaless(out, value, how) };
    if value.is_null() {
        return match schema.default_value() {
            Some(default) if how.defaults => write(out, Some(schema), default, how),
            _ if schema.is_optional() => {
                out.extend_from_slice(b"null");
                Ok(())
            }
            _ => Err(DataError::Null { field: "the value".into(), of: schema.kind() }.into()),
        };
    }
    match (schema.logical(), schema.kind(), value) {
        (Some(Logical::Decimal), _, Value::Decimal(value)) => decimal(out, value, Some(schema), how)?,
        (Some(Logical::Date), _, Value::Date(_))
        | (Some(Logical::Time), _, Value::Time(_))
        | (Some(Logical::Timestamp), _, Value::Timestamp(_))
        | (None, Type::Boolean, Value::Boolean(_))
        | (None, Type::Int8, Value::Int8(_))
        | (None, Type::Int16, Value::Int16(_))
        | (None, Type::Int32, Value::Int32(_))
        | (None, Type::Int64, Value::Int64(_))
        | (None, Type::Float32, Value::Float32(_))
        | (None, Type::Float64, Value::Float64(_))
        | (None, Type::String, Value::String(_))
        | (None, Type::Bytes, Value::Bytes(_)) => scalar(out, value),
        (None, Type::Array, Value::Array(items)) => {
            array(out, items, schema.value_schema().map(|of| &**of), how)?
        }
        (None, Type::Map, Value::Map(entries)) => map(out, entries, schema, how)?,
        (None, Type::Struct, Value::Struct(fields)) if **fields.schema() == *schema => {
            structure(out, fields, how)?
        }
        (None, Type::Struct, Value::Struct(_)) => {
            return Err(DataError::StructSchema("the value".into()).into());
        }
        _ => return Err(ConvertError::Type { expected: schema.kind().name(), found: value.kind_name() }),
    }
    Ok(())
}

/// Data without a schema can be as deep as its reader lets it: one small frame a level, and no other function on the way.
fn schemaless(out: &mut Vec<u8>, value: &Value, how: Writing) -> Result<(), ConvertError> {
    match value {
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                schemaless(out, item, how)?;
                out.push(b',');
            }
            close(out, b']');
        }
        Value::Map(entries) => {
            let object = entries.iter().all(|(key, _)| key.as_str().is_some());
            out.push(if object { b'{' } else { b'[' });
            for (key, value) in entries.iter() {
                if object {
                    name(out, key);
                } else {
                    out.push(b'[');
                    schemaless(out, key, how)?;
                    out.push(b',');
                }
                schemaless(out, value, how)?;
                out.extend_from_slice(if object { b"," } else { b"]," });
            }
            close(out, if object { b'}' } else { b']' });
        }
        Value::Struct(fields) => structure(out, fields, how)?,
        Value::Decimal(value) => decimal(out, value, None, how)?,
        value => scalar(out, value),
    }
    Ok(())
}

/// Ends an array or object; the comma behind its last item was one too many.
fn close(out: &mut Vec<u8>, end: u8) {
    match out.last_mut() {
        Some(last @ b',') => *last = end,
        _ => out.push(end),
    }
}

fn name(out: &mut Vec<u8>, key: &Value) {
    string(out, key.as_str().unwrap_or_default());
    out.push(b':');
}

fn scalar(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Float32(value) => float(out, &java_text::of_f32(*value), value.is_finite()),
        Value::Float64(value) => float(out, &java_text::of_f64(*value), value.is_finite()),
        Value::String(text) => string(out, text),
        Value::Bytes(bytes) => quoted(out, &STANDARD.encode(bytes)),
        integer => _ = write!(out, "{}", integer.as_i64().unwrap_or_default()),
    }
}

/// What JSON has no number for is a string.
fn float(out: &mut Vec<u8>, text: &str, finite: bool) {
    if finite { out.extend_from_slice(text.as_bytes()) } else { quoted(out, text) }
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn decimal(
    out: &mut Vec<u8>,
    value: &Decimal,
    schema: Option<&Schema>,
    how: Writing,
) -> Result<(), ConvertError> {
    if how.decimals == DecimalFormat::Numeric {
        _ = write!(out, "{value}");
        return Ok(());
    }
    if let Some(schema) = schema {
        let expected =
            schema.scale().ok_or_else(|| DataError::Convert("the decimal's schema has no scale".into()))?;
        if expected != value.scale() {
            return Err(DataError::Scale { expected, found: value.scale() }.into());
        }
    }
    quoted(out, &STANDARD.encode(value.to_bytes()));
    Ok(())
}

fn array(out: &mut Vec<u8>, items: &[Value], of: Option<&Schema>, how: Writing) -> Result<(), ConvertError> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, of, item, how)?;
    }
    out.push(b']');
    Ok(())
}

fn map(out: &mut Vec<u8>, map: &Map, schema: &Schema, how: Writing) -> Result<(), ConvertError> {
    let (keys, values) = (schema.key_schema().map(|of| &**of), schema.value_schema().map(|of| &**of));
    let object = keys.is_some_and(|keys| keys.kind() == Type::String);
    out.push(if object { b'{' } else { b'[' });
    for (key, value) in map.iter() {
        match key {
            key if !object => {
                out.push(b'[');
                write(out, keys, key, how)?;
                out.push(b',');
            }
            Value::String(_) => name(out, key),
            // The name of no name: only an optional string.
            Value::Null if keys.is_some_and(Schema::is_optional) => out.extend_from_slice(b"\"null\":"),
            key => return Err(ConvertError::Type { expected: "STRING", found: key.kind_name() }),
        }
        write(out, values, value, how)?;
        out.extend_from_slice(if object { b"," } else { b"]," });
    }
    close(out, if object { b'}' } else { b']' });
    Ok(())
}

fn structure(out: &mut Vec<u8>, value: &Struct, how: Writing) -> Result<(), ConvertError> {
    out.push(b'{');
    for (index, (field, value)) in value.schema().fields().zip(value.values()).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        string(out, &field.name);
        out.push(b':');
        write(out, Some(&field.schema), value, how)?;
    }
    out.push(b'}');
    Ok(())
}

/// Escaped as Jackson does: quotes, backslashes, control characters, and what takes two units of UTF-16, these in capital
/// hexadecimals.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        // The first byte of four.
        if byte >= 0xf0 {
            out.extend_from_slice(&bytes[from..at]);
            from = at + 4;
            let mut units = [0; 2];
            if let Some(c) = text[at..].chars().next() {
                c.encode_utf16(&mut units);
            }
            _ = write!(out, "\\u{:04X}\\u{:04X}", units[0], units[1]);
            continue;
        }
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            control => _ = write!(out, "\\u{control:04X}"),
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}
