//! Changes as records of `__cluster_metadata`, in Kafka's schemas, and back.

use millstream_wire::internal::SchemaError;
use millstream_wire::internal::metadata::{
    ConfigRecord, ConfigResource, MetadataRecord, PartitionRecord, TopicRecord,
};
use uuid::Uuid;

use crate::metadata::change::{Change, Resource};

/// Appends a change as the value of a record. `node_id` is the one replica of every partition.
pub(crate) fn encode_change(change: &Change, node_id: i32, out: &mut Vec<u8>) {
    if let Some(record) = record_of(change, node_id) {
        record.write(out);
    }
}

fn record_of(change: &Change, node_id: i32) -> Option<MetadataRecord> {
    Some(match change {
        Change::Topic { name, id } => {
            MetadataRecord::Topic(TopicRecord { name: name.to_string(), topic_id: *id })
        }
        Change::Partition { topic_id, index } => {
            MetadataRecord::Partition(partition_record(*topic_id, *index, node_id))
        }
        Change::RemoveTopic { topic_id } => MetadataRecord::RemoveTopic { topic_id: *topic_id },
        Change::Config { resource, name, value } => {
            // The broker's dynamic values are the cluster's default, whose resource has an empty name.
            let (resource, resource_name) = match resource {
                Resource::Topic(topic) => (ConfigResource::Topic, topic.to_string()),
                Resource::Broker => (ConfigResource::Broker, String::new()),
            };
            let (name, value) = (name.clone(), value.clone());
            MetadataRecord::Config(ConfigRecord { resource, resource_name, name, value })
        }
        Change::ProducerIds { next } => {
            MetadataRecord::ProducerIds { broker_id: node_id, broker_epoch: 0, next_producer_id: *next }
        }
        Change::None => return None,
    })
}

/// Replicas and in-sync replicas are this node, which leads.
fn partition_record(topic_id: Uuid, index: i32, node_id: i32) -> PartitionRecord {
    PartitionRecord {
        partition: index,
        topic_id,
        replicas: vec![node_id],
        isr: vec![node_id],
        removing_replicas: Vec::new(),
        adding_replicas: Vec::new(),
        leader: node_id,
        leader_recovery_state: 0,
        leader_epoch: 0,
        partition_epoch: 0,
        directories: Vec::new(),
    }
}

/// Reads the value of a record. Types that say nothing to a single node read as [`Change::None`].
pub(crate) fn decode_change(value: &[u8]) -> Result<Change, SchemaError> {
    Ok(match MetadataRecord::read(value)? {
        MetadataRecord::Topic(topic) => Change::Topic { name: topic.name.into(), id: topic.topic_id },
        MetadataRecord::Partition(partition) => {
            Change::Partition { topic_id: partition.topic_id, index: partition.partition }
        }
        MetadataRecord::RemoveTopic { topic_id } => Change::RemoveTopic { topic_id },
        MetadataRecord::Config(config) => config_change(config),
        MetadataRecord::ProducerIds { next_producer_id, .. } => {
            Change::ProducerIds { next: next_producer_id }
        }
        _ => Change::None,
    })
}

fn config_change(config: ConfigRecord) -> Change {
    let resource = match config.resource {
        ConfigResource::Topic => Resource::Topic(config.resource_name.into()),
        ConfigResource::Broker => Resource::Broker,
        ConfigResource::Other(_) => return Change::None,
    };
    Change::Config { resource, name: config.name, value: config.value }
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
            for length in 0..bytes.len() {
                assert!(decode_change(&bytes[..length]).is_err());
            }
        }
    }

    #[test]
    fn a_newer_version_is_refused_and_another_type_is_passed_over() {
        assert_eq!(decode_change(b"\x01\x02\x09"), Err(SchemaError::UnknownVersion(9)));
        assert_eq!(decode_change(b"\x01\x14\x00\x00"), Ok(Change::None));
    }
}
