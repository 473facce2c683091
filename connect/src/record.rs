use std::sync::Arc;

use crate::data::SchemaAndValue;

/// A record on its way through Connect (Kafka's `ConnectRecord`).
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Of a source: where it goes. Of a sink: where it came from, as transforms renamed it.
    pub topic: Arc<str>,
    /// Of a source: the partition it goes to; `None` leaves it to the hash of the key.
    pub partition: Option<i32>,
    /// The key; null without a schema where there is none.
    pub key: SchemaAndValue,
    /// The value; null is a tombstone.
    pub value: SchemaAndValue,
    /// Milliseconds since 1970. `None`: the time at which it is produced.
    pub timestamp: Option<i64>,
    /// In order; a name can stand more than once.
    pub headers: Headers,
    /// Where a sink's record was read, which no transform changes: what ids and dead letters are made of. `None` in a source.
    pub origin: Option<Origin>,
}

/// Headers in order.
pub type Headers = Vec<(String, SchemaAndValue)>;

/// Where a record was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The topic, whatever transforms made of the record's since.
    pub topic: Arc<str>,
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
    /// What its timestamp is.
    pub timestamp_type: TimestampType,
}

/// What the timestamp of a record is (Kafka's `TimestampType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// When it happened, as its producer says.
    #[default]
    CreateTime,
    /// When the broker appended it.
    LogAppendTime,
}

impl Record {
    /// A value for a topic, with nothing else.
    pub fn new(topic: Arc<str>, value: impl Into<SchemaAndValue>) -> Self {
        let (partition, timestamp, origin) = (None, None, None);
        let (key, value) = (SchemaAndValue::NULL, value.into());
        Self { topic, partition, key, value, timestamp, headers: Headers::new(), origin }
    }

    /// The same with a key.
    #[must_use]
    pub fn key(mut self, key: impl Into<SchemaAndValue>) -> Self {
        self.key = key.into();
        self
    }

    /// The same with a time, in milliseconds since 1970.
    #[must_use]
    pub fn at(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// The same with the time at which a sender says that it happened, where a broker takes that: Kafka knows none before 1970, which
    /// is left to the producer, and refuses what lies ahead (`message.timestamp.after.max.ms`), with all that was sent along, which
    /// becomes `now`.
    #[must_use]
    pub fn said_at(mut self, said: i64, now: i64) -> Self {
        self.timestamp = (said >= 0).then_some(said.min(now));
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<SchemaAndValue>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}
