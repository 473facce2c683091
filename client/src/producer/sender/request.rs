//! A produce request, written around batches that stay where they lie.
//!
//! ```text
//! v3 to v8:  transactional id | acks i16 | timeout i32 | [topic name | [index i32 | length i32 | batch]]
//! v9 on:     the same with compact lengths and tags; from v13 on the topic's id in place of its name
//! ```

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::ProduceRequest;
use uuid::Uuid;

use crate::Result;
use crate::connection::Frame;

/// The first version with compact lengths and tagged fields.
const FLEXIBLE: i16 = 9;
/// The first version that names topics by id.
pub(super) const TOPIC_IDS: i16 = 13;

/// One batch of a request.
#[derive(Debug)]
pub(super) struct Shipment {
    pub(super) topic: Arc<str>,
    pub(super) topic_id: Uuid,
    pub(super) partition: i32,
    pub(super) bytes: Bytes,
}

/// A frame for `shipments`, of which those of one topic stand together.
pub(super) fn frame(
    version: i16,
    client_id: &str,
    acks: i16,
    timeout_ms: i32,
    shipments: &[Shipment],
) -> Result<Frame> {
    let mut frame = Frame::start::<ProduceRequest>(version, client_id)?;
    let layout = Layout { version };
    let mut glue = BytesMut::new();
    std::mem::swap(&mut glue, frame.head());
    layout.null_string(&mut glue);
    glue.put_i16(acks);
    glue.put_i32(timeout_ms);
    layout.length(&mut glue, shipments.chunk_by(|a, b| a.topic == b.topic).count());
    let mut head = Some(());
    for topic in shipments.chunk_by(|a, b| a.topic == b.topic) {
        layout.topic(&mut glue, &topic[0]);
        layout.length(&mut glue, topic.len());
        for shipment in topic {
            glue.put_i32(shipment.partition);
            layout.bytes_length(&mut glue, shipment.bytes.len());
            let piece = glue.split();
            match head.take() {
                Some(()) => *frame.head() = piece,
                None => frame.append(piece.freeze()),
            }
            frame.append(shipment.bytes.clone());
            layout.tags(&mut glue);
        }
        layout.tags(&mut glue);
    }
    layout.tags(&mut glue);
    if head.is_some() {
        *frame.head() = glue;
    } else if !glue.is_empty() {
        frame.append(glue.freeze());
    }
    Ok(frame)
}

/// How lengths look in a version.
#[derive(Clone, Copy)]
struct Layout {
    version: i16,
}

impl Layout {
    fn flexible(self) -> bool {
        self.version >= FLEXIBLE
    }

    fn null_string(self, out: &mut BytesMut) {
        if self.flexible() { out.put_u8(0) } else { out.put_i16(-1) }
    }

    fn length(self, out: &mut BytesMut, len: usize) {
        if self.flexible() { unsigned_varint(out, len as u32 + 1) } else { out.put_i32(len as i32) }
    }

    fn bytes_length(self, out: &mut BytesMut, len: usize) {
        self.length(out, len);
    }

    fn topic(self, out: &mut BytesMut, shipment: &Shipment) {
        if self.version >= TOPIC_IDS {
            out.put_slice(shipment.topic_id.as_bytes());
            return;
        }
        let name = shipment.topic.as_bytes();
        if self.flexible() {
            unsigned_varint(out, name.len() as u32 + 1);
        } else {
            out.put_i16(name.len() as i16);
        }
        out.put_slice(name);
    }

    fn tags(self, out: &mut BytesMut) {
        if self.flexible() {
            out.put_u8(0);
        }
    }
}

fn unsigned_varint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
    use kafka_protocol::messages::{RequestHeader, TopicName};
    use kafka_protocol::protocol::{Decodable, HeaderVersion, StrBytes};

    use super::*;

    fn shipment(topic: &str, id: u128, partition: i32, bytes: &'static [u8]) -> Shipment {
        Shipment {
            topic: topic.into(),
            topic_id: Uuid::from_u128(id),
            partition,
            bytes: Bytes::from_static(bytes),
        }
    }

    fn expected(
        version: i16,
        name: &'static str,
        id: u128,
        partitions: &[(i32, &'static [u8])],
    ) -> TopicProduceData {
        let named = version < TOPIC_IDS;
        let partition = |(index, bytes): &(i32, &'static [u8])| {
            PartitionProduceData::default().with_index(*index).with_records(Some(Bytes::from_static(bytes)))
        };
        TopicProduceData::default()
            .with_name(TopicName(StrBytes::from_static_str(if named { name } else { "" })))
            .with_topic_id(Uuid::from_u128(if named { 0 } else { id }))
            .with_partition_data(partitions.iter().map(partition).collect())
    }

    /// What is written by hand is what the message crate reads, in every version.
    #[test]
    fn the_message_crate_reads_it_back() {
        let shipments =
            [shipment("a", 1, 0, b"first"), shipment("a", 1, 3, &[9; 300]), shipment("bb", 2, 1, b"third")];
        for version in 3..=13 {
            let frame = frame(version, "me", -1, 30_000, &shipments).unwrap();
            let pieces = frame.seal(42);
            let mut bytes = Bytes::from(pieces.concat());
            assert_eq!(bytes::Buf::get_i32(&mut bytes) as usize, bytes.len());
            let header = RequestHeader::decode(&mut bytes, ProduceRequest::header_version(version)).unwrap();
            assert_eq!((header.correlation_id, header.request_api_version), (42, version));
            let request = ProduceRequest::decode(&mut bytes, version).unwrap();
            assert!(bytes.is_empty(), "v{version}");
            let topics = vec![
                expected(version, "a", 1, &[(0, b"first"), (3, &[9; 300])]),
                expected(version, "bb", 2, &[(1, b"third")]),
            ];
            assert_eq!(request.topic_data, topics, "v{version}");
            assert_eq!((request.acks, request.timeout_ms, request.transactional_id), (-1, 30_000, None));
        }
    }
}
