use super::{Decimal, Map, Struct};
use bytes::Bytes;
use std::hash::{Hash, Hasher};
use std::mem::discriminant;
use std::sync::Arc;

/// One value, with or without a [`Schema`](super::Schema) beside it. Text and bytes are shared when it is cloned.
///
/// Equality is Java's: floats are equal when their bits are (NaN is itself, 0.0 is not -0.0), maps whatever their order.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing; as a record's value, a tombstone.
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// 8 bits, signed.
    Int8(i8),
    /// 16 bits, signed.
    Int16(i16),
    /// 32 bits, signed.
    Int32(i32),
    /// 64 bits, signed; every integer of schemaless JSON.
    Int64(i64),
    /// 32 bits of IEEE 754.
    Float32(f32),
    /// 64 bits of IEEE 754; every number of schemaless JSON that is no integer.
    Float64(f64),
    /// Text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Bytes),
    /// A list.
    Array(Vec<Value>),
    /// Keys and values; an object of schemaless JSON.
    Map(Map),
    /// Fields by a schema.
    Struct(Struct),
    /// An exact decimal number.
    Decimal(Decimal),
    /// Days since 1970-01-01.
    Date(i32),
    /// Milliseconds since midnight.
    Time(i32),
    /// Milliseconds since 1970-01-01 UTC.
    Timestamp(i64),
}

impl Value {
    /// Text. One allocation from `&str`, none from `Arc<str>`.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Value::String(text.into())
    }

    /// Bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Value::Bytes(bytes.into())
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Its text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Its bytes, if it is bytes or a string.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            Value::String(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// True or false, if it is that.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// Its number, if it is an integer of any width; days and milliseconds count.
    pub fn as_i64(&self) -> Option<i64> {
        match *self {
            Value::Int8(value) => Some(value.into()),
            Value::Int16(value) => Some(value.into()),
            Value::Int32(value) | Value::Date(value) | Value::Time(value) => Some(value.into()),
            Value::Int64(value) | Value::Timestamp(value) => Some(value),
            _ => None,
        }
    }

    /// Its number as the nearest float, if it is a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Float32(value) => Some((*value).into()),
            Value::Float64(value) => Some(*value),
            Value::Decimal(value) => Some(value.to_f64()),
            #[expect(clippy::cast_precision_loss, reason = "the nearest is what is asked for")]
            other => other.as_i64().map(|value| value as f64),
        }
    }

    /// Its elements, if it is an array.
    pub fn as_array(&self) -> Option<&[Value]> {
        match self {
            Value::Array(values) => Some(values),
            _ => None,
        }
    }

    /// Its entries, if it is a map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Its fields, if it is a struct.
    pub fn as_struct(&self) -> Option<&Struct> {
        match self {
            Value::Struct(value) => Some(value),
            _ => None,
        }
    }

    /// What stands under a name, in a map or a struct (there its default for null).
    pub fn get(&self, field: &str) -> Option<&Value> {
        match self {
            Value::Map(map) => map.get(field),
            Value::Struct(value) => value.get(field),
            _ => None,
        }
    }

    /// Names and values of a struct, or of a map's string keys, in order; of anything else, none.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Value)> {
        let map = self.as_map().into_iter().flat_map(Map::iter);
        let fields = self.as_struct().into_iter().flat_map(Struct::iter);
        map.filter_map(|(name, value)| Some((name.as_str()?, value)))
            .chain(fields.map(|(field, value)| (&*field.name, value)))
    }

    /// What it is, for error texts.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Boolean(_) => "a BOOLEAN",
            Value::Int8(_) => "an INT8",
            Value::Int16(_) => "an INT16",
            Value::Int32(_) => "an INT32",
            Value::Int64(_) => "an INT64",
            Value::Float32(_) => "a FLOAT32",
            Value::Float64(_) => "a FLOAT64",
            Value::String(_) => "a STRING",
            Value::Bytes(_) => "BYTES",
            Value::Array(_) => "an ARRAY",
            Value::Map(_) => "a MAP",
            Value::Struct(_) => "a STRUCT",
            Value::Decimal(_) => "a Decimal",
            Value::Date(_) => "a Date",
            Value::Time(_) => "a Time",
            Value::Timestamp(_) => "a Timestamp",
        }
    }

    /// A text's hash as that of the value it would be.
    pub(super) fn hash_str<H: Hasher>(text: &str, state: &mut H) {
        text.hash(state);
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(one), Value::Boolean(two)) => one == two,
            (Value::Int8(one), Value::Int8(two)) => one == two,
            (Value::Int16(one), Value::Int16(two)) => one == two,
            (Value::Int32(one), Value::Int32(two))
            | (Value::Date(one), Value::Date(two))
            | (Value::Time(one), Value::Time(two)) => one == two,
            (Value::Int64(one), Value::Int64(two)) | (Value::Timestamp(one), Value::Timestamp(two)) => {
                one == two
            }
            (Value::Float32(one), Value::Float32(two)) => {
                one.to_bits() == two.to_bits() || one.is_nan() && two.is_nan()
            }
            (Value::Float64(one), Value::Float64(two)) => {
                one.to_bits() == two.to_bits() || one.is_nan() && two.is_nan()
            }
            (Value::String(one), Value::String(two)) => one == two,
            (Value::Bytes(one), Value::Bytes(two)) => one == two,
            (Value::Array(one), Value::Array(two)) => one == two,
            (Value::Map(one), Value::Map(two)) => one == two,
            (Value::Struct(one), Value::Struct(two)) => one == two,
            (Value::Decimal(one), Value::Decimal(two)) => one == two,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            // Keys are strings nearly always: no more than the text.
            Value::String(text) => return Value::hash_str(text, state),
            other => discriminant(other).hash(state),
        }
        match self {
            Value::Null | Value::String(_) => {}
            Value::Boolean(value) => value.hash(state),
            Value::Float32(value) => if value.is_nan() { f32::NAN } else { *value }.to_bits().hash(state),
            Value::Float64(value) => if value.is_nan() { f64::NAN } else { *value }.to_bits().hash(state),
            Value::Bytes(bytes) => bytes.hash(state),
            Value::Array(values) => values.hash(state),
            Value::Map(map) => map.hash(state),
            Value::Struct(value) => value.hash(state),
            Value::Decimal(value) => value.hash(state),
            integer => integer.as_i64().hash(state),
        }
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident)*) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Value::$variant(value.into())
            }
        }
    )*};
}

from! {
    bool => Boolean
    i8 => Int8
    i16 => Int16
    i32 => Int32
    i64 => Int64
    f32 => Float32
    f64 => Float64
    &str => String
    String => String
    Arc<str> => String
    Bytes => Bytes
    &'static [u8] => Bytes
    Vec<u8> => Bytes
    Vec<Value> => Array
    Map => Map
    Struct => Struct
    Decimal => Decimal
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_javas() {
        assert_eq!(Value::Float64(f64::NAN), Value::Float64(f64::NAN));
        assert_ne!(Value::Float64(0.0), Value::Float64(-0.0));
        assert_ne!(Value::Int32(1), Value::Int64(1));
        assert_ne!(Value::Int32(1), Value::Date(1));
    }

    #[test]
    fn names_are_found_in_maps_and_in_structs() {
        let schema =
            crate::data::Schema::structure().field("a", crate::data::Schema::int32()).build().unwrap();
        let of_struct = Value::from(Struct::new(schema).unwrap().with("a", 1).unwrap());
        let of_map = Value::from(Map::from([("a", 1)]).with(2, 3));
        for value in [of_struct, of_map] {
            assert_eq!(value.get("a"), Some(&Value::Int32(1)));
            assert_eq!(value.fields().collect::<Vec<_>>(), [("a", &Value::Int32(1))]);
        }
        assert_eq!(Value::from(1).fields().count(), 0);
    }
}
