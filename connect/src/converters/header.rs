use super::{Charset, ConvertError, Converter};
use crate::data::{SchemaAndValue, parse, text_of};
use bytes::Bytes;
use std::borrow::Cow;

/// Text that says by its looks what it is: Kafka's `SimpleHeaderConverter`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimpleHeaderConverter;

impl Converter for SimpleHeaderConverter {
    fn read(&self, _topic: &str, bytes: Option<&Bytes>) -> Result<SchemaAndValue, ConvertError> {
        Ok(bytes.map_or(SchemaAndValue::NULL, |bytes| parse(&Charset::Utf8.decode(bytes))))
    }

    fn write<'a>(
        &self,
        _topic: &str,
        data: &'a SchemaAndValue,
    ) -> Result<Option<Cow<'a, [u8]>>, ConvertError> {
        Ok((!data.value.is_null()).then(|| Cow::Owned(text_of(&data.value).into_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Value;

    #[test]
    fn a_header_is_what_it_looks_like() {
        let read = |bytes: &'static [u8]| {
            SimpleHeaderConverter.read("t", Some(&Bytes::from_static(bytes))).unwrap().value
        };
        assert_eq!(read(b"42"), Value::Int8(42));
        assert_eq!(read(b""), Value::from(""));
        assert_eq!(SimpleHeaderConverter.read("t", None).unwrap(), SchemaAndValue::NULL);
        let number = SchemaAndValue::schemaless(4.5);
        let written = SimpleHeaderConverter.write("t", &number).unwrap();
        assert_eq!(written.as_deref(), Some(b"4.5".as_slice()));
    }
}
