use super::{Struct, Value, java_text};
use chrono::DateTime;
use std::fmt::Write as _;

impl Value {
    /// As Java's `toString` writes it: what `StringConverter` and `Cast` make of it.
    pub fn to_java_string(&self) -> String {
        let mut text = String::new();
        append(&mut text, self);
        text
    }
}

fn append(text: &mut String, value: &Value) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Boolean(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Float32(value) => text.push_str(&java_text::of_f32(*value)),
        Value::Float64(value) => text.push_str(&java_text::of_f64(*value)),
        Value::String(value) => text.push_str(value),
        // Java would write an address.
        Value::Bytes(bytes) => text.push_str(&String::from_utf8_lossy(bytes)),
        Value::Array(values) => {
            text.push('[');
            joined(text, values, ", ", append);
            text.push(']');
        }
        Value::Map(map) => {
            text.push('{');
            joined(text, map.iter(), ", ", |text, (key, value)| {
                append(text, key);
                text.push('=');
                append(text, value);
            });
            text.push('}');
        }
        Value::Struct(value) => of_struct(text, value),
        Value::Decimal(value) => _ = write!(text, "{value}"),
        Value::Date(days) => of_date(text, i64::from(*days) * 86_400_000),
        Value::Time(ms) => of_date(text, (*ms).into()),
        Value::Timestamp(ms) => of_date(text, *ms),
        integer => _ = write!(text, "{}", integer.as_i64().unwrap_or_default()),
    }
}

fn of_struct(text: &mut String, value: &Struct) {
    text.push_str("Struct{");
    let filled = value.schema().fields().zip(value.values()).filter(|(_, value)| !value.is_null());
    joined(text, filled, ",", |text, (field, value)| {
        text.push_str(&field.name);
        text.push('=');
        append(text, value);
    });
    text.push('}');
}

/// `java.util.Date.toString`, in UTC.
fn of_date(text: &mut String, ms: i64) {
    if let Some(time) = DateTime::from_timestamp_millis(ms) {
        _ = write!(text, "{}", time.format("%a %b %d %H:%M:%S UTC %Y"));
    }
}

fn joined<T>(
    text: &mut String,
    items: impl IntoIterator<Item = T>,
    separator: &str,
    mut one: impl FnMut(&mut String, T),
) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push_str(separator);
        }
        one(text, item);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Map;
    use super::*;

    #[test]
    fn values_are_written_as_java_does() {
        let list = Value::Array(vec![Value::from(1), Value::Null, Value::from(2.0)]);
        assert_eq!(list.to_java_string(), "[1, null, 2.0]");
        assert_eq!(Value::from(Map::from([("a", 1), ("b", 2)])).to_java_string(), "{a=1, b=2}");
        assert_eq!(Value::Timestamp(0).to_java_string(), "Thu Jan 01 00:00:00 UTC 1970");
    }
}
