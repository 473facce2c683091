//! Records of `__cluster_metadata` that Apache Kafka wrote, read; and ours, the same bytes.

use millstream_wire::internal::SchemaError;
use millstream_wire::internal::metadata::{
    ConfigRecord, ConfigResource, MetadataRecord, PartitionChangeRecord, PartitionRecord, TopicRecord,
};
use uuid::Uuid;

use crate::fixture::{hex, lines};

const TOPIC: Uuid = Uuid::from_u64_pair(1, 2);

fn partition() -> PartitionRecord {
    PartitionRecord {
        partition: 3,
        topic_id: TOPIC,
        replicas: vec![1, 2],
        isr: vec![1],
        removing_replicas: vec![],
        adding_replicas: vec![2],
        leader: 1,
        leader_recovery_state: 0,
        leader_epoch: 4,
        partition_epoch: 5,
        directories: vec![],
    }
}

fn changed() -> PartitionChangeRecord {
    PartitionChangeRecord { partition: 3, topic_id: TOPIC, ..PartitionChangeRecord::default() }
}

fn config(resource: ConfigResource, resource_name: &str, name: &str, value: Option<&str>) -> MetadataRecord {
    let (resource_name, name) = (resource_name.to_owned(), name.to_owned());
    MetadataRecord::Config(ConfigRecord { resource, resource_name, name, value: value.map(str::to_owned) })
}

/// What the lines of the fixture say, in their order.
fn expected() -> Vec<MetadataRecord> {
    let directories = vec![Uuid::from_u128(7), Uuid::from_u128(8)];
    vec![
        MetadataRecord::Topic(TopicRecord { name: "words".to_owned(), topic_id: TOPIC }),
        MetadataRecord::Partition(partition()),
        MetadataRecord::Partition(PartitionRecord { leader_recovery_state: 1, ..partition() }),
        MetadataRecord::Partition(PartitionRecord { directories, ..partition() }),
        config(ConfigResource::Topic, "words", "cleanup.policy", Some("compact")),
        config(ConfigResource::Broker, "", "x", None),
        MetadataRecord::PartitionChange(PartitionChangeRecord {
            leader: Some(-1),
            isr: Some(vec![1, 2]),
            ..changed()
        }),
        MetadataRecord::PartitionChange(PartitionChangeRecord {
            replicas: Some(vec![9]),
            removing_replicas: Some(vec![]),
            adding_replicas: Some(vec![9]),
            leader_recovery_state: Some(0),
            directories: Some(vec![Uuid::from_u128(7)]),
            ..changed()
        }),
        MetadataRecord::RemoveTopic { topic_id: TOPIC },
        MetadataRecord::FeatureLevel { name: "metadata.version".to_owned(), level: 27 },
        MetadataRecord::ProducerIds { broker_id: 1, broker_epoch: 8, next_producer_id: 2000 },
        MetadataRecord::NoOp,
        MetadataRecord::BeginTransaction { name: Some("bootstrap".to_owned()) },
        MetadataRecord::BeginTransaction { name: None },
        MetadataRecord::EndTransaction,
        MetadataRecord::AbortTransaction { reason: Some("no".to_owned()) },
        MetadataRecord::Other { kind: 7, version: 0 },
    ]
}

#[test]
fn every_record_is_read_and_written_byte_for_byte() {
    let lines = lines("metadata.txt");
    let expected = expected();
    assert_eq!(lines.len(), expected.len());
    for (line, expected) in lines.iter().zip(expected) {
        let bytes = hex(&line[2]);
        assert_eq!(MetadataRecord::read(&bytes).unwrap(), expected, "{line:?}");
        let mut out = Vec::new();
        expected.write(&mut out);
        if !matches!(expected, MetadataRecord::Other { .. }) {
            assert_eq!(out, bytes, "{line:?}");
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    for line in lines("metadata.txt") {
        let bytes = hex(&line[2]);
        // A record that is not acted on is not read beyond its type.
        let read_to = if line[0] == "FenceBrokerRecord" { 3 } else { bytes.len() };
        for cut in 0..read_to {
            assert!(MetadataRecord::read(&bytes[..cut]).is_err(), "{line:?} cut at {cut}");
        }
    }
}

#[test]
fn what_a_newer_controller_wrote_is_said() {
    assert_eq!(MetadataRecord::read(&[2, 2, 0]), Err(SchemaError::UnknownFrame(2)));
    assert_eq!(MetadataRecord::read(&[1, 2, 1]), Err(SchemaError::UnknownVersion(1)));
    assert_eq!(MetadataRecord::read(&[1, 99, 5]), Ok(MetadataRecord::Other { kind: 99, version: 5 }));
}
