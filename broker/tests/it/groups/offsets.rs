//! Offsets: committed, asked for in every version, kept, deleted.

use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{DeleteTopicsRequest, OffsetDeleteRequest, OffsetFetchRequest};
use millstream_broker::{Broker, BrokerConfig};

use super::member::{Member, group};
use super::{ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, UNKNOWN_TOPIC_OR_PARTITION, start};
use crate::client::{Client, name, text};

/// All offsets of the group, as partition and offset.
fn committed(client: &mut Client) -> Vec<(i32, i64)> {
    let asked = OffsetFetchRequestGroup::default().with_group_id(group()).with_topics(None);
    let request = OffsetFetchRequest::default().with_groups(vec![asked]).with_require_stable(true);
    let response = client.call(9, &request);
    assert_eq!(response.groups[0].error_code, 0);
    let partitions = response.groups[0].topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| (partition.partition_index, partition.committed_offset)).collect()
}

#[test]
fn who_is_no_member_commits_while_there_are_none() {
    let (broker, mut client) = start();
    let mut nobody = Member::new(&broker);
    for version in 2..=9 {
        let request = nobody.commit_request(0, i64::from(version));
        assert_eq!(client.call(version, &request).topics[0].partitions[0].error_code, 0);
        assert_eq!(committed(&mut client), [(0, i64::from(version))]);
    }
    let mut member = Member::with_id(&broker);
    member.join();
    assert_eq!(nobody.commit(0, 1), UNKNOWN_MEMBER_ID);
    let id = member.id.clone();
    member.sync(&[(&id, "all")]);
    assert_eq!(member.commit(1, 5), 0);
    assert_eq!(committed(&mut client), [(0, 9), (1, 5)]);
    member.generation += 1;
    assert_eq!(member.commit(1, 6), ILLEGAL_GENERATION);
}

#[test]
fn every_version_answers_with_the_offset_and_its_note() {
    let (broker, mut client) = start();
    Member::new(&broker).commit(1, 42);
    for version in 1..=7 {
        let topic =
            OffsetFetchRequestTopic::default().with_name(name("topic")).with_partition_indexes(vec![0, 1]);
        let request = OffsetFetchRequest::default().with_group_id(group()).with_topics(Some(vec![topic]));
        let response = client.call(version, &request);
        let partitions = &response.topics[0].partitions;
        assert_eq!((partitions[0].committed_offset, partitions[1].committed_offset), (-1, 42));
        assert_eq!(partitions[1].metadata, Some(text("note")));
    }
    for version in 8..=9 {
        let topic =
            OffsetFetchRequestTopics::default().with_name(name("topic")).with_partition_indexes(vec![0, 1]);
        let group = OffsetFetchRequestGroup::default().with_group_id(group()).with_topics(Some(vec![topic]));
        let response = client.call(version, &OffsetFetchRequest::default().with_groups(vec![group]));
        let partitions = &response.groups[0].topics[0].partitions;
        assert_eq!((partitions[0].committed_offset, partitions[1].committed_offset), (-1, 42));
        assert_eq!(
            (&partitions[0].metadata, &partitions[1].metadata),
            (&Some(text("")), &Some(text("note")))
        );
    }
}

#[test]
fn what_cannot_be_committed_is_refused_alone() {
    let (broker, mut client) = start();
    let nobody = Member::new(&broker);
    let mut request = nobody.commit_request(0, 1);
    let good = request.topics[0].partitions[0].clone();
    let long =
        good.clone().with_partition_index(1).with_committed_metadata(Some(text("x".repeat(4097).as_str())));
    request.topics[0].partitions = vec![good.clone(), long, good.with_partition_index(2)];
    let mut missing = request.topics[0].clone();
    missing.name = name("missing");
    request.topics.push(missing);
    let response = client.call(8, &request);
    let codes =
        |at: usize| response.topics[at].partitions.iter().map(|partition| partition.error_code).collect();
    let unknown = UNKNOWN_TOPIC_OR_PARTITION;
    let (topic, missing): (Vec<i16>, Vec<i16>) = (codes(0), codes(1));
    assert_eq!((topic, missing), (vec![0, 12, unknown], vec![unknown; 3]));
    assert_eq!(committed(&mut client), [(0, 1)]);
}

#[test]
fn offsets_survive_the_broker() {
    let directory = tempfile::tempdir().unwrap();
    let config = || BrokerConfig::new(directory.path()).listen("127.0.0.1:0");
    let broker = Broker::start_blocking(config()).unwrap();
    Client::connect(&broker).create_topic("topic", 2, &[]);
    assert_eq!(Member::new(&broker).commit(1, 42), 0);
    broker.close_blocking();
    let broker = Broker::start_blocking(config()).unwrap();
    let mut client = Client::connect(&broker);
    let asked = || OffsetFetchRequest::default().with_group_id(group()).with_topics(None);
    while client.call(7, &asked()).error_code != 0 {}
    assert_eq!(committed(&mut client), [(1, 42)]);
    broker.close_blocking();
}

#[test]
fn a_topic_takes_its_offsets_along() {
    let (broker, mut client) = start();
    Member::new(&broker).commit(0, 42);
    let topic = DeleteTopicState::default().with_name(Some(name("topic")));
    client.call(6, &DeleteTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(10_000));
    assert_eq!(committed(&mut client), []);
}

#[test]
fn offsets_are_deleted_where_nobody_reads() {
    let (broker, mut client) = start();
    Member::new(&broker).commit(0, 42);
    let partition = |index| OffsetDeleteRequestPartition::default().with_partition_index(index);
    let delete = |topic: &str| {
        let topic =
            OffsetDeleteRequestTopic::default().with_name(name(topic)).with_partitions(vec![partition(0)]);
        OffsetDeleteRequest::default().with_group_id(group()).with_topics(vec![topic])
    };
    let mut member = Member::with_id(&broker);
    member.join();
    let id = member.id.clone();
    member.sync(&[(&id, "all")]);
    let subscribed = client.call(0, &delete("topic"));
    assert_eq!(subscribed.topics[0].partitions[0].error_code, 86, "a member reads it");
    member.leave();
    assert_eq!(client.call(0, &delete("topic")).topics[0].partitions[0].error_code, 0);
    assert_eq!(committed(&mut client), []);
    let missing = client.call(0, &delete("missing"));
    assert_eq!(missing.topics[0].partitions[0].error_code, UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn expired_offsets_are_looked_for_as_often_as_asked() {
    let config = BrokerConfig::ephemeral().set("offsets.retention.check.interval.ms", "20").unwrap();
    let broker = Broker::start_blocking(config).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("topic", 2, &[]);
    let request = Member::new(&broker).commit_request(0, 1).with_retention_time_ms(1);
    assert_eq!(client.call(4, &request).topics[0].partitions[0].error_code, 0);
    while !committed(&mut client).is_empty() {}
}
