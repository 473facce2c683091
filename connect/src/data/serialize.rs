//! From types that serde writes to values: what a topology's keys and values are to a sink.

use serde::Serialize;
use serde::ser::{
    Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{Map, Value};

impl Value {
    /// What serde writes, as schemaless data: a struct is a map by the names of its fields in their order, `None` is null, a unit
    /// variant its name, any other variant a map of its name alone. Integers keep their width; one without a sign has the next larger.
    ///
    /// # Errors
    /// An integer that 64 bits with a sign do not hold, or a type that refuses to be written.
    pub fn of_serde<T: Serialize + ?Sized>(value: &T) -> Result<Self, SerializeError> {
        value.serialize(Values)
    }
}

/// Why something cannot be a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SerializeError(String);

impl serde::ser::Error for SerializeError {
    fn custom<T: std::fmt::Display>(why: T) -> Self {
        Self(why.to_string())
    }
}

struct Values;

/// Elements so far, and the variant that they are of.
struct Elements(Option<&'static str>, Vec<Value>);

/// Entries so far, the key that has no value yet, and the variant that they are of.
struct Entries(Option<&'static str>, Map, Option<Value>);

type Outcome = Result<Value, SerializeError>;

fn of_variant(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(name) => Map::from([(name, value)]).into(),
        None => value,
    }
}

impl Elements {
    fn new(variant: Option<&'static str>, count: usize) -> Self {
        // A type may promise anything.
        Self(variant, Vec::with_capacity(count.min(1 << 10)))
    }

    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        self.1.push(value.serialize(Values)?);
        Ok(())
    }

    fn done(self) -> Outcome {
        Ok(of_variant(self.0, self.1.into()))
    }
}

impl Entries {
    fn new(variant: Option<&'static str>) -> Self {
        Self(variant, Map::new(), None)
    }

    fn add<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), SerializeError> {
        self.1.insert(name, value.serialize(Values)?);
        Ok(())
    }

    fn done(self) -> Outcome {
        Ok(of_variant(self.0, self.1.into()))
    }
}

macro_rules! numbers {
    ($($method:ident: $from:ty => $to:ty)*) => {$(
        fn $method(self, value: $from) -> Outcome {
            Ok(<$to>::from(value).into())
        }
    )*};
}

impl Serializer for Values {
    type Ok = Value;
    type Error = SerializeError;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    numbers! {
        serialize_bool: bool => bool
        serialize_i8: i8 => i8
        serialize_i16: i16 => i16
        serialize_i32: i32 => i32
        serialize_i64: i64 => i64
        serialize_u8: u8 => i16
        serialize_u16: u16 => i32
        serialize_u32: u32 => i64
        serialize_f32: f32 => f32
        serialize_f64: f64 => f64
    }

    fn serialize_u64(self, value: u64) -> Outcome {
        i64::try_from(value)
            .map(Value::from)
            .map_err(|_| SerializeError::custom(format!("{value} has more than 63 bits")))
    }

    fn serialize_i128(self, value: i128) -> Outcome {
        i64::try_from(value)
            .map(Value::from)
            .map_err(|_| SerializeError::custom(format!("{value} has more than 64 bits")))
    }

    fn serialize_u128(self, value: u128) -> Outcome {
        i64::try_from(value)
            .map(Value::from)
            .map_err(|_| SerializeError::custom(format!("{value} has more than 63 bits")))
    }

    fn serialize_char(self, value: char) -> Outcome {
        Ok(value.to_string().into())
    }

    fn serialize_str(self, value: &str) -> Outcome {
        Ok(value.into())
    }

    fn serialize_bytes(self, value: &[u8]) -> Outcome {
        Ok(value.to_vec().into())
    }

    fn serialize_none(self) -> Outcome {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Outcome {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Outcome {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Outcome {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome {
        Ok(of_variant(Some(variant), value.serialize(self)?))
    }

    fn serialize_seq(self, count: Option<usize>) -> Result<Elements, SerializeError> {
        Ok(Elements::new(None, count.unwrap_or_default()))
    }

    fn serialize_tuple(self, count: usize) -> Result<Elements, SerializeError> {
        Ok(Elements::new(None, count))
    }

    fn serialize_tuple_struct(self, _: &'static str, count: usize) -> Result<Elements, SerializeError> {
        Ok(Elements::new(None, count))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        count: usize,
    ) -> Result<Elements, SerializeError> {
        Ok(Elements::new(Some(variant), count))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, SerializeError> {
        Ok(Entries::new(None))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, SerializeError> {
        Ok(Entries::new(None))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries, SerializeError> {
        Ok(Entries::new(Some(variant)))
    }
}

macro_rules! of_elements {
    ($($of:ident::$method:ident)*) => {$(
        impl $of for Elements {
            type Ok = Value;
            type Error = SerializeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
                self.add(value)
            }

            fn end(self) -> Outcome {
                self.done()
            }
        }
    )*};
}

of_elements! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! of_entries {
    ($($of:ident)*) => {$(
        impl $of for Entries {
            type Ok = Value;
            type Error = SerializeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), SerializeError> {
                self.add(name, value)
            }

            fn end(self) -> Outcome {
                self.done()
            }
        }
    )*};
}

of_entries! {
    SerializeStruct
    SerializeStructVariant
}

impl SerializeMap for Entries {
    type Ok = Value;
    type Error = SerializeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), SerializeError> {
        self.2 = Some(key.serialize(Values)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), SerializeError> {
        let key = self.2.take().ok_or_else(|| SerializeError::custom("a value of a map without its key"))?;
        self.1.insert(key, value.serialize(Values)?);
        Ok(())
    }

    fn end(self) -> Outcome {
        self.done()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Order {
        item: &'static str,
        #[serde(rename = "n")]
        quantity: u32,
        price: Option<f32>,
        tags: Vec<Tag>,
        by: BTreeMap<u8, (i8, char)>,
    }

    #[derive(Serialize)]
    enum Tag {
        Plain,
        Colour(String),
        Pair(i32, bool),
        Size { cm: u8 },
    }

    #[test]
    fn a_struct_is_a_map_by_its_fields_in_order() {
        let tags = vec![Tag::Plain, Tag::Colour("red".into()), Tag::Pair(1, true), Tag::Size { cm: 3 }];
        let order = Order { item: "cup", quantity: 4, price: None, tags, by: [(2, (-1, 'x'))].into() };
        let value = Value::of_serde(&order).unwrap();
        let names: Vec<&str> = value.fields().map(|(name, _)| name).collect();
        assert_eq!(names, ["item", "n", "price", "tags", "by"]);
        assert_eq!(value.get("n"), Some(&Value::Int64(4)));
        assert_eq!(value.get("price"), Some(&Value::Null));
        let tags = value.get("tags").unwrap().to_json();
        assert_eq!(tags, json!(["Plain", {"Colour": "red"}, {"Pair": [1, true]}, {"Size": {"cm": 3}}]));
        let by = Map::new().with(2_i16, vec![Value::from(-1_i8), "x".into()]);
        assert_eq!(value.get("by"), Some(&Value::from(by)));
    }

    #[test]
    fn numbers_keep_their_width_and_what_has_no_room_is_refused() {
        assert_eq!(Value::of_serde(&7_i32), Ok(Value::Int32(7)));
        assert_eq!(Value::of_serde(&7_u64), Ok(Value::Int64(7)));
        assert_eq!(Value::of_serde(&0.5_f32), Ok(Value::Float32(0.5)));
        assert_eq!(Value::of_serde(&Some("a")), Ok(Value::from("a")));
        assert_eq!(Value::of_serde(&None::<i32>), Ok(Value::Null));
        assert!(Value::of_serde(&u64::MAX).unwrap_err().to_string().contains("more than 63 bits"));
        assert!(Value::of_serde(&i128::MAX).is_err());
    }

    #[test]
    fn json_is_what_it_was() {
        let json = json!({"a": [1, 2.5, null, true], "b": {"c": "text"}, "d": -7});
        assert_eq!(Value::of_serde(&json).unwrap().to_json(), json);
    }
}
