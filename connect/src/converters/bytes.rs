use super::{ConvertError, Converter};
use crate::data::{Schema, SchemaAndValue, Type, Value};
use bytes::Bytes;

/// Bytes as they are: Kafka's `ByteArrayConverter`. Nothing is copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct BytesConverter;

impl Converter for BytesConverter {
    fn read(&self, _topic: &str, bytes: Option<&Bytes>) -> Result<SchemaAndValue, ConvertError> {
        Ok(SchemaAndValue::new(Schema::optional_bytes(), bytes.cloned()))
    }

    fn write(&self, _topic: &str, data: &SchemaAndValue) -> Result<Option<Bytes>, ConvertError> {
        let other = |found| Err(ConvertError::Type { expected: "BYTES", found });
        match (&data.schema, &data.value) {
            (Some(schema), _) if schema.kind() != Type::Bytes => other(schema.kind().name()),
            (_, Value::Null) => Ok(None),
            (_, Value::Bytes(bytes)) => Ok(Some(bytes.clone())),
            (_, value) => other(value.kind_name()),
        }
    }
}
