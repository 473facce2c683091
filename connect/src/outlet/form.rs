//! From a topology's records to those of a sink.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use millstream::outlet::{Place, Refused};
use millstream::processor::{Headers as TypedHeaders, Record as Typed};
use serde::Serialize;

use crate::data::{SchemaAndValue, SerializeError, Value};
use crate::record::{Headers, Origin, Record, TimestampType};
use crate::runtime::Encoded;
use crate::sink::Replay;

/// So many records may be made of one, where each has a place of its own.
const MADE_OF_ONE: i64 = 1 << 20;

/// Makes records of one task.
pub(super) struct Form {
    topic: Arc<str>,
    partition: i32,
    replay: Replay,
    /// The number of the last record that has no place.
    number: i64,
}

/// Why a record has no form.
#[derive(Debug, thiserror::Error)]
pub(super) enum Formless {
    #[error("the {0} cannot be told to the sink: {1}")]
    Serde(&'static str, SerializeError),
    #[error(
        "more than {MADE_OF_ONE} records were made of the one at offset {0}, and the sink names what it writes by where it was read"
    )]
    TooMany(i64),
}

impl Form {
    pub(super) fn new(topic: Arc<str>, partition: i32, replay: Replay) -> Self {
        Self { topic, partition, replay, number: 0 }
    }

    /// The record, and where the sink takes it to be from.
    pub(super) fn of<K: Serialize, V: Serialize>(
        &mut self,
        record: &Typed<K, V>,
        from: Option<&Place>,
    ) -> Result<Record, Formless> {
        Ok(Record {
            topic: Arc::clone(&self.topic),
            partition: Some(self.partition),
            key: data(&record.key).map_err(|error| Formless::Serde("key", error))?,
            value: data(&record.value).map_err(|error| Formless::Serde("value", error))?,
            timestamp: (record.timestamp >= 0).then_some(record.timestamp),
            headers: headers(&record.headers),
            origin: self.origin(from)?,
        })
    }

    /// One that writes in place is given what it can name its writes by; the larger of two numbers is the later one. One that keeps
    /// offsets elsewhere names what it writes by where it was read as it is, which only one record can have.
    fn origin(&mut self, from: Option<&Place>) -> Result<Option<Origin>, Formless> {
        let origin = |topic: &Arc<str>, partition, offset| {
            let topic = Arc::clone(topic);
            Some(Origin { topic, partition, offset, timestamp_type: TimestampType::CreateTime })
        };
        match (self.replay, from) {
            (Replay::Once, from) => {
                let from = from.filter(|place| place.nth == 0);
                Ok(from.and_then(|place| origin(&place.topic, place.partition, place.offset)))
            }
            (Replay::Appends, from) => {
                Ok(from.and_then(|place| origin(&place.topic, place.partition, place.offset)))
            }
            (Replay::Upserts, Some(place)) if place.is_repeatable => {
                let nth = Some(i64::from(place.nth)).filter(|nth| *nth < MADE_OF_ONE);
                let offset = nth.and_then(|nth| place.offset.checked_mul(MADE_OF_ONE)?.checked_add(nth));
                let offset = offset.ok_or(Formless::TooMany(place.offset))?;
                Ok(origin(&place.topic, place.partition, offset))
            }
            (Replay::Upserts, _) => {
                self.number = micros().max(self.number + 1);
                Ok(origin(&self.topic, self.partition, self.number))
            }
        }
    }
}

/// What a policy is shown of a record that the sink refuses.
pub(super) fn refused(record: &Record, from: Option<Place>, why: String) -> Refused {
    let encoded = Encoded::plain(record);
    let mut headers = TypedHeaders::default();
    for (name, value) in encoded.headers {
        headers.push(name, value.map(|value| value.to_vec()));
    }
    let (key, value) = (encoded.key.map(|key| key.to_vec()), encoded.value.map(|value| value.to_vec()));
    Refused { from, key, value, timestamp: record.timestamp.unwrap_or_default(), headers, why }
}

fn data(of: &impl Serialize) -> Result<SchemaAndValue, SerializeError> {
    Ok(match Value::of_serde(of)? {
        Value::String(text) => SchemaAndValue::string(text),
        value => SchemaAndValue::schemaless(value),
    })
}

/// Text where it is text: that is what a sink can write down.
fn headers(of: &TypedHeaders) -> Headers {
    let value = |bytes: &Option<Vec<u8>>| match bytes {
        None => SchemaAndValue::NULL,
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => SchemaAndValue::string(text),
            Err(_) => SchemaAndValue::bytes(bytes.clone()),
        },
    };
    of.iter().map(|header| (header.name.clone(), value(&header.value))).collect()
}

/// Since 1970.
fn micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(replay: Replay, from: Option<&Place>) -> Option<(String, i64)> {
        let mut form = Form::new("stock".into(), 3, replay);
        let made = form.of(&Typed::new("cup", 4_i32, 7), from).unwrap();
        assert_eq!((made.partition, made.timestamp, &*made.topic), (Some(3), Some(7), "stock"));
        assert_eq!((made.key, made.value.value), (SchemaAndValue::string("cup"), Value::Int32(4)));
        made.origin.map(|origin| (origin.topic.to_string(), origin.offset))
    }

    /// As a topology makes places.
    fn place(nth: u32, is_repeatable: bool) -> Place {
        Place::new("orders", 3, 5, nth, is_repeatable)
    }

    #[test]
    fn where_a_record_was_read_is_told_once_and_a_sink_that_names_by_it_gets_one_of_its_own_for_each() {
        let told = |offset| Some(("orders".to_owned(), offset));
        assert_eq!(origin(Replay::Once, Some(&place(0, false))), told(5));
        assert_eq!(origin(Replay::Once, Some(&place(1, true))), None);
        assert_eq!(origin(Replay::Appends, Some(&place(1, false))), told(5));
        assert_eq!(origin(Replay::Upserts, Some(&place(0, true))), told(5 << 20));
        assert_eq!(origin(Replay::Upserts, Some(&place(1, true))), told((5 << 20) + 1));
        let mut form = Form::new("stock".into(), 0, Replay::Upserts);
        assert!(form.of(&Typed::new("cup", 4, 7), Some(&place(1 << 20, true))).is_err());
    }

    #[test]
    fn what_has_no_place_of_its_own_has_a_number_that_only_grows() {
        let mut form = Form::new("stock".into(), 0, Replay::Upserts);
        let mut numbers = Vec::new();
        for from in [None, Some(place(0, false)), None] {
            let made = form.of(&Typed::new(None::<String>, 4, 7), from.as_ref()).unwrap();
            let origin = made.origin.unwrap();
            assert_eq!(&*origin.topic, "stock");
            numbers.push(origin.offset);
        }
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }

    #[test]
    fn what_is_refused_is_shown_as_bytes() {
        let mut form = Form::new("stock".into(), 0, Replay::Appends);
        let mut record = Typed::new(9_i32, vec!["a"], 7);
        record.headers.push("raw", Some(vec![0xff]));
        let made = form.of(&record, None).unwrap();
        let shown = refused(&made, None, "no".to_owned());
        let bytes = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!((shown.key, shown.value, shown.timestamp), (bytes("9"), bytes("[\"a\"]"), 7));
        assert_eq!(shown.headers.last("raw").unwrap().value, Some(vec![0xff]));
    }

    #[test]
    fn what_serde_cannot_write_has_no_form() {
        let mut form = Form::new("stock".into(), 0, Replay::Appends);
        let why = form.of(&Typed::new("cup", u64::MAX, 7), None).unwrap_err().to_string();
        assert!(why.starts_with("the value cannot be told to the sink"), "{why}");
    }
}
