use crate::data::{Map, Value, low_bits};
use indexmap::IndexMap;
use num_bigint::BigInt;
use std::sync::Arc;

/// What JSON is read to.
pub(super) trait Node: Sized {
    fn null() -> Self;
    fn boolean(value: bool) -> Self;
    fn integer(value: i64) -> Self;
    /// Digits that 64 bits do not hold.
    fn big(value: BigInt) -> Self;
    /// A number with a point or an exponent, as it is written.
    fn float(text: &str) -> Self;
    fn string(text: Arc<str>) -> Self;
    fn array(items: Vec<Self>) -> Self;
    /// The last of two fields of one name counts, in the place of the first.
    fn object(fields: Vec<(Arc<str>, Self)>) -> Self;
}

/// JSON of which a schema says what it is: numbers keep all their digits.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    Null,
    Boolean(bool),
    Integer(i64),
    Big(BigInt),
    Float(Box<str>),
    String(Arc<str>),
    Array(Vec<Tree>),
    Object(IndexMap<Arc<str>, Tree, foldhash::fast::RandomState>),
}

impl Tree {
    /// A field of an object.
    pub(super) fn get(&self, name: &str) -> Option<&Tree> {
        match self {
            Tree::Object(fields) => fields.get(name),
            _ => None,
        }
    }

    /// Its text, if it is a string.
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Tree::String(text) => Some(text),
            _ => None,
        }
    }

    /// For error texts.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Tree::Null => "null",
            Tree::Boolean(_) => "a boolean",
            Tree::Integer(_) | Tree::Big(_) | Tree::Float(_) => "a number",
            Tree::String(_) => "a string",
            Tree::Array(_) => "an array",
            Tree::Object(_) => "an object",
        }
    }
}

impl Node for Tree {
    fn null() -> Self {
        Tree::Null
    }
    fn boolean(value: bool) -> Self {
        Tree::Boolean(value)
    }
    fn integer(value: i64) -> Self {
        Tree::Integer(value)
    }
    fn big(value: BigInt) -> Self {
        Tree::Big(value)
    }
    fn float(text: &str) -> Self {
        Tree::Float(text.into())
    }
    fn string(text: Arc<str>) -> Self {
        Tree::String(text)
    }
    fn array(items: Vec<Self>) -> Self {
        Tree::Array(items)
    }
    fn object(fields: Vec<(Arc<str>, Self)>) -> Self {
        Tree::Object(fields.into_iter().collect())
    }
}

/// Data without a schema, as Kafka has it: integers of 64 bits, the low ones where there are more; floats of 64.
impl Node for Value {
    fn null() -> Self {
        Value::Null
    }
    fn boolean(value: bool) -> Self {
        Value::Boolean(value)
    }
    fn integer(value: i64) -> Self {
        Value::Int64(value)
    }
    fn big(value: BigInt) -> Self {
        Value::Int64(low_bits(&value))
    }
    fn float(text: &str) -> Self {
        Value::Float64(unsigned_zero(text))
    }
    fn string(text: Arc<str>) -> Self {
        Value::String(text)
    }
    fn array(items: Vec<Self>) -> Self {
        Value::Array(items)
    }
    fn object(fields: Vec<(Arc<str>, Self)>) -> Self {
        Value::Map(fields.into_iter().collect::<Map>())
    }
}

/// The number of a text; of zeros only that without a sign, as Jackson's decimals have none.
pub(super) fn unsigned_zero(text: &str) -> f64 {
    text.parse::<f64>().unwrap_or(f64::NAN) + 0.0
}
