//! The topics of a test: where tasks send to and what is waiting to be read.

use std::collections::{HashMap, VecDeque};

use crate::processor::Headers;
use crate::task::{RecordSink, SinkError, TopicHandle};
use crate::topology::TopicName;

/// A record in a topic.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) timestamp: i64,
    pub(super) headers: Headers,
}

/// Every topic has one partition and lasts as long as the driver.
#[derive(Debug, Default)]
pub(super) struct Bus {
    handles: Vec<TopicName>,
    /// Records sent since the driver last looked, in order.
    pub(super) sent: VecDeque<(TopicHandle, Stored)>,
    /// Records that the test has not read, by topic.
    outputs: HashMap<String, VecDeque<Stored>>,
}

impl Bus {
    pub(super) fn name(&self, handle: TopicHandle) -> &TopicName {
        &self.handles[handle.0 as usize]
    }

    pub(super) fn output(&mut self, topic: &str) -> &mut VecDeque<Stored> {
        self.outputs.entry(topic.to_owned()).or_default()
    }
}

impl RecordSink for Bus {
    fn topic(&mut self, name: &TopicName) -> TopicHandle {
        let known = self.handles.iter().position(|known| known == name);
        let index = known.unwrap_or_else(|| {
            self.handles.push(name.clone());
            self.handles.len() - 1
        });
        TopicHandle(index as u32)
    }

    fn send(
        &mut self,
        topic: TopicHandle,
        _partition: Option<i32>,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) -> Result<(), SinkError> {
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        self.sent.push_back((topic, Stored { key, value, timestamp, headers: headers.clone() }));
        Ok(())
    }
}
