use super::{ConvertError, Converter};
use crate::data::{Schema, SchemaAndValue, Type, Value};
use bytes::Bytes;
use std::borrow::Cow;
use std::sync::Arc;

/// The types of which Kafka has a converter each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Primitive {
    /// One byte, 0 or 1.
    Boolean,
    /// 16 bits, most significant byte first, as all that follow.
    Short,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    /// 32 bits of IEEE 754.
    Float,
    /// 64 bits of IEEE 754.
    Double,
}

/// One number or truth, as Kafka's serializers write it: `BooleanConverter` to `DoubleConverter`.
#[derive(Clone, Debug)]
pub struct PrimitiveConverter {
    of: Primitive,
    /// What it reads.
    schema: Arc<Schema>,
}

impl PrimitiveConverter {
    /// The converter of that type.
    pub fn new(of: Primitive) -> Self {
        let schema = match of {
            Primitive::Boolean => Schema::optional_boolean(),
            Primitive::Short => Schema::optional_int16(),
            Primitive::Integer => Schema::optional_int32(),
            Primitive::Long => Schema::optional_int64(),
            Primitive::Float => Schema::optional_float32(),
            Primitive::Double => Schema::optional_float64(),
        };
        PrimitiveConverter { of, schema }
    }

    fn value(&self, bytes: &[u8]) -> Result<Value, ConvertError> {
        Ok(match self.of {
            Primitive::Boolean => match self.exactly::<1>(bytes)? {
                [0] => Value::Boolean(false),
                [1] => Value::Boolean(true),
                _ => return Err(ConvertError::Form("a BOOLEAN is the byte 0 or 1".into())),
            },
            Primitive::Short => Value::Int16(i16::from_be_bytes(self.exactly(bytes)?)),
            Primitive::Integer => Value::Int32(i32::from_be_bytes(self.exactly(bytes)?)),
            Primitive::Long => Value::Int64(i64::from_be_bytes(self.exactly(bytes)?)),
            Primitive::Float => Value::Float32(f32::from_be_bytes(self.exactly(bytes)?)),
            Primitive::Double => Value::Float64(f64::from_be_bytes(self.exactly(bytes)?)),
        })
    }

    fn exactly<const N: usize>(&self, bytes: &[u8]) -> Result<[u8; N], ConvertError> {
        let width =
            || ConvertError::Width { expected: self.schema.kind().name(), width: N, found: bytes.len() };
        bytes.try_into().map_err(|_| width())
    }
}

impl Converter for PrimitiveConverter {
    fn read(&self, _topic: &str, bytes: Option<&Bytes>) -> Result<SchemaAndValue, ConvertError> {
        let value = bytes.map(|bytes| self.value(bytes)).transpose()?;
        Ok(SchemaAndValue::new(Arc::clone(&self.schema), value))
    }

    fn write<'a>(
        &self,
        _topic: &str,
        data: &'a SchemaAndValue,
    ) -> Result<Option<Cow<'a, [u8]>>, ConvertError> {
        let expected = self.schema.kind().name();
        // Of all of them Kafka's converter for booleans alone looks at the schema.
        if let (Primitive::Boolean, Some(schema)) = (self.of, &data.schema)
            && schema.kind() != Type::Boolean
        {
            return Err(ConvertError::Type { expected, found: schema.kind().name() });
        }
        Ok(Some(match (self.of, &data.value) {
            (_, Value::Null) => return Ok(None),
            (Primitive::Boolean, Value::Boolean(value)) => Cow::Borrowed(if *value { &[1] } else { &[0] }),
            (Primitive::Short, Value::Int16(value)) => Cow::Owned(value.to_be_bytes().to_vec()),
            (Primitive::Integer, Value::Int32(value)) => Cow::Owned(value.to_be_bytes().to_vec()),
            (Primitive::Long, Value::Int64(value)) => Cow::Owned(value.to_be_bytes().to_vec()),
            (Primitive::Float, Value::Float32(value)) => Cow::Owned(value.to_be_bytes().to_vec()),
            (Primitive::Double, Value::Float64(value)) => {
                Cow::Owned(java_bits(*value).to_be_bytes().to_vec())
            }
            (_, value) => return Err(ConvertError::Type { expected, found: value.kind_name() }),
        }))
    }
}

/// `Double.doubleToLongBits`: Java has one NaN here.
fn java_bits(value: f64) -> u64 {
    if value.is_nan() { 0x7ff8_0000_0000_0000 } else { value.to_bits() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Primitive; 6] = [
        Primitive::Boolean,
        Primitive::Short,
        Primitive::Integer,
        Primitive::Long,
        Primitive::Float,
        Primitive::Double,
    ];

    #[test]
    fn only_its_own_type_is_written() {
        let long = PrimitiveConverter::new(Primitive::Long);
        let five = SchemaAndValue::schemaless(5_i64);
        let written = long.write("t", &five).unwrap();
        assert_eq!(written.as_deref(), Some([0, 0, 0, 0, 0, 0, 0, 5].as_slice()));
        assert!(long.write("t", &SchemaAndValue::schemaless(5_i32)).is_err());
        assert_eq!(long.write("t", &SchemaAndValue::NULL).unwrap(), None);
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_as_it_was(bytes in proptest::collection::vec(any::<u8>(), 0..10)) {
            for converter in ALL.map(PrimitiveConverter::new) {
                let bytes = Bytes::from(bytes.clone());
                let Ok(data) = converter.read("t", Some(&bytes)) else { continue };
                let again = converter.write("t", &data).unwrap();
                let nan = data.value.as_f64().is_some_and(f64::is_nan);
                prop_assert!(nan || again.as_deref() == Some(&bytes[..]));
            }
        }
    }
}
