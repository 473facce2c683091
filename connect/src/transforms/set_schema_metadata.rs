use super::kind::Configured;
use super::schema_cache::SchemaCache;
use super::{Target, Transform, TransformError};
use crate::data::{SchemaAndValue, Struct, Value};
use crate::options::{Fault, Options};
use crate::record::Record;
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
#[options(check = something)]
pub(super) struct MetadataOptions {
    /// The name to set.
    #[option(name = "schema.name", importance = "high")]
    name: Option<String>,
    /// The version to set.
    #[option(name = "schema.version", importance = "high")]
    version: Option<i32>,
    /// Whether the default stands for a field's null.
    #[option(name = "replace.null.with.default", default = true)]
    defaults: bool,
}

fn something(options: &MetadataOptions) -> Result<(), Fault> {
    if options.name.is_none() && options.version.is_none() {
        return Err(Fault::new("schema.name", "neither schema.name nor schema.version is said"));
    }
    Ok(())
}

/// Names a schema, or sets its version.
#[derive(Debug)]
pub(super) struct SetSchemaMetadata {
    target: Target,
    options: MetadataOptions,
    schemas: SchemaCache,
}

impl Configured for SetSchemaMetadata {
    type Options = MetadataOptions;

    fn new(options: MetadataOptions, target: Target) -> Result<Self, Fault> {
        Ok(SetSchemaMetadata { target, options, schemas: SchemaCache::default() })
    }
}

impl Transform for SetSchemaMetadata {
    fn apply(&self, record: Record) -> Result<Option<Record>, TransformError> {
        self.target.change(record, |SchemaAndValue { schema, value }| {
            let Some(schema) = schema else {
                return match value {
                    Value::Null => Ok(SchemaAndValue::NULL),
                    other => Err(TransformError::Form {
                        what: "setting a schema's name",
                        expected: "a schema",
                        found: other.kind_name(),
                    }),
                };
            };
            let named = self.schemas.get_or_make(&schema, |schema| {
                Ok(Arc::new(schema.with_metadata(self.options.name.as_deref(), self.options.version)))
            })?;
            let value = match value {
                Value::Struct(value) => {
                    let mut renamed = Struct::new(Arc::clone(&named))?;
                    let (schema, values) = value.into_filled(self.options.defaults);
                    for (field, value) in schema.fields().zip(values) {
                        renamed.put(&field.name, value)?;
                    }
                    Value::Struct(renamed)
                }
                other => other,
            };
            Ok(SchemaAndValue::new(named, value))
        })
    }
}
