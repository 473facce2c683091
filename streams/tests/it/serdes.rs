//! The bytes of keys and values, as Kafka's own serializers (4.3.1) write them.

use std::fmt::Debug;

use bytes::Bytes;
use millstream::data::{Data, DataError};
use millstream::prelude::*;
use millstream::serde::Serde;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

fn encoded(value: &impl Data) -> Vec<u8> {
    let mut bytes = b"before".to_vec();
    value.encode(&mut bytes).unwrap();
    bytes.split_off(6)
}

/// `value` is written as these bytes and read back from them.
fn golden<T: Data + Debug + PartialEq>(value: T, bytes: &[u8]) {
    assert_eq!(encoded(&value), bytes, "{value:?}");
    assert_eq!(T::decode(bytes).unwrap(), value);
}

#[test]
fn numbers_are_those_of_the_java_serializers() {
    golden(-2_i16, &[0xff, 0xfe]);
    golden(32767_i16, &[0x7f, 0xff]);
    golden(-2_i32, &[0xff, 0xff, 0xff, 0xfe]);
    golden(i32::MAX, &[0x7f, 0xff, 0xff, 0xff]);
    golden(-2_i64, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
    golden(1_234_567_890_123_456_789_i64, &[0x11, 0x22, 0x10, 0xf4, 0x7d, 0xe9, 0x81, 0x15]);
    golden(1.5_f32, &[0x3f, 0xc0, 0, 0]);
    golden(-0.1_f32, &[0xbd, 0xcc, 0xcc, 0xcd]);
    golden(1.5_f64, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
    golden(-0.1_f64, &[0xbf, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a]);
    golden(true, &[1]);
    golden(false, &[0]);
}

#[test]
fn texts_are_those_of_the_java_serializers() {
    const CUTTER: &[u8] = b"\xc3\x9cbermut-\xf0\x9f\x90\x8b";
    golden("whale".to_owned(), b"whale");
    golden("Übermut-🐋".to_owned(), CUTTER);
    golden(Text::from("Übermut-🐋"), CUTTER);
    golden(
        uuid::Uuid::from_u128(0x123e4567_e89b_12d3_a456_426614174000),
        b"123e4567-e89b-12d3-a456-426614174000",
    );
    golden(Bytes::from_static(b"\x00\xff"), b"\x00\xff");
    golden(b"\x00\xff".to_vec(), b"\x00\xff");
    golden((), b"");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
struct Request {
    path: String,
    ms: u64,
}

#[derive(Clone, Debug, PartialEq, Data)]
#[data(transparent)]
struct UserId(String);

#[derive(Clone, Debug, PartialEq, Data)]
#[data(transparent)]
struct Metres {
    value: f64,
}

#[test]
fn derived_types_are_json_or_their_only_field() {
    golden(Request { path: "/".into(), ms: 3 }, br#"{"path":"/","ms":3}"#);
    golden(Json(vec![1, 2]), b"[1,2]");
    golden(UserId("ada".into()), b"ada");
    golden(Metres { value: 1.5 }, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn what_does_not_decode_says_why() {
    let why = |error: DataError| error.to_string();
    assert_eq!(why(i64::decode(b"123").unwrap_err()), "3 bytes where 8 are needed");
    assert_eq!(why(bool::decode(&[2]).unwrap_err()), "2 is no boolean");
    assert!(why(String::decode(b"\xff").unwrap_err()).starts_with("not UTF-8"));
    assert!(why(Text::decode(b"\xff").unwrap_err()).starts_with("not UTF-8"));
    assert!(why(Request::decode(b"{}").unwrap_err()).contains("missing field `path`"));
    assert_eq!(why(<()>::decode(b"x").unwrap_err()), "1 bytes where 0 are needed");
    assert_eq!(
        why(Option::<i64>::encode(&None, &mut Vec::new()).unwrap_err()),
        "null where the type is no Option"
    );
    assert!(uuid::Uuid::decode(b"x").is_err());
}

proptest! {
    #[test]
    fn what_is_written_reads_back(text in any::<String>(), number in any::<i64>(), float in any::<f32>(), bytes in any::<Vec<u8>>()) {
        prop_assert_eq!(String::decode(&encoded(&text)).unwrap(), text.clone());
        let small = Text::from(text.clone());
        prop_assert_eq!(Text::decode(&encoded(&small)).unwrap(), text.as_str());
        prop_assert_eq!(Some(number), Option::<i64>::decode(&encoded(&Some(number))).unwrap());
        prop_assert_eq!(f32::decode(&encoded(&float)).unwrap().to_bits(), float.to_bits());
        let request = Request { path: text, ms: number.unsigned_abs() };
        prop_assert_eq!(Request::decode(&encoded(&request)).unwrap(), request);
        prop_assert_eq!(Bytes::decode(&bytes).unwrap(), bytes.clone());
        // Whatever the bytes, decoding answers.
        let _ = (i128::decode(&bytes), bool::decode(&bytes), String::decode(&bytes), Request::decode(&bytes));
    }
}

/// A number as decimal text.
struct Decimal;

impl Serde<i64> for Decimal {
    fn encode(&self, value: &i64, out: &mut Vec<u8>) -> Result<bool, DataError> {
        out.extend_from_slice(value.to_string().as_bytes());
        Ok(true)
    }

    fn decode(&self, bytes: Option<&[u8]>) -> Result<i64, DataError> {
        std::str::from_utf8(bytes.ok_or(DataError::Null)?)?.parse().map_err(DataError::format)
    }
}

/// The key and value of a record 1, 23 in the repartition topic behind these operators, when both are read as decimal texts.
fn repartitioned(draw: impl Fn(&KStream<i64, i64>) -> KStream<i64, i64>) -> (Bytes, Bytes) {
    let numbers = Topic::with("in", Decimal, Decimal);
    let builder = StreamsBuilder::new();
    let stream = draw(&builder.stream(numbers.clone()));
    stream.repartition("again").for_each(|_, _| {});
    let mut driver = TestDriver::new(&builder.build().unwrap()).unwrap();
    driver.input(numbers).send(1, 23).unwrap();
    let record = driver.output(Topic::<Bytes, Bytes>::new("again-repartition")).next_record().unwrap();
    (record.key, record.value)
}

/// As in Kafka Streams: what an operator replaces loses the serde that it came with.
#[test]
fn a_topics_serdes_go_with_the_records_into_repartition_topics() {
    let decimal = |n: i64| Bytes::from(n.to_string());
    let native = |n: i64| Bytes::copy_from_slice(&n.to_be_bytes());
    let kept = (decimal(1), decimal(23));
    assert_eq!(repartitioned(|numbers| numbers.filter(|_, _| true).peek(|_, _| {})), kept);
    assert_eq!(repartitioned(|numbers| numbers.repartition("before")), kept);
    assert_eq!(repartitioned(|numbers| numbers.split().branch(|_, _| true)), kept);
    assert_eq!(repartitioned(|numbers| numbers.select_key(|k, _| *k)), (native(1), decimal(23)));
    assert_eq!(repartitioned(|numbers| numbers.map_values(|n| n)), (decimal(1), native(23)));
    assert_eq!(repartitioned(|numbers| numbers.try_map_values(Ok::<_, ()>).0), (decimal(1), native(23)));
    assert_eq!(repartitioned(|numbers| numbers.map(|k, n| (k, n))), (native(1), native(23)));
}
