//! Connect's data as `tests/oracle/Codec.java` writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use millstream_connect::data::{Logical, Map, Schema, SchemaAndValue, Struct, Type, Value};
use millstream_connect::{Origin, Record, TimestampType};
use serde_json::{Value as Json, json};
use std::sync::Arc;

pub(super) fn of_data(data: &SchemaAndValue) -> Json {
    let mut json = json!({});
    if let Some(schema) = &data.schema {
        json["schema"] = of_schema(schema);
    }
    if !data.value.is_null() {
        json["value"] = of_value(&data.value);
    }
    json
}

fn of_schema(schema: &Schema) -> Json {
    let mut json = json!({"type": schema.kind().name()});
    if schema.is_optional() {
        json["optional"] = true.into();
    }
    if let Some(name) = schema.name() {
        json["name"] = name.into();
    }
    if let Some(version) = schema.version() {
        json["version"] = version.into();
    }
    if let Some(doc) = schema.doc() {
        json["doc"] = doc.into();
    }
    if !schema.parameters().is_empty() {
        json["parameters"] = schema.parameters().iter().map(|(name, value)| json!([name, value])).collect();
    }
    if schema.kind() == Type::Struct {
        json["fields"] =
            schema.fields().map(|field| json!([*field.name, of_schema(&field.schema)])).collect();
    }
    if let Some(keys) = schema.key_schema() {
        json["keys"] = of_schema(keys);
    }
    if let Some(values) = schema.value_schema() {
        json["values"] = of_schema(values);
    }
    if let Some(default) = schema.default_value() {
        json["default"] = of_value(default);
    }
    json
}

fn of_value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Boolean(value) => json!(["bool", value]),
        Value::Int8(value) => json!(["i8", value]),
        Value::Int16(value) => json!(["i16", value]),
        Value::Int32(value) => json!(["i32", value]),
        Value::Int64(value) => json!(["i64", value.to_string()]),
        Value::Float32(value) if value.is_nan() => json!(["f32", "7fc00000"]),
        Value::Float32(value) => json!(["f32", format!("{:x}", value.to_bits())]),
        Value::Float64(value) if value.is_nan() => json!(["f64", "7ff8000000000000"]),
        Value::Float64(value) => json!(["f64", format!("{:x}", value.to_bits())]),
        Value::String(text) => json!(["string", **text]),
        Value::Bytes(bytes) => json!(["bytes", STANDARD.encode(bytes)]),
        Value::Array(items) => json!(["array", items.iter().map(of_value).collect::<Vec<_>>()]),
        Value::Map(map) => {
            let entries: Vec<_> =
                map.iter().map(|(key, value)| json!([of_value(key), of_value(value)])).collect();
            json!(["map", entries])
        }
        Value::Struct(value) => {
            let values: Vec<_> = value.values().iter().map(of_value).collect();
            json!(["struct", of_schema(value.schema()), values])
        }
        Value::Decimal(value) => json!(["decimal", value.to_string()]),
        Value::Date(days) => json!(["date", (i64::from(*days) * 86_400_000).to_string()]),
        Value::Time(ms) => json!(["date", ms.to_string()]),
        Value::Timestamp(ms) => json!(["date", ms.to_string()]),
    }
}

pub(super) fn of_record(record: &Record) -> Json {
    let mut json =
        json!({"topic": *record.topic, "key": of_data(&record.key), "value": of_data(&record.value)});
    if let Some(partition) = record.partition {
        json["partition"] = partition.into();
    }
    if let Some(timestamp) = record.timestamp {
        json["timestamp"] = timestamp.to_string().into();
    }
    json["headers"] = record.headers.iter().map(|(name, data)| json!([name, of_data(data)])).collect();
    json
}

/// Why there is no answer, without the names of Java's exceptions; the entries of maps in one order: which one Java's have is an accident.
pub(super) fn plain(json: Json) -> Json {
    match json {
        Json::Array(items) => {
            let is_map = items.first() == Some(&json!("map")) && items.len() == 2;
            let mut items: Vec<_> = items.into_iter().map(plain).collect();
            if let (true, Some(Json::Array(entries))) = (is_map, items.get_mut(1)) {
                entries.sort_by_key(ToString::to_string);
            }
            Json::Array(items)
        }
        Json::Object(fields) if fields.contains_key("config") => json!({"config": null}),
        Json::Object(fields) if fields.contains_key("error") => json!({"error": null}),
        Json::Object(fields) => {
            Json::Object(fields.into_iter().map(|(name, json)| (name, plain(json))).collect())
        }
        scalar => scalar,
    }
}

pub(super) fn data(json: &Json) -> SchemaAndValue {
    let schema = json.get("schema").map(schema);
    let value = json.get("value").map_or(Value::Null, |json| value(json, schema.as_deref()));
    SchemaAndValue { schema, value }
}

fn schema(json: &Json) -> Arc<Schema> {
    let text = |name: &str| json[name].as_str();
    let types = [
        Type::Int8,
        Type::Int16,
        Type::Int32,
        Type::Int64,
        Type::Float32,
        Type::Float64,
        Type::Boolean,
        Type::String,
        Type::Bytes,
        Type::Array,
        Type::Map,
        Type::Struct,
    ];
    let kind = types.into_iter().find(|kind| text("type") == Some(kind.name())).unwrap();
    let mut builder = match kind {
        Type::Array => Schema::array(schema(&json["values"])),
        Type::Map => Schema::map(schema(&json["keys"]), schema(&json["values"])),
        kind => Schema::builder(kind),
    };
    builder = builder.optional_if(json["optional"] == true);
    if let Some(name) = text("name") {
        builder = builder.name(name);
    }
    if let Some(version) = json["version"].as_i64() {
        builder = builder.version(version.try_into().unwrap());
    }
    if let Some(doc) = text("doc") {
        builder = builder.doc(doc);
    }
    for one in json["parameters"].as_array().into_iter().flatten() {
        builder = builder.parameter(one[0].as_str().unwrap(), one[1].as_str().unwrap());
    }
    for field in json["fields"].as_array().into_iter().flatten() {
        builder = builder.field(field[0].as_str().unwrap(), schema(&field[1]));
    }
    if let Some(default) = json.get("default") {
        let bare = builder.clone().build().unwrap();
        builder = builder.default_value(value(default, Some(&bare)));
    }
    builder.build().unwrap()
}

#[expect(clippy::cast_possible_truncation, reason = "the oracle wrote them of these widths")]
fn value(json: &Json, of: Option<&Schema>) -> Value {
    let it = &json[1];
    let text = || it.as_str().unwrap();
    let int = || it.as_i64().unwrap();
    let inner = |of: Option<&Arc<Schema>>, json: &Json| value(json, of.map(|of| &**of));
    match json[0].as_str() {
        None => Value::Null,
        Some("bool") => Value::Boolean(*it == true),
        Some("i8") => Value::Int8(int() as i8),
        Some("i16") => Value::Int16(int() as i16),
        Some("i32") => Value::Int32(int() as i32),
        Some("i64") => Value::Int64(text().parse().unwrap()),
        Some("f32") => Value::Float32(f32::from_bits(u32::from_str_radix(text(), 16).unwrap())),
        Some("f64") => Value::Float64(f64::from_bits(u64::from_str_radix(text(), 16).unwrap())),
        Some("string") => Value::from(text()),
        Some("bytes") => Value::bytes(STANDARD.decode(text()).unwrap()),
        Some("decimal") => Value::Decimal(text().parse().unwrap()),
        Some("date") => {
            let ms: i64 = text().parse().unwrap();
            match of.and_then(Schema::logical) {
                Some(Logical::Date) => Value::Date(ms.div_euclid(86_400_000) as i32),
                Some(Logical::Time) => Value::Time(ms as i32),
                _ => Value::Timestamp(ms),
            }
        }
        Some("array") => {
            let of = of.and_then(Schema::value_schema);
            Value::Array(it.as_array().unwrap().iter().map(|item| inner(of, item)).collect())
        }
        Some("map") => {
            let (keys, values) = (of.and_then(Schema::key_schema), of.and_then(Schema::value_schema));
            let entries = it.as_array().unwrap().iter();
            Value::Map(
                entries.map(|entry| (inner(keys, &entry[0]), inner(values, &entry[1]))).collect::<Map>(),
            )
        }
        Some(_) => {
            let schema = schema(it);
            let values = schema.fields().zip(json[2].as_array().unwrap());
            let values = values.map(|(field, json)| value(json, Some(&field.schema))).collect();
            Struct::of(Arc::clone(&schema), values).unwrap().into()
        }
    }
}

pub(super) fn record(json: &Json) -> Record {
    let topic: Arc<str> = json["topic"].as_str().unwrap().into();
    let partition = json["partition"].as_i64().map(|partition| partition.try_into().unwrap());
    let half = |name: &str| json.get(name).map_or(SchemaAndValue::NULL, data);
    let headers = json["headers"].as_array().into_iter().flatten();
    Record {
        topic: Arc::clone(&topic),
        partition,
        key: half("key"),
        value: half("value"),
        timestamp: json["timestamp"].as_str().map(|ms| ms.parse().unwrap()),
        headers: headers.map(|header| (header[0].as_str().unwrap().to_owned(), data(&header[1]))).collect(),
        origin: json["offset"].as_i64().map(|offset| Origin {
            topic,
            partition: partition.unwrap_or(0),
            offset,
            timestamp_type: TimestampType::CreateTime,
        }),
    }
}
