use super::super::TransformError;
use crate::data::values::{text_of_ms, to_i64};
use crate::data::{Schema, Type, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A value as another type, as Java casts: numbers lose their high bits, floats their fraction; texts are parsed.
pub(super) fn cast(schema: Option<&Schema>, value: Value, to: Type) -> Result<Value, TransformError> {
    if value.is_null() {
        return Ok(value);
    }
    let kind = schema.map(Schema::kind);
    let structured = matches!(value, Value::Array(_) | Value::Map(_) | Value::Struct(_));
    if structured || kind.is_some_and(|kind| !kind.is_primitive()) {
        return Err(TransformError::Value(format!("{} cannot be cast: flatten it first", value.kind_name())));
    }
    if to == Type::String {
        return Ok(text(&value).into());
    }
    let cast = match &value {
        Value::String(text) => parsed(text, to),
        Value::Boolean(value) => integer(i64::from(*value), to),
        Value::Bytes(_) => None,
        number => numeric(number, to),
    };
    cast.ok_or_else(|| TransformError::Value(format!("{} that is no {to}", value.kind_name())))
}

fn text(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => STANDARD.encode(bytes),
        Value::Date(days) => text_of_ms(i64::from(*days) * 86_400_000),
        Value::Time(ms) => text_of_ms((*ms).into()),
        Value::Timestamp(ms) => text_of_ms(*ms),
        other => other.to_java_string(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "as Java casts")]
fn numeric(value: &Value, to: Type) -> Option<Value> {
    Some(match (value, to) {
        // A float goes to the narrow ones by way of 32 bits.
        (Value::Float32(_) | Value::Float64(_), Type::Int8) => Value::Int8(value.as_f64()? as i32 as i8),
        (Value::Float32(_) | Value::Float64(_), Type::Int16) => Value::Int16(value.as_f64()? as i32 as i16),
        (Value::Float32(_) | Value::Float64(_), Type::Int32) => Value::Int32(value.as_f64()? as i32),
        (Value::Float32(value), Type::Float32) => Value::Float32(*value),
        (Value::Decimal(value), Type::Float32) => Value::Float32(value.to_f32()),
        (Value::Float64(value), Type::Float32) => Value::Float32(*value as f32),
        (Value::Decimal(_) | Value::Float32(_) | Value::Float64(_), Type::Float64) => {
            Value::Float64(value.as_f64()?)
        }
        _ => return integer(to_i64(value)?, to),
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "as Java casts")]
fn integer(value: i64, to: Type) -> Option<Value> {
    Some(match to {
        Type::Int8 => Value::Int8(value as i8),
        Type::Int16 => Value::Int16(value as i16),
        Type::Int32 => Value::Int32(value as i32),
        Type::Int64 => Value::Int64(value),
        Type::Float32 => Value::Float32(value as f32),
        Type::Float64 => Value::Float64(value as f64),
        Type::Boolean => Value::Boolean(value != 0),
        _ => return None,
    })
}

fn parsed(text: &str, to: Type) -> Option<Value> {
    Some(match to {
        Type::Int8 => Value::Int8(text.parse().ok()?),
        Type::Int16 => Value::Int16(text.parse().ok()?),
        Type::Int32 => Value::Int32(text.parse().ok()?),
        Type::Int64 => Value::Int64(text.parse().ok()?),
        Type::Float32 => Value::Float32(float(text)?.parse().ok()?),
        Type::Float64 => Value::Float64(float(text)?.parse().ok()?),
        Type::Boolean => Value::Boolean(text.eq_ignore_ascii_case("true")),
        _ => return None,
    })
}

/// The text of a float as Rust reads it, of one as Java does: blanks around it, and an `f` or `d` behind.
fn float(text: &str) -> Option<&str> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let unsigned = text.trim_start_matches(['+', '-']);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return Some(text);
    }
    let digits = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
    digits.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)).then_some(digits)
}
