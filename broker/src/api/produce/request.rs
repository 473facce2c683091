//! A produce request, read field by field; its batches are views of the frame.
//!
//! ```text
//! transactional_id acks timeout_ms [topics: name or id, [partitions: index records]]
//! ```

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::server::Cursor;

/// Since this version lengths are compact and structures end with tagged fields.
pub(super) const FLEXIBLE: i16 = 9;
/// Since this version topics are named by id.
const TOPIC_IDS: i16 = 13;

/// The shortest wait for `acks=all`. A client that says 0 does not expect to be told of a time-out each time: on one
/// node of Apache Kafka there is nothing to wait for, here there is a disk.
const MIN_TIMEOUT: Duration = Duration::from_secs(1);

/// How a topic is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TopicData {
    Name(Bytes),
    Id(Uuid),
}

/// The batches for one partition.
#[derive(Debug)]
pub(super) struct PartitionData {
    pub(super) index: i32,
    /// Empty where the client sent null.
    pub(super) records: Bytes,
}

/// A request on its way through its topics. `None` where the fields end early, `Some(None)` at the end of a list.
#[derive(Debug)]
pub(super) struct ProduceRequest {
    /// 0, 1, or -1 for all.
    pub(super) acks: i16,
    /// How long the client waits for `acks=all`.
    pub(super) timeout: Duration,
    pub(super) version: i16,
    fields: Cursor,
    topics_left: usize,
    partitions_left: usize,
    /// Whether a topic was begun, whose end has to be read before the next.
    in_topic: bool,
}

impl ProduceRequest {
    pub(super) fn begin(body: Bytes, version: i16) -> Option<Self> {
        let mut fields = Cursor::new(body, version >= FLEXIBLE);
        let _transactional_id = fields.nullable_string()?;
        let acks = fields.i16()?;
        let timeout = Duration::from_millis(u64::try_from(fields.i32()?).unwrap_or(0)).max(MIN_TIMEOUT);
        let topics_left = fields.count()?;
        Some(Self { acks, timeout, version, fields, topics_left, partitions_left: 0, in_topic: false })
    }

    pub(super) fn next_topic(&mut self) -> Option<Option<TopicData>> {
        if self.in_topic {
            self.fields.end()?;
            self.in_topic = false;
        }
        let Some(left) = self.topics_left.checked_sub(1) else { return Some(None) };
        self.topics_left = left;
        self.in_topic = true;
        let topic = if self.version >= TOPIC_IDS {
            TopicData::Id(self.fields.uuid()?)
        } else {
            TopicData::Name(self.fields.string()?)
        };
        self.partitions_left = self.fields.count()?;
        Some(Some(topic))
    }

    pub(super) fn next_partition(&mut self) -> Option<Option<PartitionData>> {
        let Some(left) = self.partitions_left.checked_sub(1) else { return Some(None) };
        self.partitions_left = left;
        let index = self.fields.i32()?;
        let records = self.fields.nullable_bytes()?.unwrap_or_default();
        self.fields.end()?;
        Some(Some(PartitionData { index, records }))
    }
}

impl fmt::Display for TopicData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(&String::from_utf8_lossy(name)),
            Self::Id(id) => write!(f, "topic id {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use kafka_protocol::messages::{ProduceRequest as Message, TopicName};
    use kafka_protocol::protocol::{Encodable, StrBytes};

    fn message(version: i16) -> Bytes {
        let partition = |index, records| {
            PartitionProduceData::default().with_index(index).with_records(Some(Bytes::from_static(records)))
        };
        let topic = |name: &'static str, id| {
            let topic = TopicProduceData::default()
                .with_partition_data(vec![partition(0, b"first"), partition(7, b"second")]);
            if version >= TOPIC_IDS {
                topic.with_topic_id(Uuid::from_u128(id))
            } else {
                topic.with_name(TopicName(StrBytes::from_static_str(name)))
            }
        };
        let message = Message::default().with_acks(-1).with_topic_data(vec![topic("a", 1), topic("bc", 2)]);
        let mut bytes = bytes::BytesMut::new();
        message.encode(&mut bytes, version).unwrap();
        bytes.freeze()
    }

    #[test]
    fn every_version_that_the_message_crate_writes_is_read() {
        for version in 3..=13 {
            let mut request = ProduceRequest::begin(message(version), version).unwrap();
            assert_eq!(request.acks, -1);
            let mut seen = Vec::new();
            while let Some(topic) = request.next_topic().unwrap() {
                while let Some(data) = request.next_partition().unwrap() {
                    seen.push((topic.to_string(), data.index, data.records));
                }
            }
            assert_eq!(seen.len(), 4, "version {version}");
            assert_eq!((seen[3].1, &seen[3].2[..]), (7, &b"second"[..]));
        }
    }

    #[test]
    fn a_request_that_ends_early_is_no_request() {
        let whole = message(9);
        for length in 0..whole.len() {
            let Some(mut request) = ProduceRequest::begin(whole.slice(..length), 9) else { continue };
            let mut read_all = || loop {
                match request.next_topic()? {
                    None => return Some(()),
                    Some(_) => while request.next_partition()?.is_some() {},
                }
            };
            // Only the tagged fields of the request itself may be missing: nothing reads them.
            assert!(read_all().is_none() || length + 1 == whole.len(), "{length} bytes");
        }
    }
}
