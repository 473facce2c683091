use super::{Charset, ConvertError, Converter};
use crate::data::{Schema, SchemaAndValue, Value};
use crate::options::Options;
use bytes::Bytes;
use std::borrow::Cow;

/// What can be said to a [`StringConverter`].
#[derive(Options, Clone, Debug)]
pub struct StringOptions {
    /// The character set of the bytes: UTF-8, US-ASCII, ISO-8859-1, UTF-16, UTF-16BE or UTF-16LE.
    #[option(name = "converter.encoding", default = "UTF-8", importance = "high", alias = "encoding")]
    pub encoding: Charset,
}

/// Text: Kafka's `StringConverter`. What is no string is written as Java's `toString` has it; bytes, of which Java would
/// write an address, as they are.
#[derive(Clone, Copy, Debug)]
pub struct StringConverter {
    charset: Charset,
}

impl Default for StringConverter {
    fn default() -> Self {
        StringConverter { charset: Charset::Utf8 }
    }
}

impl StringConverter {
    /// A converter for that character set.
    pub fn new(options: &StringOptions) -> Self {
        StringConverter { charset: options.encoding }
    }
}

impl Converter for StringConverter {
    fn read(&self, _topic: &str, bytes: Option<&Bytes>) -> Result<SchemaAndValue, ConvertError> {
        let text = bytes.map(|bytes| self.charset.decode(bytes));
        Ok(SchemaAndValue::new(Schema::optional_string(), text))
    }

    fn write<'a>(
        &self,
        _topic: &str,
        data: &'a SchemaAndValue,
    ) -> Result<Option<Cow<'a, [u8]>>, ConvertError> {
        Ok(match &data.value {
            Value::Null => None,
            Value::String(text) => Some(self.charset.encode(text)),
            Value::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            other => Some(Cow::Owned(self.charset.encode(&other.to_java_string()).into_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_its_bytes_and_malformed_bytes_are_marked() {
        let converter = StringConverter::default();
        let read = |bytes: &'static [u8]| converter.read("t", Some(&Bytes::from_static(bytes))).unwrap();
        assert_eq!(read(b"line").value, Value::from("line"));
        assert_eq!(read(b"a\xffb").value, Value::from("a\u{fffd}b"));
        let line = SchemaAndValue::string("line");
        let written = converter.write("t", &line).unwrap();
        assert_eq!(written.as_deref(), Some(b"line".as_slice()));
        assert_eq!(converter.write("t", &SchemaAndValue::NULL).unwrap(), None);
    }
}
