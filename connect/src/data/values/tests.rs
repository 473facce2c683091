use super::*;
use crate::data::{Map, Type, Value};
use proptest::prelude::*;

#[test]
fn a_text_is_what_it_looks_like() {
    for (text, value) in [
        ("null", Value::Null),
        ("true", Value::Boolean(true)),
        (" false ", Value::Boolean(false)),
        ("true}", Value::from("true}")),
        ("1", Value::Int8(1)),
        ("-129", Value::Int16(-129)),
        ("70000", Value::Int32(70_000)),
        ("3000000000", Value::Int64(3_000_000_000)),
        ("1.5", Value::Float32(1.5)),
        ("1.0", Value::Int8(1)),
        ("1e300", Value::Float64(1e300)),
        ("1970-01-02", Value::Date(1)),
        ("00:00:01.000Z", Value::Time(1_000)),
        ("1970-01-01T00:00:01.000Z", Value::Timestamp(1_000)),
        ("[1, 300]", Value::Array(vec![Value::Int16(1), Value::Int16(300)])),
        ("[1, x]", Value::from("[1, x]")),
        ("{\"a\": 1}", Value::from(Map::from([("a", 1_i8)]))),
        ("{\"a\"", Value::from("{\"a\"")),
        ("2 words", Value::from("2 words")),
    ] {
        assert_eq!(parse(text).value, value, "{text}");
    }
    assert_eq!(parse("[1]").schema.unwrap().value_schema().unwrap().kind(), Type::Int8);
}

#[test]
fn no_nesting_is_too_deep() {
    let deep = "[".repeat(100_000);
    assert_eq!(parse(&deep).value, Value::from(deep));
}

proptest! {
    #[test]
    fn any_text_is_something(text in ".{0,40}", structured in "[\\[\\]{}\",:0-9tnul.eE+ \\\\-]{0,40}") {
        parse(&text);
        parse(&structured);
    }

    #[test]
    fn numbers_come_back(value in any::<i64>()) {
        prop_assert_eq!(parse(&super::text(&Value::Int64(value))).value.as_i64(), Some(value));
    }
}
