//! One record on its way through a task.

use super::Headers;

/// A key, a value and when it happened. Decoded once at the source, moved from node to node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<K, V> {
    /// The key; `Option<_>` where it may be missing.
    pub key: K,
    /// The value; `Option<_>` where it may be missing.
    pub value: V,
    /// Event time in milliseconds since 1970.
    pub timestamp: i64,
    /// Headers, passed on by every operator.
    pub headers: Headers,
}

impl<K, V> Record<K, V> {
    /// A record without headers.
    pub fn new(key: K, value: V, timestamp: i64) -> Self {
        Self { key, value, timestamp, headers: Headers::default() }
    }

    /// The same record at another time, in milliseconds.
    pub fn at(mut self, timestamp: i64) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// The same record with another value.
    pub fn with_value<V2>(self, value: V2) -> Record<K, V2> {
        Record { key: self.key, value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record with another key.
    pub fn with_key<K2>(self, key: K2) -> Record<K2, V> {
        Record { key, value: self.value, timestamp: self.timestamp, headers: self.headers }
    }
}
