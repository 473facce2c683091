//! The consumer's own bytes inside the group protocol (`ConsumerProtocol`).

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use kafka_protocol::messages::consumer_protocol_subscription::TopicPartition as OwnedTopic;
use kafka_protocol::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use kafka_protocol::protocol::{Encodable, StrBytes};
use millstream_wire::messages::{decode_assignment, decode_subscription};

use super::assignor::{Assignment, Subscription};
use crate::partition::{by_topic, topic_name};
use crate::{Error, Result, TopicPartition};

/// The newest version, with generation and rack (KIP-792, KIP-881).
const VERSION: i16 = 3;

/// What a member joins with.
pub(super) fn encode_subscription(subscription: &Subscription) -> Result<Bytes> {
    let owned = by_topic(subscription.owned.iter().map(|partition| (partition.clone(), ())));
    let owned = owned.into_iter().map(|(topic, partitions)| {
        OwnedTopic::default()
            .with_topic(topic_name(&topic))
            .with_partitions(partitions.into_iter().map(|(partition, ())| partition).collect())
    });
    let mut topics: Vec<StrBytes> =
        subscription.topics.iter().map(|topic| StrBytes::from_string(topic.to_string())).collect();
    topics.sort_unstable();
    let message = ConsumerProtocolSubscription::default()
        .with_topics(topics)
        .with_user_data(subscription.user_data.clone())
        .with_owned_partitions(owned.collect())
        .with_generation_id(subscription.generation)
        .with_rack_id(subscription.rack.clone().map(StrBytes::from_string));
    encode(&message)
}

/// What another member joined with.
pub(super) fn read_subscription(bytes: Bytes, instance_id: Option<String>) -> Result<Subscription> {
    let message = decode_subscription(bytes).map_err(|error| malformed("a member's subscription", &error))?;
    let owned = message.owned_partitions.iter().flat_map(|topic| {
        let name: Arc<str> = topic.topic.as_str().into();
        topic.partitions.iter().map(move |partition| TopicPartition::new(Arc::clone(&name), *partition))
    });
    Ok(Subscription {
        topics: message.topics.iter().map(|topic| topic.as_str().into()).collect(),
        user_data: message.user_data.clone(),
        owned: owned.collect(),
        generation: message.generation_id,
        rack: message.rack_id.map(|rack| rack.to_string()),
        instance_id,
    })
}

/// What the leader hands to a member.
pub(super) fn encode_assignment(assignment: &Assignment) -> Result<Bytes> {
    let topics = by_topic(assignment.partitions.iter().map(|partition| (partition.clone(), ())));
    let topics = topics.into_iter().map(|(topic, partitions)| {
        AssignedTopic::default()
            .with_topic(topic_name(&topic))
            .with_partitions(partitions.into_iter().map(|(partition, ())| partition).collect())
    });
    let message = ConsumerProtocolAssignment::default()
        .with_assigned_partitions(topics.collect())
        .with_user_data(assignment.user_data.clone());
    encode(&message)
}

/// What the leader assigned to this member; nothing at all is an empty assignment.
pub(super) fn read_assignment(bytes: Bytes) -> Result<Assignment> {
    if bytes.is_empty() {
        return Ok(Assignment::default());
    }
    let message = decode_assignment(bytes).map_err(|error| malformed("the leader's assignment", &error))?;
    let partitions = message.assigned_partitions.iter().flat_map(|topic| {
        let name: Arc<str> = topic.topic.as_str().into();
        topic.partitions.iter().map(move |partition| TopicPartition::new(Arc::clone(&name), *partition))
    });
    Ok(Assignment { partitions: partitions.collect(), user_data: message.user_data.clone() })
}

fn encode(message: &impl Encodable) -> Result<Bytes> {
    let mut out = BytesMut::new();
    out.put_i16(VERSION);
    let unencodable =
        |error: &dyn std::fmt::Display| Error::Misuse(format!("group metadata: {error}").into());
    message.encode(&mut out, VERSION).map_err(|error| unencodable(&error))?;
    Ok(out.freeze())
}

fn malformed(what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::Malformed { address: what.into(), reason: error.to_string().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_messages_survive_the_way() {
        let subscription = Subscription {
            topics: vec!["a".into(), "b".into()],
            user_data: Some(Bytes::from_static(b"mine")),
            owned: vec![TopicPartition::new("a", 1), TopicPartition::new("a", 2)],
            generation: 7,
            rack: Some("r".into()),
            instance_id: Some("i".into()),
        };
        let bytes = encode_subscription(&subscription).unwrap();
        assert_eq!(read_subscription(bytes, Some("i".into())).unwrap(), subscription);
        let assignment =
            Assignment { partitions: subscription.owned.clone(), user_data: Some(Bytes::from_static(b"x")) };
        assert_eq!(read_assignment(encode_assignment(&assignment).unwrap()).unwrap(), assignment);
        assert_eq!(read_assignment(Bytes::new()).unwrap(), Assignment::default());
    }
}
