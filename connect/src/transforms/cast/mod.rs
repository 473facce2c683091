mod to;

use super::kind::Configured;
use super::schema_cache::SchemaCache;
use super::target::{map_of, struct_of};
use super::{Target, Transform, TransformError};
use crate::data::{Map, Schema, SchemaAndValue, SchemaBuilder, Struct, Type, Value};
use crate::options::{Fault, Options};
use crate::record::Record;
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
pub(super) struct CastOptions {
    /// Fields and the types they become, `field1:type,field2:type`, or one type for the whole. Types are int8, int16, int32,
    /// int64, float32, float64, boolean and string.
    #[option(importance = "high", check = is_spec)]
    spec: Vec<String>,
    /// Whether the default stands for a field's null.
    #[option(name = "replace.null.with.default", default = true)]
    defaults: bool,
}

fn is_spec(spec: &[String]) -> Result<(), String> {
    Casts::read(spec).map(|_| ())
}

/// What is cast to what.
#[derive(Debug)]
enum Casts {
    Whole(Type),
    Fields(Vec<(Arc<str>, Type)>),
}

impl Casts {
    fn read(spec: &[String]) -> Result<Self, String> {
        let mut fields = Vec::new();
        for one in spec {
            match *one.trim_end_matches(':').split(':').collect::<Vec<_>>() {
                [whole] if spec.len() == 1 => return type_named(whole).map(Casts::Whole),
                [_] => return Err("a type for the whole stands alone".to_owned()),
                [field, to] => fields.push((field.trim().into(), type_named(to)?)),
                _ => return Err(format!("'{one}' is not field:type")),
            }
        }
        if fields.is_empty() {
            Err("Must specify at least one field to cast.".to_owned())
        } else {
            Ok(Casts::Fields(fields))
        }
    }

    fn of(&self, field: &str) -> Option<Type> {
        match self {
            Casts::Whole(_) => None,
            Casts::Fields(fields) => {
                fields.iter().rev().find(|(name, _)| **name == *field).map(|(_, to)| *to)
            }
        }
    }
}

fn type_named(name: &str) -> Result<Type, String> {
    const TYPES: [Type; 8] = [
        Type::Int8,
        Type::Int16,
        Type::Int32,
        Type::Int64,
        Type::Float32,
        Type::Float64,
        Type::Boolean,
        Type::String,
    ];
    let name = name.trim();
    let found = TYPES.into_iter().find(|to| to.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        format!("nothing is cast to '{name}', but to int8, int16, int32, int64, float32, float64, boolean and string")
    })
}

/// Casts fields, or the whole, to types.
#[derive(Debug)]
pub(super) struct Cast {
    target: Target,
    casts: Casts,
    defaults: bool,
    schemas: SchemaCache,
}

impl Configured for Cast {
    type Options = CastOptions;

    fn new(options: CastOptions, target: Target) -> Result<Self, Fault> {
        let casts = Casts::read(&options.spec)
            .map_err(|why| Fault::invalid("spec", &options.spec.join(","), &why))?;
        Ok(Cast { target, casts, defaults: options.defaults, schemas: SchemaCache::default() })
    }
}

const WHAT: &str = "casting fields";

impl Transform for Cast {
    fn apply(&self, record: Record) -> Result<Option<Record>, TransformError> {
        self.target.change(record, |SchemaAndValue { schema, value }| match (schema, value, &self.casts) {
            (schema, Value::Null, _) => Ok(SchemaAndValue { schema, value: Value::Null }),
            (None, value, Casts::Whole(to)) => Ok(SchemaAndValue::schemaless(to::cast(None, value, *to)?)),
            (None, value, Casts::Fields(fields)) => of_map(map_of(value, WHAT)?, fields),
            (Some(schema), value, Casts::Whole(to)) => {
                let updated = self.schema(&schema)?;
                Ok(SchemaAndValue::new(updated, to::cast(Some(&schema), value, *to)?))
            }
            (Some(schema), value, Casts::Fields(_)) => {
                let updated = self.schema(&schema)?;
                self.of_struct(updated, struct_of(value, WHAT)?)
            }
        })
    }
}

/// A field that is not there is null afterwards, as in Kafka.
fn of_map(mut map: Map, fields: &[(Arc<str>, Type)]) -> Result<SchemaAndValue, TransformError> {
    for (name, to) in fields {
        let value = map.get(name).cloned().unwrap_or_default();
        map.insert(Arc::clone(name), to::cast(None, value, *to)?);
    }
    Ok(SchemaAndValue::schemaless(map))
}

impl Cast {
    fn of_struct(&self, schema: Arc<Schema>, value: Struct) -> Result<SchemaAndValue, TransformError> {
        let mut cast = Struct::new(Arc::clone(&schema))?;
        let (old, values) = value.into_filled(self.defaults);
        for (field, value) in old.fields().zip(values) {
            let value = match self.casts.of(&field.name) {
                Some(to) => to::cast(Some(&field.schema), value, to)?,
                None => value,
            };
            cast.put(&field.name, value)?;
        }
        Ok(SchemaAndValue::new(schema, cast))
    }

    fn schema(&self, schema: &Arc<Schema>) -> Result<Arc<Schema>, TransformError> {
        self.schemas.get_or_make(schema, |schema| match &self.casts {
            Casts::Whole(to) => {
                let builder = Schema::builder(*to).like_marks(schema).optional_if(schema.is_optional());
                Ok(builder.default_value(default(schema, *to)?).build()?)
            }
            Casts::Fields(_) => {
                let mut builder = SchemaBuilder::like(schema);
                for field in schema.fields() {
                    let schema = match self.casts.of(&field.name) {
                        Some(to) => of_field(&field.schema, to)?,
                        None => Arc::clone(&field.schema),
                    };
                    builder = builder.field(Arc::clone(&field.name), schema);
                }
                Ok(builder.optional_if(schema.is_optional()).build()?)
            }
        })
    }
}

/// Nothing of a field's schema stays but whether it is optional, and its default.
fn of_field(schema: &Schema, to: Type) -> Result<Arc<Schema>, TransformError> {
    let builder = Schema::builder(to).optional_if(schema.is_optional());
    Ok(builder.default_value(default(schema, to)?).build()?)
}

fn default(schema: &Schema, to: Type) -> Result<Value, TransformError> {
    schema.default_value().map_or(Ok(Value::Null), |default| to::cast(Some(schema), default.clone(), to))
}
