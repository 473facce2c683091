use super::headers::not_empty;
use super::kind::Configured;
use super::schema_cache::SchemaCache;
use super::target::{map_of, struct_of};
use super::{Target, Transform, TransformError};
use crate::data::{DataError, Map, Schema, SchemaAndValue, SchemaBuilder, Struct, Value};
use crate::options::{Choice, Fault, Options};
use crate::record::{Headers, Record};
use std::sync::Arc;

#[derive(Options, Clone, Debug)]
#[options(check = as_many)]
pub(super) struct HeaderOptions {
    /// The fields whose values become headers.
    #[option(importance = "high", check = not_empty)]
    fields: Vec<String>,
    /// The names of the headers, in the order of the fields.
    #[option(importance = "high", check = not_empty)]
    headers: Vec<String>,
    /// Whether the fields are moved, and stand in the record no more, or copied.
    #[option(importance = "high")]
    operation: Operation,
    /// Whether the default stands for a field's null.
    #[option(name = "replace.null.with.default", default = true)]
    defaults: bool,
}

#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Move,
    Copy,
}

fn as_many(options: &HeaderOptions) -> Result<(), Fault> {
    if options.fields.len() != options.headers.len() {
        return Err(Fault::new("headers", "headers must have as many names as fields"));
    }
    Ok(())
}

/// Moves or copies fields to headers.
#[derive(Debug)]
pub(super) struct HeaderFrom {
    target: Target,
    options: HeaderOptions,
    schemas: SchemaCache,
}

impl Configured for HeaderFrom {
    type Options = HeaderOptions;

    fn new(options: HeaderOptions, target: Target) -> Result<Self, Fault> {
        Ok(HeaderFrom { target, options, schemas: SchemaCache::default() })
    }
}

const WHAT: &str = "making headers of fields";

impl Transform for HeaderFrom {
    fn apply(&self, mut record: Record) -> Result<Option<Record>, TransformError> {
        let SchemaAndValue { schema, value } = std::mem::take(self.target.of(&mut record));
        let changed = match schema {
            None => self.of_map(map_of(value, WHAT)?, &mut record.headers),
            Some(schema) => self.of_struct(schema, struct_of(value, WHAT)?, &mut record.headers)?,
        };
        *self.target.of(&mut record) = changed;
        Ok(Some(record))
    }
}

impl HeaderFrom {
    fn named(&self) -> impl Iterator<Item = (&String, &String)> {
        self.options.fields.iter().zip(&self.options.headers)
    }

    fn of_map(&self, mut map: Map, headers: &mut Headers) -> SchemaAndValue {
        for (field, header) in self.named() {
            let value = map.get(field).cloned().unwrap_or_default();
            headers.push((header.clone(), SchemaAndValue::schemaless(value)));
        }
        if self.options.operation == Operation::Move {
            for field in &self.options.fields {
                map.remove(field);
            }
        }
        SchemaAndValue::schemaless(map)
    }

    fn of_struct(
        &self,
        schema: Arc<Schema>,
        value: Struct,
        headers: &mut Headers,
    ) -> Result<SchemaAndValue, TransformError> {
        for (name, header) in self.named() {
            let field = schema.field(name).ok_or_else(|| TransformError::NoField(name.clone()))?;
            let value = self.value(&value, name).cloned().unwrap_or_default();
            // In a struct its default stood for null; a header has none.
            if value.is_null() && !field.schema.is_optional() {
                return Err(DataError::Null { field: name.clone(), of: field.schema.kind() }.into());
            }
            headers.push((header.clone(), SchemaAndValue::new(Arc::clone(&field.schema), value)));
        }
        if self.options.operation == Operation::Copy {
            return Ok(SchemaAndValue::new(schema, value));
        }
        let rest = self.schemas.get_or_make(&schema, |schema| self.without(schema))?;
        let mut moved = Struct::new(Arc::clone(&rest))?;
        for field in rest.fields() {
            moved.put(&field.name, self.value(&value, &field.name).cloned().unwrap_or_default())?;
        }
        Ok(SchemaAndValue::new(rest, moved))
    }

    fn value<'a>(&self, value: &'a Struct, name: &str) -> Option<&'a Value> {
        if self.options.defaults { value.get(name) } else { value.get_without_default(name) }
    }

    fn without(&self, schema: &Schema) -> Result<Arc<Schema>, TransformError> {
        let mut builder = SchemaBuilder::like(schema);
        for field in
            schema.fields().filter(|field| !self.options.fields.iter().any(|name| **name == *field.name))
        {
            builder = builder.field(Arc::clone(&field.name), Arc::clone(&field.schema));
        }
        Ok(builder.build()?)
    }
}
