//! Records of `__cluster_metadata` in Kafka's schemas (metadata/src/main/resources/common/metadata).
//!
//! ```text
//! value = frame version 1 | API key | version | fields       each of the first three an unsigned varint
//! ```

use std::sync::Arc;

use millstream_wire::varint;
use uuid::Uuid;

use crate::metadata::change::{Change, Resource};

const FRAME_VERSION: u32 = 1;

const TOPIC: u32 = 2;
const PARTITION: u32 = 3;
const CONFIG: u32 = 4;
const REMOVE_TOPIC: u32 = 9;
const PRODUCER_IDS: u32 = 15;

/// `ConfigResource.Type` of a topic and of a broker.
const TOPIC_RESOURCE: u8 = 2;
const BROKER_RESOURCE: u8 = 4;

/// Why a record's value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RecordError {
    #[error("the record ends inside a field")]
    CutShort,
    #[error("a name is not UTF-8")]
    NotUtf8,
    #[error("record type {0} version {1} was written by a newer broker")]
    Unknown(u32, u32),
}

/// Writes a change as the value of a record. `node_id` is the one replica of every partition.
pub(crate) fn encode_change(change: &Change, node_id: i32, out: &mut Vec<u8>) {
    match change {
        Change::Topic { name, id } => {
            begin(out, TOPIC);
            put_string(out, name);
            out.extend_from_slice(id.as_bytes());
        }
        Change::Partition { topic_id, index } => {
            begin(out, PARTITION);
            put_partition(out, *topic_id, *index, node_id);
        }
        Change::RemoveTopic { topic_id } => {
            begin(out, REMOVE_TOPIC);
            out.extend_from_slice(topic_id.as_bytes());
        }
        Change::Config { resource, name, value } => {
            begin(out, CONFIG);
            put_config(out, resource, name, value.as_deref());
        }
        Change::ProducerIds { next } => {
            begin(out, PRODUCER_IDS);
            put_i32(out, node_id);
            put_i64(out, 0);
            put_i64(out, *next);
        }
        Change::None => return,
    }
    // No tagged fields.
    out.push(0);
}

fn begin(out: &mut Vec<u8>, api_key: u32) {
    varint::write_u32(out, FRAME_VERSION);
    varint::write_u32(out, api_key);
    varint::write_u32(out, 0);
}

/// PartitionRecord v0: replicas and in-sync replicas are this node, which leads.
fn put_partition(out: &mut Vec<u8>, topic_id: Uuid, index: i32, node_id: i32) {
    put_i32(out, index);
    out.extend_from_slice(topic_id.as_bytes());
    for _replicas_and_isr in 0..2 {
        varint::write_u32(out, 2);
        put_i32(out, node_id);
    }
    for _removing_and_adding in 0..2 {
        varint::write_u32(out, 1);
    }
    put_i32(out, node_id);
    let (leader_epoch, partition_epoch) = (0, 0);
    put_i32(out, leader_epoch);
    put_i32(out, partition_epoch);
}

/// ConfigRecord v0. The broker's dynamic values are the cluster's default, whose resource has an empty name.
fn put_config(out: &mut Vec<u8>, resource: &Resource, name: &str, value: Option<&str>) {
    match resource {
        Resource::Topic(topic) => {
            out.push(TOPIC_RESOURCE);
            put_string(out, topic);
        }
        Resource::Broker => {
            out.push(BROKER_RESOURCE);
            put_string(out, "");
        }
    }
    put_string(out, name);
    match value {
        Some(value) => put_string(out, value),
        None => out.push(0),
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    varint::write_u32(out, u32::try_from(text.len()).unwrap_or(u32::MAX - 1) + 1);
    out.extend_from_slice(text.as_bytes());
}

fn put_i32(out: &mut Vec<u8>, value: i32) {
    out.extend_from_slice(&value.to_be_bytes());
}

fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_be_bytes());
}

/// Reads the value of a record. Types that say nothing to a single node read as [`Change::None`].
pub(crate) fn decode_change(value: &[u8]) -> Result<Change, RecordError> {
    let mut fields = Fields(value);
    let frame_version = fields.varint()?;
    let (api_key, version) = (fields.varint()?, fields.varint()?);
    if frame_version != FRAME_VERSION {
        return Err(RecordError::Unknown(api_key, version));
    }
    match (api_key, version) {
        (TOPIC, 0) => Ok(Change::Topic { name: fields.string()?.into(), id: fields.uuid()? }),
        (PARTITION, 0..=2) => {
            let index = fields.i32()?;
            Ok(Change::Partition { topic_id: fields.uuid()?, index })
        }
        (CONFIG, 0) => fields.config(),
        (REMOVE_TOPIC, 0) => Ok(Change::RemoveTopic { topic_id: fields.uuid()? }),
        (PRODUCER_IDS, 0) => {
            let (_broker_id, _broker_epoch) = (fields.i32()?, fields.i64()?);
            Ok(Change::ProducerIds { next: fields.i64()? })
        }
        (TOPIC | PARTITION | CONFIG | REMOVE_TOPIC | PRODUCER_IDS, version) => {
            Err(RecordError::Unknown(api_key, version))
        }
        _ => Ok(Change::None),
    }
}

/// What is left of a record.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn config(&mut self) -> Result<Change, RecordError> {
        let resource_type = self.take(1)?[0];
        let resource_name = self.string()?;
        let name = self.string()?.to_owned();
        let value = self.nullable_string()?.map(str::to_owned);
        let resource = match resource_type {
            TOPIC_RESOURCE => Resource::Topic(Arc::from(resource_name)),
            BROKER_RESOURCE => Resource::Broker,
            _ => return Ok(Change::None),
        };
        Ok(Change::Config { resource, name, value })
    }

    fn varint(&mut self) -> Result<u32, RecordError> {
        varint::read_u32(&mut self.0).ok_or(RecordError::CutShort)
    }

    fn i32(&mut self) -> Result<i32, RecordError> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Result<i64, RecordError> {
        self.array().map(i64::from_be_bytes)
    }

    fn uuid(&mut self) -> Result<Uuid, RecordError> {
        self.array().map(Uuid::from_bytes)
    }

    fn string(&mut self) -> Result<&'a str, RecordError> {
        self.nullable_string()?.ok_or(RecordError::CutShort)
    }

    fn nullable_string(&mut self) -> Result<Option<&'a str>, RecordError> {
        let Some(length) = self.varint()?.checked_sub(1) else { return Ok(None) };
        let bytes = self.take(length as usize)?;
        std::str::from_utf8(bytes).map(Some).map_err(|_| RecordError::NotUtf8)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(RecordError::CutShort)?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(RecordError::CutShort)?;
        self.0 = rest;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);

    fn encoded(change: &Change) -> Vec<u8> {
        let mut out = Vec::new();
        encode_change(change, 1, &mut out);
        out
    }

    #[test]
    fn what_is_written_is_read_back() {
        let config = |resource, value: Option<&str>| Change::Config {
            resource,
            name: "retention.ms".to_owned(),
            value: value.map(str::to_owned),
        };
        let changes = [
            Change::Topic { name: "words".into(), id: ID },
            Change::Partition { topic_id: ID, index: 3 },
            Change::RemoveTopic { topic_id: ID },
            config(Resource::Topic("words".into()), Some("1000")),
            config(Resource::Broker, None),
            Change::ProducerIds { next: 5000 },
        ];
        for change in changes {
            let bytes = encoded(&change);
            assert_eq!(decode_change(&bytes), Ok(change));
            // What follows the fields that matter here is not looked at.
            for length in 0..18 {
                assert!(decode_change(&bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn a_topic_record_has_kafkas_bytes() {
        let mut want = b"\x01\x02\x00\x04abc".to_vec();
        want.extend_from_slice(ID.as_bytes());
        want.push(0);
        assert_eq!(encoded(&Change::Topic { name: "abc".into(), id: ID }), want);
    }

    #[test]
    fn a_newer_version_is_refused_and_another_type_is_passed_over() {
        assert_eq!(decode_change(b"\x01\x02\x09"), Err(RecordError::Unknown(TOPIC, 9)));
        assert_eq!(decode_change(b"\x01\x14\x00\x00"), Ok(Change::None));
    }
}
