use std::sync::Arc;

use bytes::Bytes;

use super::options::{Content, FileSourceOptions, Key};
use super::tracked::Out;
use crate::data::SchemaAndValue;
use crate::record::{Headers, Record};

/// How many bytes of lines are handed over at once: with the batches that wait, what a task holds in memory.
const MAX_BYTES: usize = 1 << 20;

/// Makes records of lines.
pub(super) struct BatchInTheMaking {
    topic: Arc<str>,
    key: Key,
    content: Content,
    header_path: Option<String>,
    /// The same for all records.
    header_host: Option<(String, SchemaAndValue)>,
    max_records: usize,
    records: Vec<Record>,
    bytes: usize,
    now: i64,
}

impl BatchInTheMaking {
    pub(super) fn new(options: &FileSourceOptions) -> Self {
        let host = options.header_host.clone().map(|name| (name, SchemaAndValue::string(host_name())));
        Self {
            topic: Arc::from(options.topic.as_str()),
            key: options.key,
            content: options.value,
            header_path: options.header_path.clone(),
            header_host: host,
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

    fn headers(&self, path: &Arc<str>) -> Headers {
        let path = self.header_path.iter().map(|name| (name.clone(), SchemaAndValue::string(path.clone())));
        self.header_host.iter().cloned().chain(path).collect()
    }
}

impl Out for BatchInTheMaking {
    fn take(&mut self, path: &Arc<str>, event: &[u8]) -> bool {
        let value = match self.content {
            Content::Bytes => SchemaAndValue::bytes(Bytes::copy_from_slice(event)),
            Content::Text => match std::str::from_utf8(event) {
                Ok(text) => SchemaAndValue::string(text),
                Err(_) => SchemaAndValue::string(&*String::from_utf8_lossy(event)),
            },
        };
        let key = match self.key {
            Key::None => SchemaAndValue::NULL,
            Key::Path => SchemaAndValue::string(path.clone()),
        };
        let headers = self.headers(path);
        let (topic, timestamp) = (self.topic.clone(), Some(self.now));
        self.records.push(Record { topic, partition: None, key, value, timestamp, headers, origin: None });
        self.bytes += event.len();
        !self.is_full()
    }

    fn is_full(&self) -> bool {
        self.records.len() >= self.max_records || self.bytes >= MAX_BYTES
    }
}

/// What this machine calls itself.
fn host_name() -> String {
    let kernels = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernels.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}
