use super::TransformError;
use crate::data::{Map, SchemaAndValue, Struct, Value};
use crate::record::Record;

/// Which half of a record a transform works on: `$Key` or `$Value` in the names of Kafka's classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Target {
    /// The half of the record.
    pub(super) fn of(self, record: &mut Record) -> &mut SchemaAndValue {
        match self {
            Target::Key => &mut record.key,
            Target::Value => &mut record.value,
        }
    }

    /// The record with this half changed.
    pub(super) fn change(
        self,
        mut record: Record,
        change: impl FnOnce(SchemaAndValue) -> Result<SchemaAndValue, TransformError>,
    ) -> Result<Option<Record>, TransformError> {
        let half = self.of(&mut record);
        *half = change(std::mem::take(half))?;
        Ok(Some(record))
    }
}

/// A schemaless value as the map it must be.
pub(super) fn map_of(value: Value, what: &'static str) -> Result<Map, TransformError> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(TransformError::Form {
            what,
            expected: "a MAP where there is no schema",
            found: other.kind_name(),
        }),
    }
}

/// A value with a schema as the struct it must be.
pub(super) fn struct_of(value: Value, what: &'static str) -> Result<Struct, TransformError> {
    match value {
        Value::Struct(value) => Ok(value),
        other => Err(TransformError::Form {
            what,
            expected: "a STRUCT where there is a schema",
            found: other.kind_name(),
        }),
    }
}
