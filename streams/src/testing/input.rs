//! A topic that a test writes to.

use crate::dsl::Topic;
use crate::processor::Headers;

use super::{TestDriver, TestError};

/// A record on its way into a topic.
pub(super) struct Written {
    /// `None`: the key decides.
    pub(super) partition: Option<i32>,
    /// How many bytes of the key have a say in that.
    pub(super) partitioned: usize,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) timestamp: i64,
    pub(super) headers: Headers,
}

/// Sends records into the topology under test.
#[must_use = "an input does nothing until it sends"]
pub struct TestInput<'a, K: 'static, V: 'static> {
    driver: &'a mut TestDriver,
    topic: Topic<K, V>,
    timestamp: i64,
    headers: Headers,
    partition: Option<i32>,
}

impl<'a, K, V> TestInput<'a, K, V> {
    pub(super) fn new(driver: &'a mut TestDriver, topic: Topic<K, V>, timestamp: i64) -> Self {
        Self { driver, topic, timestamp, headers: Headers::default(), partition: None }
    }

    /// The time of the records to come, in milliseconds; without it they carry the test's wall clock.
    pub fn at(mut self, timestamp: i64) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// The partition of the records to come; without it the hash of the key decides, and records without a key go to each
    /// partition in turn.
    pub fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// Adds a header to the records to come.
    pub fn header(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.push(name, Some(value.to_vec()));
        self
    }

    /// The headers of the records to come, in place of those added so far.
    pub fn headers(mut self, headers: Headers) -> Self {
        self.headers = headers;
        self
    }

    /// Sends a record and processes all that follows from it.
    ///
    /// # Errors
    /// The topology does not read the topic, the record has no bytes, or a node failed.
    pub fn send(&mut self, key: impl Into<K>, value: impl Into<V>) -> Result<(), TestError> {
        let (key, value) = (self.encode_key(&key.into())?, self.encode_value(&value.into())?);
        self.pipe(key, value)
    }

    /// Sends a record without a key.
    ///
    /// # Errors
    /// As [`send`](Self::send); a topic whose key is no `Option` does not decode it.
    pub fn send_value(&mut self, value: impl Into<V>) -> Result<(), TestError> {
        let value = self.encode_value(&value.into())?;
        self.pipe(None, value)
    }

    /// Sends a record without a value, which removes the key from a table.
    ///
    /// # Errors
    /// As [`send`](Self::send); a stream whose value is no `Option` does not decode it.
    pub fn send_tombstone(&mut self, key: impl Into<K>) -> Result<(), TestError> {
        let key = self.encode_key(&key.into())?;
        self.pipe(key, None)
    }

    fn encode_key(&self, key: &K) -> Result<Option<Vec<u8>>, TestError> {
        let mut bytes = Vec::new();
        Ok(self.topic.key.encode(key, &mut bytes)?.then_some(bytes))
    }

    fn encode_value(&self, value: &V) -> Result<Option<Vec<u8>>, TestError> {
        let mut bytes = Vec::new();
        Ok(self.topic.value.encode(value, &mut bytes)?.then_some(bytes))
    }

    fn pipe(&mut self, key: Option<Vec<u8>>, value: Option<Vec<u8>>) -> Result<(), TestError> {
        let suffix = self.topic.key.unpartitioned_suffix();
        let partitioned = key.as_ref().map_or(0, |key| key.len().saturating_sub(suffix));
        let (partition, timestamp, headers) = (self.partition, self.timestamp, self.headers.clone());
        let written = Written { partition, partitioned, key, value, timestamp, headers };
        self.driver.pipe(&self.topic.topic_name(), written)
    }
}
