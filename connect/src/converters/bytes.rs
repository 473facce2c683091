use super::{ConvertError, Converter};
use crate::data::{Schema, SchemaAndValue, Type, Value};
use bytes::Bytes;
use std::borrow::Cow;

/// Bytes as they are: Kafka's `ByteArrayConverter`. Nothing is copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct BytesConverter;

impl Converter for BytesConverter {
    fn read(&self, _topic: &str, bytes: Option<&Bytes>) -> Result<SchemaAndValue, ConvertError> {
        Ok(SchemaAndValue::new(Schema::optional_bytes(), bytes.cloned()))
    }

    fn write<'a>(
        &self,
        _topic: &str,
        data: &'a SchemaAndValue,
    ) -> Result<Option<Cow<'a, [u8]>>, ConvertError> {
        let other = |found| Err(ConvertError::Type { expected: "BYTES", found });
        match (&data.schema, &data.value) {
            (Some(schema), _) if schema.kind() != Type::Bytes => other(schema.kind().name()),
            (_, Value::Null) => Ok(None),
            (_, Value::Bytes(bytes)) => Ok(Some(Cow::Borrowed(bytes))),
            (_, value) => other(value.kind_name()),
        }
    }
}
