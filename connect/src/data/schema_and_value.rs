use super::{Schema, Value};
use std::sync::Arc;

/// A value and, where it is known, what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SchemaAndValue {
    /// What the value is; absent for schemaless data.
    pub schema: Option<Arc<Schema>>,
    /// The value.
    pub value: Value,
}

impl SchemaAndValue {
    /// Null without a schema.
    pub const NULL: SchemaAndValue = SchemaAndValue { schema: None, value: Value::Null };

    /// A value with its schema. Nothing is checked: [`Schema::validate`] does.
    pub fn new(schema: Arc<Schema>, value: impl Into<Value>) -> Self {
        SchemaAndValue { schema: Some(schema), value: value.into() }
    }

    /// Data without a schema.
    pub fn schemaless(value: impl Into<Value>) -> Self {
        SchemaAndValue { schema: None, value: value.into() }
    }

    /// Text with the string schema: what lines and log messages are.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        SchemaAndValue { schema: Some(Schema::string()), value: Value::String(text.into()) }
    }

    /// Bytes with the bytes schema.
    pub fn bytes(bytes: impl Into<bytes::Bytes>) -> Self {
        SchemaAndValue { schema: Some(Schema::bytes()), value: Value::Bytes(bytes.into()) }
    }
}
