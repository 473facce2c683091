use super::kind::Configured;
use super::schema_cache::SchemaCache;
use super::{Target, Transform, TransformError};
use crate::data::{Map, Schema, SchemaAndValue, Struct};
use crate::options::{Fault, Options};
use crate::record::Record;
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
pub(super) struct HoistOptions {
    /// The name of the one field.
    field: String,
}

/// Makes the whole the one field of a struct, or of a map.
#[derive(Debug)]
pub(super) struct HoistField {
    target: Target,
    field: Arc<str>,
    schemas: SchemaCache,
}

impl Configured for HoistField {
    type Options = HoistOptions;

    fn new(options: HoistOptions, target: Target) -> Result<Self, Fault> {
        Ok(HoistField { target, field: options.field.into(), schemas: SchemaCache::default() })
    }
}

impl Transform for HoistField {
    fn apply(&self, record: Record) -> Result<Option<Record>, TransformError> {
        self.target.change(record, |SchemaAndValue { schema, value }| {
            let field = || Arc::clone(&self.field);
            let Some(schema) = schema else {
                return Ok(SchemaAndValue::schemaless(Map::new().with(field(), value)));
            };
            let hoisted = self.schemas.get_or_make(&schema, |_| {
                Ok(Schema::structure().field(field(), Arc::clone(&schema)).build()?)
            })?;
            let value = Struct::new(Arc::clone(&hoisted))?.with(&self.field, value)?;
            Ok(SchemaAndValue::new(hoisted, value))
        })
    }
}
