use super::field_path::{FieldPath, FieldSyntax};
use super::kind::Configured;
use super::target::{map_of, struct_of};
use super::{Target, Transform, TransformError};
use crate::data::{SchemaAndValue, Value};
use crate::options::{Fault, Options};
use crate::record::Record;
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
pub(super) struct ExtractOptions {
    /// The field to extract.
    field: String,
    /// How its name is read: V1 is that of a field of the whole, V2 a way with dots to fields of fields.
    #[option(name = "field.syntax.version", default = "V1", importance = "high")]
    syntax: FieldSyntax,
    /// Whether the default stands for a field's null.
    #[option(name = "replace.null.with.default", default = true)]
    defaults: bool,
}

/// Puts one field in place of the whole.
#[derive(Debug)]
pub(super) struct ExtractField {
    target: Target,
    name: String,
    path: FieldPath,
    defaults: bool,
}

impl Configured for ExtractField {
    type Options = ExtractOptions;

    fn new(options: ExtractOptions, target: Target) -> Result<Self, Fault> {
        let path = FieldPath::new(&options.field, options.syntax)
            .map_err(|why| Fault::invalid("field", &options.field, &why))?;
        Ok(ExtractField { target, name: options.field, path, defaults: options.defaults })
    }
}

const WHAT: &str = "extracting a field";

impl Transform for ExtractField {
    fn apply(&self, record: Record) -> Result<Option<Record>, TransformError> {
        self.target.change(record, |SchemaAndValue { schema, value }| {
            let Some(schema) = schema else {
                return Ok(match value {
                    Value::Null => SchemaAndValue::NULL,
                    value => SchemaAndValue::schemaless(self.path.of_map(map_of(value, WHAT)?)?),
                });
            };
            let field =
                self.path.field_of(&schema).ok_or_else(|| TransformError::NoField(self.name.clone()))?;
            let value = match value {
                Value::Null => Value::Null,
                value => self.path.of_struct(&struct_of(value, WHAT)?, self.defaults)?,
            };
            Ok(SchemaAndValue::new(Arc::clone(&field.schema), value))
        })
    }
}
