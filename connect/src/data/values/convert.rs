use crate::data::{Decimal, Logical, Schema, Type, Value};

/// Java's `longValue` of a number, or of a text that is one: what does not fit loses its high bits, floats saturate.
pub(crate) fn to_i64(value: &Value) -> Option<i64> {
    match value {
        #[expect(clippy::cast_possible_truncation, reason = "as Java casts")]
        Value::Float32(value) => Some(*value as i64),
        #[expect(clippy::cast_possible_truncation, reason = "as Java casts")]
        Value::Float64(value) => Some(*value as i64),
        Value::Decimal(value) => Some(value.to_i64_wrapping()),
        Value::String(text) => text.parse::<Decimal>().ok().map(|value| value.to_i64_wrapping()),
        other => other.as_i64(),
    }
}

/// Java's `doubleValue` of a number, or of a text that is one.
pub(crate) fn to_f64(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.parse::<Decimal>().ok().map(|value| value.to_f64()),
        other => other.as_f64(),
    }
}

/// An element as the schema that all of them share has it: `Values.convertTo`.
#[expect(clippy::cast_possible_truncation, reason = "as Java casts")]
pub(super) fn aligned(schema: &Schema, value: Value) -> Option<Value> {
    if value.is_null() {
        return schema.is_optional().then_some(Value::Null);
    }
    Some(match (schema.logical(), schema.kind(), value) {
        (Some(Logical::Decimal), _, value @ Value::Decimal(_)) => value,
        (Some(Logical::Date), _, value @ Value::Date(_))
        | (Some(Logical::Time), _, value @ Value::Time(_))
        | (Some(Logical::Timestamp), _, value @ Value::Timestamp(_)) => value,
        (Some(_), ..) => return None,
        (None, Type::Int8, value) => Value::Int8(to_i64(&value)? as i8),
        (None, Type::Int16, value) => Value::Int16(to_i64(&value)? as i16),
        (None, Type::Int32, value) => Value::Int32(to_i64(&value)? as i32),
        (None, Type::Int64, value) => Value::Int64(to_i64(&value)?),
        (None, Type::Float32, value) => Value::Float32(to_f64(&value)? as f32),
        (None, Type::Float64, value) => Value::Float64(to_f64(&value)?),
        (None, _, value) => value,
    })
}
