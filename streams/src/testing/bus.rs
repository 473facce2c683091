//! The topics of a test: where tasks send to and what is waiting to be read.

use std::collections::VecDeque;

use millstream_wire::murmur2::partition_for_key;

use super::widths::Widths;
use crate::outlet::Captured;
use crate::processor::Headers;
use crate::task::{RecordSink, SinkError, TopicHandle};
use crate::topology::TopicName;

/// A partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) topic: TopicHandle,
    pub(super) partition: i32,
}

/// A record in a topic.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) timestamp: i64,
    pub(super) headers: Headers,
}

/// Every topic lasts as long as the driver, and is there as soon as it is named.
#[derive(Debug)]
pub(super) struct Bus {
    widths: Widths,
    topics: Vec<BusTopic>,
    /// Records sent since the driver last looked, in order.
    pub(super) sent: VecDeque<(TopicHandle, Stored)>,
    /// What came to outlets; `None`: they are the real ones.
    pub(super) captured: Option<Captured>,
}

#[derive(Debug)]
struct BusTopic {
    name: TopicName,
    /// One a partition.
    next_offsets: Vec<i64>,
    /// How many records without a key were sent, to spread them.
    keyless: usize,
    /// What tasks have sent and the test has not read.
    unread: VecDeque<Stored>,
}

impl Bus {
    pub(super) fn new(widths: Widths, captured: Option<Captured>) -> Self {
        Self { widths, topics: Vec::new(), sent: VecDeque::new(), captured }
    }

    pub(super) fn name(&self, topic: TopicHandle) -> &TopicName {
        &self.topics[topic.0 as usize].name
    }

    /// The unread records of the topic that goes by this name, with or without an application id to come before it.
    pub(super) fn output(&mut self, name: &str) -> &mut VecDeque<Stored> {
        let known = self.topics.iter().position(|topic| topic.name.as_str() == name);
        let topic = known.unwrap_or_else(|| self.topic(&TopicName::External(name.into())).0 as usize);
        &mut self.topics[topic].unread
    }

    /// Where a record goes: the partition asked for, the one of the key, or each in turn for records without a key. `None`:
    /// the topic has no such partition.
    pub(super) fn place(
        &mut self,
        topic: TopicHandle,
        wanted: Option<i32>,
        key: Option<&[u8]>,
    ) -> Option<Place> {
        let of_topic = &mut self.topics[topic.0 as usize];
        let width = of_topic.next_offsets.len();
        let partition = match (wanted, key) {
            (Some(wanted), _) => wanted,
            (None, Some(key)) => partition_for_key(key, width as i32),
            (None, None) => {
                of_topic.keyless += 1;
                ((of_topic.keyless - 1) % width) as i32
            }
        };
        (0..width as i32).contains(&partition).then_some(Place { topic, partition })
    }

    /// The offset of the next record there.
    pub(super) fn take_offset(&mut self, place: Place) -> i64 {
        let next = &mut self.topics[place.topic.0 as usize].next_offsets[place.partition as usize];
        *next += 1;
        *next - 1
    }

    /// Has the test see a record that was sent.
    pub(super) fn show(&mut self, topic: TopicHandle, record: Stored) {
        self.topics[topic.0 as usize].unread.push_back(record);
    }
}

impl RecordSink for Bus {
    fn topic(&mut self, name: &TopicName) -> TopicHandle {
        let known = self.topics.iter().position(|topic| topic.name == *name);
        let index = known.unwrap_or_else(|| {
            let next_offsets = vec![0; self.widths.of(name) as usize];
            let (name, unread) = (name.clone(), VecDeque::new());
            self.topics.push(BusTopic { name, next_offsets, keyless: 0, unread });
            self.topics.len() - 1
        });
        TopicHandle(index as u32)
    }

    fn partitions(&mut self, topic: TopicHandle) -> i32 {
        self.topics[topic.0 as usize].next_offsets.len() as i32
    }

    fn captured(&mut self) -> Option<&mut Captured> {
        self.captured.as_mut()
    }

    fn partition_for_key(&mut self, topic: TopicHandle, key: &[u8]) -> Option<i32> {
        Some(partition_for_key(key, self.partitions(topic)))
    }

    fn send(
        &mut self,
        topic: TopicHandle,
        partition: Option<i32>,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &Headers,
    ) -> Result<(), SinkError> {
        let Some(place) = self.place(topic, partition, key) else {
            let source = format!("it has no partition {}", partition.unwrap_or_default()).into();
            return Err(SinkError { topic: self.name(topic).to_string(), source });
        };
        let (partition, offset) = (place.partition, self.take_offset(place));
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        let headers = headers.clone();
        self.sent.push_back((topic, Stored { partition, offset, key, value, timestamp, headers }));
        Ok(())
    }
}
