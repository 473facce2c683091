//! What an index is told about the fields of its documents, where their schema is known.

use serde_json::{Map, Value, json};

use crate::data::{Logical, Schema, Type};

/// Texts longer than this are found by their words alone (characters).
const KEYWORD_MAX: u32 = 256;

/// The mapping of documents of a schema. `None`: it is no struct's, so the server sees for itself.
pub(super) fn mapping(schema: &Schema, compact_maps: bool) -> Option<Value> {
    (schema.kind() == Type::Struct).then(|| properties(schema, compact_maps))
}

fn properties(schema: &Schema, compact_maps: bool) -> Value {
    let fields = schema.fields();
    let named = fields.map(|field| (field.name.to_string(), field_of(&field.schema, compact_maps)));
    json!({ "properties": named.collect::<Map<_, _>>() })
}

fn field_of(schema: &Schema, compact_maps: bool) -> Value {
    if let Some(logical) = schema.logical() {
        return match logical {
            Logical::Decimal => json!({"type": "double"}),
            Logical::Date | Logical::Timestamp => json!({"type": "date"}),
            Logical::Time => json!({"type": "integer"}),
        };
    }
    let plain = |kind: &str| json!({ "type": kind });
    match schema.kind() {
        Type::Int8 => plain("byte"),
        Type::Int16 => plain("short"),
        Type::Int32 => plain("integer"),
        Type::Int64 => plain("long"),
        Type::Float32 => plain("float"),
        Type::Float64 => plain("double"),
        Type::Boolean => plain("boolean"),
        Type::Bytes => plain("binary"),
        Type::String => {
            json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": KEYWORD_MAX}}})
        }
        // A list of something is mapped as the thing.
        Type::Array => schema.value_schema().map_or_else(|| json!({}), |of| field_of(of, compact_maps)),
        Type::Struct => properties(schema, compact_maps),
        Type::Map => match (schema.key_schema(), schema.value_schema()) {
            (Some(keys), Some(_)) if compact_maps && keys.kind() == Type::String => plain("object"),
            (Some(keys), Some(values)) => json!({"properties": {
                "key": field_of(keys, compact_maps), "value": field_of(values, compact_maps),
            }}),
            _ => plain("object"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_mapped_by_their_types() {
        let inner = Schema::structure().field("n", Schema::int64()).build().unwrap();
        let schema = Schema::structure()
            .field("text", Schema::string())
            .field("price", Schema::decimal(2).build().unwrap())
            .field("at", Schema::timestamp().build().unwrap())
            .field("list", Schema::array(Schema::float32()).build().unwrap())
            .field("inner", inner)
            .field("map", Schema::map(Schema::string(), Schema::int8()).build().unwrap())
            .field("pairs", Schema::map(Schema::int8(), Schema::boolean()).build().unwrap())
            .build()
            .unwrap();
        assert_eq!(
            mapping(&schema, true),
            Some(json!({"properties": {
                "text": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}},
                "price": {"type": "double"},
                "at": {"type": "date"},
                "list": {"type": "float"},
                "inner": {"properties": {"n": {"type": "long"}}},
                "map": {"type": "object"},
                "pairs": {"properties": {"key": {"type": "byte"}, "value": {"type": "boolean"}}},
            }}))
        );
        assert_eq!(mapping(&Schema::string(), true), None);
    }
}
