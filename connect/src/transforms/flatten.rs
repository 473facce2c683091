use super::kind::Configured;
use super::schema_cache::SchemaCache;
use super::target::{map_of, struct_of};
use super::{Target, Transform, TransformError};
use crate::data::{Map, Schema, SchemaAndValue, SchemaBuilder, Struct, Type, Value};
use crate::options::{Fault, Options};
use crate::record::Record;
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
pub(super) struct FlattenOptions {
    /// What stands between the names of a field and of the field it was in.
    #[option(default = ".")]
    delimiter: String,
}

/// Makes fields of fields to fields of the whole; arrays stay as they are.
#[derive(Debug)]
pub(super) struct Flatten {
    target: Target,
    delimiter: String,
    schemas: SchemaCache,
}

impl Configured for Flatten {
    type Options = FlattenOptions;

    fn new(options: FlattenOptions, target: Target) -> Result<Self, Fault> {
        Ok(Flatten { target, delimiter: options.delimiter, schemas: SchemaCache::default() })
    }
}

const WHAT: &str = "flattening";

/// Bytes of all the names that one record may get: names grow with the depth, so a small record could fill the memory.
const NAMES_BYTES_MAX: usize = 16 << 20;

/// How much of the names' bytes is left.
struct Room(usize);

impl Room {
    fn take(&mut self, name: &str) -> Result<(), TransformError> {
        let left = self.0.checked_sub(name.len());
        let why =
            || format!("the names of all fields have more than {} MiB once flattened", NAMES_BYTES_MAX >> 20);
        self.0 = left.ok_or_else(|| TransformError::Value(why()))?;
        Ok(())
    }
}

impl Transform for Flatten {
    fn apply(&self, record: Record) -> Result<Option<Record>, TransformError> {
        self.target.change(record, |data| match data {
            SchemaAndValue { value: Value::Null, .. } => Ok(data),
            SchemaAndValue { schema: None, value } => {
                let mut flat = Map::new();
                self.add_map(map_of(value, WHAT)?, "", &mut flat, &mut Room(NAMES_BYTES_MAX))?;
                Ok(SchemaAndValue::schemaless(flat))
            }
            SchemaAndValue { schema: Some(schema), value } => {
                let value = struct_of(value, WHAT)?;
                let updated = self.schemas.get_or_make(&schema, |schema| self.schema(schema))?;
                let mut flat = Struct::new(Arc::clone(&updated))?;
                self.add_struct(&value, "", &mut flat, &mut Room(NAMES_BYTES_MAX))?;
                Ok(SchemaAndValue::new(updated, flat))
            }
        })
    }
}

impl Flatten {
    fn name(&self, prefix: &str, name: &str) -> String {
        if prefix.is_empty() { name.to_owned() } else { format!("{prefix}{}{name}", self.delimiter) }
    }

    fn add_map(&self, map: Map, prefix: &str, flat: &mut Map, room: &mut Room) -> Result<(), TransformError> {
        for (key, value) in map {
            let Some(name) = key.as_str().map(|name| self.name(prefix, name)) else {
                return Err(TransformError::Form {
                    what: WHAT,
                    expected: "names that are strings",
                    found: key.kind_name(),
                });
            };
            room.take(&name)?;
            match value {
                Value::Map(inner) => self.add_map(inner, &name, flat, room)?,
                Value::Struct(_) => return Err(unsupported("a STRUCT without a schema", &name)),
                value => _ = flat.insert(name, value),
            }
        }
        Ok(())
    }

    fn add_struct(
        &self,
        value: &Struct,
        prefix: &str,
        flat: &mut Struct,
        room: &mut Room,
    ) -> Result<(), TransformError> {
        for (field, value) in value.iter() {
            let name = self.name(prefix, &field.name);
            room.take(&name)?;
            match (field.schema.kind(), value) {
                (Type::Map, _) => return Err(unsupported("a MAP with a schema", &name)),
                (Type::Struct, Value::Struct(inner)) => self.add_struct(inner, &name, flat, room)?,
                (Type::Struct, _) => {}
                (_, value) => flat.put(&name, value.clone())?,
            }
        }
        Ok(())
    }

    fn schema(&self, schema: &Schema) -> Result<Arc<Schema>, TransformError> {
        let default = schema.default_value().and_then(Value::as_struct);
        let builder = SchemaBuilder::like(schema);
        Ok(self
            .add_fields(builder, schema, "", schema.is_optional(), default, &mut Room(NAMES_BYTES_MAX))?
            .build()?)
    }

    /// A field of a struct that may be null may be null, and its default is what the struct's default has there.
    fn add_fields(
        &self,
        mut builder: SchemaBuilder,
        schema: &Schema,
        prefix: &str,
        optional: bool,
        default: Option<&Struct>,
        room: &mut Room,
    ) -> Result<SchemaBuilder, TransformError> {
        for field in schema.fields() {
            let name = self.name(prefix, &field.name);
            room.take(&name)?;
            let optional = optional || field.schema.is_optional();
            let own = field.schema.default_value();
            let default = own.or_else(|| default.and_then(|default| default.get(&field.name)));
            builder = match field.schema.kind() {
                Type::Map => return Err(unsupported("a MAP with a schema", &name)),
                Type::Struct => {
                    let default = default.and_then(Value::as_struct);
                    self.add_fields(builder, &field.schema, &name, optional, default, room)?
                }
                _ => {
                    let like = SchemaBuilder::like(&field.schema).optional_if(optional);
                    builder.field(name, like.default_value(default.cloned()).build()?)
                }
            };
        }
        Ok(builder)
    }
}

fn unsupported(what: &str, field: &str) -> TransformError {
    TransformError::Value(format!("{what} cannot be flattened (field {field})"))
}

#[cfg(test)]
mod tests {
    use super::super::transform;
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_small_record_of_long_names_does_not_fill_the_memory() {
        let leaves: Map = (0..10_000).map(|leaf| (leaf.to_string(), Value::Null)).collect();
        let nested =
            (0..100).fold(Value::Map(leaves), |inner, _| Map::from([("x".repeat(1_000), inner)]).into());
        let record = Record::new("t".into(), SchemaAndValue::schemaless(nested));
        assert!(matches!(
            transform("flatten", &BTreeMap::new()).unwrap().apply(record),
            Err(TransformError::Value(_))
        ));
    }
}
