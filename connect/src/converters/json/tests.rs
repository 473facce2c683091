use super::*;
use crate::data::{Map, Struct};
use crate::options::Given;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn converter(options: &[(&str, &str)]) -> JsonConverter {
    let options: BTreeMap<_, _> =
        options.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    JsonConverter::new(&JsonOptions::read(&Given::new(&options)).unwrap()).unwrap()
}

fn plain() -> JsonConverter {
    converter(&[("schemas.enable", "false")])
}

fn read(text: &str) -> Result<Value, ConvertError> {
    plain().read("t", Some(&Bytes::copy_from_slice(text.as_bytes()))).map(|data| data.value)
}

fn written(converter: &JsonConverter, data: &SchemaAndValue) -> String {
    String::from_utf8(converter.write("t", data).unwrap().unwrap().to_vec()).unwrap()
}

#[test]
fn plain_json_is_read_as_kafka_reads_it() {
    assert_eq!(read("").unwrap(), Value::Null);
    assert_eq!(read(" 007 trailing").unwrap(), Value::Int64(7));
    assert_eq!(read("18446744073709551617").unwrap(), Value::Int64(1));
    assert_eq!(read("1e2").unwrap(), Value::Float64(100.0));
    assert_eq!(read(r#""\u00e9\ud834\udd1e\n""#).unwrap(), Value::from("é𝄞\n"));
    assert_eq!(
        read(r#"{"b":1,"a":[],"b":2}"#).unwrap(),
        Value::Map(Map::from([("b", Value::Int64(2)), ("a", Value::Array(vec![]))]))
    );
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "{",
        "[1,]",
        "{\"a\"}",
        "{\"a\":1,}",
        "tru",
        "truex",
        "\"",
        "\"\u{1}\"",
        "\"\\x\"",
        "\"\\ud834\"",
        "1x",
        "1.",
        ".5",
        "-",
        "+1",
        "1e",
        "1e99999999999",
        "NaN",
        "'a'",
        "//\n1",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn no_nesting_and_no_number_is_too_long_to_be_refused() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    read(&deep(1_000)).unwrap();
    assert!(read(&deep(1_001)).is_err());
    assert!(read(&deep(1_000_000)).is_err());
    assert!(read(&"{\"a\":".repeat(1_000_000)).is_err());
    assert!(read(&"9".repeat(1_001)).is_err());
}

#[test]
fn the_deepest_schema_and_the_deepest_value_fit_the_stack() {
    let converter = converter(&[]);
    let nested = |depth: usize| {
        let schema =
            "{\"type\":\"array\",\"items\":".repeat(depth) + "{\"type\":\"int8\"}" + &"}".repeat(depth);
        let payload = "[".repeat(depth) + "1" + &"]".repeat(depth);
        converter.read("t", Some(&Bytes::from(format!("{{\"schema\":{schema},\"payload\":{payload}}}"))))
    };
    assert!(nested(100).is_err() && nested(900).is_err());
    let data = nested(99).unwrap();
    data.schema.as_ref().unwrap().validate(&data.value).unwrap();
    let written = converter.write("t", &data).unwrap().unwrap().into_owned();
    assert_eq!(converter.read("t", Some(&written.into())).unwrap(), data);

    let depth = 999;
    let value = read(&("{\"a\":".repeat(depth) + "1" + &"}".repeat(depth))).unwrap();
    assert_eq!(value.clone(), value);
    assert!(value.size_bytes() > depth && value.to_java_string().len() > depth);
    assert!(plain().write("t", &SchemaAndValue::schemaless(value.clone())).unwrap().unwrap().len() > depth);
    assert!(serde_json::to_string(&value.to_json()).unwrap().len() > depth);
    let half = format!("{{\"schema\":null,\"payload\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    converter.read("t", Some(&Bytes::from(half))).unwrap();
}

#[test]
fn an_envelope_has_a_schema_and_a_payload_and_no_more() {
    let converter = converter(&[]);
    let read = |text: &'static str| converter.read("t", Some(&Bytes::from_static(text.as_bytes())));
    let data =
        read(r#" {"payload":{"a":5},"schema":{"type":"struct","fields":[{"type":"int8","field":"a"}]}}"#)
            .unwrap();
    assert_eq!(data.value.get("a"), Some(&Value::Int8(5)));
    assert_eq!(
        read(r#"{"schema":null,"payload":[1]}"#).unwrap(),
        SchemaAndValue::schemaless(vec![Value::Int64(1)])
    );
    for text in ["1", "{}", r#"{"schema":null}"#, r#"{"schema":null,"payload":1,"more":1}"#] {
        assert!(matches!(read(text), Err(ConvertError::Form(_))), "{text}");
    }
}

#[test]
fn a_struct_is_written_with_its_schema_byte_for_byte() {
    let schema =
        Schema::structure().name("s").version(1).field("a", Schema::optional_string()).build().unwrap();
    let value = Struct::new(schema.clone()).unwrap().with("a", "x\u{1f}\"é").unwrap();
    assert_eq!(
        written(&converter(&[]), &SchemaAndValue::new(schema, value)),
        "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"string\",\"optional\":true,\"field\":\"a\"}],\
         \"optional\":false,\"name\":\"s\",\"version\":1},\"payload\":{\"a\":\"x\\u001F\\\"é\"}}"
    );
}

#[test]
fn messages_are_read_by_the_schema_of_the_options() {
    let converter = converter(&[("schema.content", r#"{"type":"int8"}"#)]);
    let data = converter.read("t", Some(&Bytes::from_static(b"5"))).unwrap();
    assert_eq!(data, SchemaAndValue::new(Schema::int8(), 5_i8));
    let options = BTreeMap::from([("schema.content".to_owned(), "{}".to_owned())]);
    assert!(JsonConverter::new(&JsonOptions::read(&Given::new(&options)).unwrap()).is_err());
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Int64),
        any::<f64>()
            .prop_filter("JSON has no others", |value| value.is_finite())
            .prop_map(|value| Value::Float64(value + 0.0)),
        ".{0,8}".prop_map(|text: String| Value::from(text)),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::vec((".{0,3}", inner), 0..4)
                .prop_map(|fields| Value::Map(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(value in json().prop_filter("null is no message", |value| !value.is_null())) {
        let data = SchemaAndValue::schemaless(value.clone());
        let bytes = plain().write("t", &data).unwrap().unwrap().into_owned();
        prop_assert_eq!(plain().read("t", Some(&bytes.into())).unwrap().value, value);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64), json in "[\\[\\]{}\",:0-9.eE\\\\untrfals -]{0,40}") {
        for bytes in [Bytes::from(bytes), Bytes::from(json)] {
            let _ = plain().read("t", Some(&bytes));
            let _ = converter(&[]).read("t", Some(&bytes));
        }
    }
}

#[test]
fn json_without_a_schema_may_be_kept_and_says_the_same_broken_or_not() {
    let text = Bytes::from_static(br#"{"a": 1.50}"#);
    let kept = plain().read_or_keep("t", Some(&text)).unwrap();
    assert_eq!(verbatim::verbatim(&kept), Some(&text));
    for other in ["null", "[1]", "{\"a\":1,\"a\":2}", "{\"a\":", "{\"a\":1}\n"] {
        let other = Bytes::from(other);
        let said = |data: Result<SchemaAndValue, ConvertError>| data.map_err(|error| error.to_string());
        let (kept, read) = (plain().read_or_keep("t", Some(&other)), plain().read("t", Some(&other)));
        assert_eq!(said(kept), said(read));
    }
    let envelope = Bytes::from_static(br#"{"schema":null,"payload":{"a":1}}"#);
    let read = converter(&[]).read_or_keep("t", Some(&envelope)).unwrap();
    assert_eq!(read.value.get("a"), Some(&Value::Int64(1)));
}
