use std::sync::Arc;

use bytes::Bytes;

use super::options::{Content, FileSourceOptions, Key};
use super::tracked::{Event, Out};
use crate::data::SchemaAndValue;
use crate::host::host_name;
use crate::record::{Headers, Record};

/// How many bytes of lines are handed over at once: with the batches that wait, what a task holds in memory.
const MAX_BYTES: usize = 1 << 20;

/// Makes records of lines.
pub(super) struct BatchInTheMaking {
    topic: Arc<str>,
    key: Key,
    content: Content,
    header_path: Option<String>,
    header_position: Option<String>,
    header_host: Option<String>,
    /// The same for all records.
    host: Arc<str>,
    max_records: usize,
    records: Vec<Record>,
    bytes: usize,
    now: i64,
}

impl BatchInTheMaking {
    pub(super) fn new(options: &FileSourceOptions) -> Self {
        Self {
            topic: Arc::from(options.topic.as_str()),
            key: options.key,
            content: options.value,
            header_path: options.header_path.clone(),
            header_position: options.header_position.clone(),
            header_host: options.header_host.clone(),
            host: host_name().into(),
            max_records: options.batch_size,
            records: Vec::new(),
            bytes: 0,
            now: 0,
        }
    }

    /// Lines are taken now, in milliseconds since 1970.
    pub(super) fn begin(&mut self, now: i64) {
        self.now = now;
    }

    /// What was taken since the last time.
    pub(super) fn take(&mut self) -> Vec<Record> {
        self.bytes = 0;
        std::mem::take(&mut self.records)
    }

    fn headers(&self, event: &Event<'_>) -> Headers {
        let host = self.header_host.iter().map(|name| (name, SchemaAndValue::string(self.host.clone())));
        let path = self.header_path.iter().map(|name| (name, SchemaAndValue::string(event.path.clone())));
        let place = || SchemaAndValue::string(event.place.text(&self.host, event.bytes));
        let place = self.header_position.iter().map(|name| (name, place()));
        host.chain(path).chain(place).map(|(name, value)| (name.clone(), value)).collect()
    }
}

impl Out for BatchInTheMaking {
    fn take(&mut self, event: &Event<'_>) -> bool {
        let value = match self.content {
            Content::Bytes => SchemaAndValue::bytes(Bytes::copy_from_slice(event.bytes)),
            Content::Text => match std::str::from_utf8(event.bytes) {
                Ok(text) => SchemaAndValue::string(text),
                Err(_) => SchemaAndValue::string(&*String::from_utf8_lossy(event.bytes)),
            },
        };
        let key = match self.key {
            Key::None => SchemaAndValue::NULL,
            Key::Path => SchemaAndValue::string(event.path.clone()),
        };
        let headers = self.headers(event);
        let (topic, timestamp) = (self.topic.clone(), Some(self.now));
        self.records.push(Record { topic, partition: None, key, value, timestamp, headers, origin: None });
        self.bytes += event.bytes.len();
        !self.is_full()
    }

    fn is_full(&self) -> bool {
        self.records.len() >= self.max_records || self.bytes >= MAX_BYTES
    }
}
