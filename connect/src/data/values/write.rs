use super::temporal::text_of_ms;
use crate::data::{Value, java_text};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;

/// A value as text that [`parse`](super::parse) reads again: `Values.convertToString`.
pub(crate) fn text(value: &Value) -> String {
    let mut text = String::new();
    append(&mut text, value, false);
    text
}

fn append(text: &mut String, value: &Value, embedded: bool) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Boolean(value) => _ = write!(text, "{value}"),
        Value::Float32(value) => text.push_str(&java_text::of_f32(*value)),
        Value::Float64(value) => text.push_str(&java_text::of_f64(*value)),
        Value::String(value) if embedded => quoted(text, &value.replace('\\', "\\\\").replace('"', "\\\"")),
        Value::String(value) => text.push_str(value),
        Value::Bytes(bytes) if embedded => quoted(text, &STANDARD.encode(bytes)),
        Value::Bytes(bytes) => text.push_str(&STANDARD.encode(bytes)),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                comma(text, index);
                append(text, item, true);
            }
            text.push(']');
        }
        Value::Map(map) => {
            text.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                comma(text, index);
                append(text, key, true);
                text.push(':');
                append(text, value, true);
            }
            text.push('}');
        }
        Value::Struct(value) => {
            text.push('{');
            for (index, (field, value)) in value.iter().enumerate() {
                comma(text, index);
                append(text, &Value::String(field.name.clone()), true);
                text.push(':');
                append(text, value, true);
            }
            text.push('}');
        }
        Value::Decimal(value) => _ = write!(text, "{value}"),
        Value::Date(days) => text.push_str(&text_of_ms(i64::from(*days) * 86_400_000)),
        Value::Time(ms) => text.push_str(&text_of_ms((*ms).into())),
        Value::Timestamp(ms) => text.push_str(&text_of_ms(*ms)),
        integer => _ = write!(text, "{}", integer.as_i64().unwrap_or_default()),
    }
}

fn quoted(text: &mut String, inner: &str) {
    text.push('"');
    text.push_str(inner);
    text.push('"');
}

fn comma(text: &mut String, index: usize) {
    if index > 0 {
        text.push(',');
    }
}
