use super::{Charset, ConvertError, Converter};
use crate::data::{SchemaAndValue, parse, text_of};
use bytes::Bytes;

/// Text that says by its looks what it is: Kafka's `SimpleHeaderConverter`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimpleHeaderConverter;

impl Converter for SimpleHeaderConverter {
    fn read(&self, _topic: &str, bytes: Option<&Bytes>) -> Result<SchemaAndValue, ConvertError> {
        Ok(bytes.map_or(SchemaAndValue::NULL, |bytes| parse(&Charset::Utf8.decode(bytes))))
    }

    fn write(&self, _topic: &str, data: &SchemaAndValue) -> Result<Option<Bytes>, ConvertError> {
        Ok((!data.value.is_null()).then(|| text_of(&data.value).into()))
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
        let written = SimpleHeaderConverter.write("t", &SchemaAndValue::schemaless(4.5)).unwrap();
        assert_eq!(written.as_deref(), Some(b"4.5".as_slice()));
    }
}
