use super::{Map, Value};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

impl Value {
    /// As JSON without a schema: what Kafka's `JsonConverter` writes with `schemas.enable=false` and
    /// `decimal.format=numeric`. Bytes are Base64, days and milliseconds numbers, a map with other keys than strings a
    /// list of pairs; floats that JSON does not have are the strings `NaN`, `Infinity` and `-Infinity`.
    pub fn to_json(&self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Boolean(value) => Json::Bool(*value),
            Value::Float32(value) => float(f64::from(*value), &value.to_string()),
            Value::Float64(value) => float(*value, &value.to_string()),
            Value::String(text) => Json::String(text.to_string()),
            Value::Bytes(bytes) => Json::String(STANDARD.encode(bytes)),
            Value::Array(values) => Json::Array(values.iter().map(Value::to_json).collect()),
            Value::Map(map) => of_map(map),
            Value::Struct(value) => Json::Object(
                value.iter().map(|(field, value)| (field.name.to_string(), value.to_json())).collect(),
            ),
            Value::Decimal(value) => match value.to_string().parse::<serde_json::Number>() {
                Ok(number) => Json::Number(number),
                Err(_) => Json::String(value.to_string()),
            },
            integer => integer.as_i64().map_or(Json::Null, Json::from),
        }
    }
}

/// By its shortest text, so that a float of 32 bits does not grow digits.
fn float(value: f64, text: &str) -> Json {
    if value.is_nan() {
        return Json::from("NaN");
    }
    if value.is_infinite() {
        return Json::from(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    text.parse::<f64>().map_or(Json::Null, Json::from)
}

fn of_map(map: &Map) -> Json {
    if map.iter().all(|(key, _)| key.as_str().is_some()) {
        let named = map.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value.to_json())));
        return Json::Object(named.collect());
    }
    Json::Array(map.iter().map(|(key, value)| Json::Array(vec![key.to_json(), value.to_json()])).collect())
}

/// Schemaless data of JSON: integers of 64 bits are [`Value::Int64`], other numbers [`Value::Float64`].
impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Boolean(value),
            Json::Number(number) => match number.as_i64() {
                Some(value) => Value::Int64(value),
                None => number.as_f64().into(),
            },
            Json::String(text) => text.into(),
            Json::Array(values) => Value::Array(values.into_iter().map(Value::from).collect()),
            Json::Object(fields) => Value::Map(fields.into_iter().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_comes_and_goes() {
        let json = json!({"a": [1, 2.5, null, true], "b": {"c": "text"}, "d": -7});
        assert_eq!(Value::from(json.clone()).to_json(), json);
        assert_eq!(
            Value::from(json!(18_446_744_073_709_551_615_u64)),
            Value::Float64(18_446_744_073_709_551_615.0)
        );
    }

    #[test]
    fn what_json_does_not_have_is_written_as_kafka_does() {
        assert_eq!(Value::bytes(vec![0, 255]).to_json(), json!("AP8="));
        assert_eq!(Value::Float32(0.1).to_json(), json!(0.1));
        assert_eq!(Value::Float64(f64::NEG_INFINITY).to_json(), json!("-Infinity"));
        assert_eq!(Value::from(Map::new().with(1, 2)).to_json(), json!([[1, 2]]));
        assert_eq!(Value::Timestamp(5).to_json(), json!(5));
    }
}
