//! The bytes of windowed keys, as Kafka's serializers (4.3.1) write them.

use millstream::data::DataError;
use millstream::prelude::*;
use millstream::serde::{Native, Serde, TimeWindowedSerde};

/// What `WindowedSerdes.timeWindowedSerdeFrom(String.class, 60000)` makes of "k1" in the window from 1,700,000,040,000.
const KAFKAS: &[u8] = b"k1\x00\x00\x01\x8b\xcf\xe6\x04\x40";

#[test]
fn windowed_keys_are_those_of_the_java_serializers() {
    let serde = TimeWindowedSerde::new(Native, mins(1));
    let key: Windowed<String> = windowed("k1", 1_700_000_040_000..1_700_000_100_000);
    let mut bytes = Vec::new();
    assert!(serde.encode(&key, &mut bytes).unwrap());
    assert_eq!(bytes, KAFKAS);
    assert_eq!(Serde::<Windowed<String>>::decode(&serde, Some(KAFKAS)).unwrap(), key);
}

#[test]
fn what_is_no_windowed_key_does_not_decode() {
    let serde = TimeWindowedSerde::new(Native, mins(1));
    let decode = |bytes| Serde::<Windowed<String>>::decode(&serde, bytes);
    assert!(matches!(decode(None), Err(DataError::Null)));
    assert!(matches!(decode(Some(&KAFKAS[3..])), Err(DataError::Length { expected: 8, actual: 7 })));
    assert!(matches!(decode(Some(b"\xff12345678")), Err(DataError::Utf8(_))));
}

#[test]
fn a_windowed_key_may_not_be_missing() {
    let serde = TimeWindowedSerde::new(Native, mins(1));
    let none = Windowed::new(None::<String>, Window::from(0..60_000));
    assert!(matches!(serde.encode(&none, &mut Vec::new()), Err(DataError::Null)));
}
