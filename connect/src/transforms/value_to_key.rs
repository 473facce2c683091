use super::headers::not_empty;
use super::kind::Configured;
use super::schema_cache::SchemaCache;
use super::target::struct_of;
use super::{Target, Transform, TransformError};
use crate::data::{Map, Schema, SchemaAndValue, Struct, Value};
use crate::options::{Fault, Options};
use crate::record::Record;
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
pub(super) struct KeyOptions {
    /// The fields of the value that become the key.
    #[option(importance = "high", check = not_empty)]
    fields: Vec<String>,
    /// Whether the default stands for a field's null.
    #[option(name = "replace.null.with.default", default = true)]
    defaults: bool,
}

/// Makes the key of fields of the value.
#[derive(Debug)]
pub(super) struct ValueToKey {
    fields: Vec<Arc<str>>,
    defaults: bool,
    schemas: SchemaCache,
}

impl Configured for ValueToKey {
    type Options = KeyOptions;

    fn new(options: KeyOptions, _: Target) -> Result<Self, Fault> {
        let fields = options.fields.into_iter().map(Arc::from).collect();
        Ok(ValueToKey { fields, defaults: options.defaults, schemas: SchemaCache::default() })
    }
}

const WHAT: &str = "making the key of the value";

impl Transform for ValueToKey {
    fn apply(&self, mut record: Record) -> Result<Option<Record>, TransformError> {
        record.key = match &record.value {
            SchemaAndValue { schema: None, value: Value::Map(map) } => {
                let field = |name: &Arc<str>| (Arc::clone(name), map.get(name).cloned().unwrap_or_default());
                SchemaAndValue::schemaless(self.fields.iter().map(field).collect::<Map>())
            }
            SchemaAndValue { schema: None, value } => {
                let (expected, found) = ("a MAP where there is no schema", value.kind_name());
                return Err(TransformError::Form { what: WHAT, expected, found });
            }
            SchemaAndValue { schema: Some(_), value } => self.of_struct(&struct_of(value.clone(), WHAT)?)?,
        };
        Ok(Some(record))
    }
}

impl ValueToKey {
    fn of_struct(&self, value: &Struct) -> Result<SchemaAndValue, TransformError> {
        let schema = self.schemas.get_or_make(value.schema(), |schema| {
            let mut builder = Schema::structure();
            for name in &self.fields {
                let field = schema.field(name).ok_or_else(|| TransformError::NoField(name.to_string()))?;
                builder = builder.field(Arc::clone(name), Arc::clone(&field.schema));
            }
            Ok(builder.build()?)
        })?;
        let mut key = Struct::new(Arc::clone(&schema))?;
        for name in &self.fields {
            let field = if self.defaults { value.get(name) } else { value.get_without_default(name) };
            key.put(name, field.cloned().unwrap_or_default())?;
        }
        Ok(SchemaAndValue::new(schema, key))
    }
}
