//! Topics: what is created, refused, listed and deleted.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableReplicaAssignment;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, DeleteTopicsRequest, ListOffsetsRequest, MetadataRequest,
};
use millstream_broker::{Broker, BrokerConfig};
use millstream_wire::batch::ProducerState;

use crate::client::{Client, batch, name, timed_batch, topic};

fn start(config: BrokerConfig) -> (Broker, Client) {
    let broker = Broker::start_blocking(config).unwrap();
    let client = Client::connect(&broker);
    (broker, client)
}

fn set(name: &str, value: &str) -> BrokerConfig {
    BrokerConfig::ephemeral().set(name, value).unwrap()
}

fn metadata_code(client: &mut Client, topic: &str, version: i16, may_create: bool) -> i16 {
    let asked = MetadataRequestTopic::default().with_name(Some(name(topic)));
    let mut request = MetadataRequest::default().with_topics(Some(vec![asked]));
    if version >= 4 {
        request = request.with_allow_auto_topic_creation(may_create);
    }
    client.call(version, &request).topics[0].error_code
}

#[test]
fn a_topic_that_is_asked_for_is_created_where_client_and_broker_allow_it() {
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    let (broker, mut client) = start(set("num.partitions", "3"));
    assert_eq!(metadata_code(&mut client, "a", 9, false), unknown);
    assert_eq!(metadata_code(&mut client, "a", 9, true), 0);
    assert_eq!(metadata_code(&mut client, "b", 1, true), 0);
    assert_eq!(metadata_code(&mut client, "a/b", 9, true), ResponseError::InvalidTopicException.code());
    let all = client.call(9, &MetadataRequest::default().with_topics(None));
    assert!(all.topics.iter().all(|topic| topic.partitions.len() == 3));
    broker.close_blocking();
    let (broker, mut client) = start(set("auto.create.topics.enable", "false"));
    assert_eq!(metadata_code(&mut client, "a", 9, true), unknown);
    broker.close_blocking();
}

fn create_code(client: &mut Client, request: CreateTopicsRequest) -> (i16, String) {
    let response = client.call(7, &request);
    let message = response.topics[0].error_message.clone().unwrap_or_default();
    (response.topics[0].error_code, message.to_string())
}

#[test]
fn topics_that_cannot_be_are_refused_and_say_why() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    client.create_topic("there", 1, &[]);
    let long = "x".repeat(250);
    let many = topic("many", 1_000_000, &[]);
    let cases = [
        (topic("there", 1, &[]), ResponseError::TopicAlreadyExists, "already exists"),
        (topic("", 1, &[]), ResponseError::InvalidTopicException, "empty"),
        (topic(".", 1, &[]), ResponseError::InvalidTopicException, "not allowed"),
        (topic("..", 1, &[]), ResponseError::InvalidTopicException, "not allowed"),
        (topic("a/b", 1, &[]), ResponseError::InvalidTopicException, "ASCII"),
        (topic(&long, 1, &[]), ResponseError::InvalidTopicException, "249"),
        (topic("a", 0, &[]), ResponseError::InvalidPartitions, "larger than 0"),
        (topic("a", 1, &[]).with_replication_factor(3), ResponseError::InvalidReplicationFactor, "1 broker"),
        (topic("a", 1, &[("retention.ms", "soon")]), ResponseError::InvalidConfig, "64-bit integer"),
        (
            topic("a", 1, &[("retention.msec", "1")]),
            ResponseError::InvalidConfig,
            "did you mean `retention.ms`",
        ),
        (many.clone(), ResponseError::PolicyViolation, "at most 10000"),
    ];
    for (topic, error, word) in cases {
        for validate_only in [true, false] {
            let request = CreateTopicsRequest::default()
                .with_topics(vec![topic.clone()])
                .with_validate_only(validate_only);
            let (code, message) = create_code(&mut client, request);
            assert_eq!(code, error.code(), "{}", &**topic.name);
            assert!(message.contains(word), "{message}");
        }
    }
    let twice = CreateTopicsRequest::default().with_topics(vec![topic("b", 1, &[]), topic("b", 1, &[])]);
    assert_eq!(create_code(&mut client, twice).0, ResponseError::InvalidRequest.code());
    broker.close_blocking();
}

#[test]
fn validating_creates_nothing() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    let request =
        CreateTopicsRequest::default().with_topics(vec![topic("a", -1, &[])]).with_validate_only(true);
    let response = client.call(7, &request);
    assert_eq!((response.topics[0].error_code, response.topics[0].num_partitions), (0, 1));
    assert!(response.topics[0].topic_id.is_nil());
    assert!(client.call(9, &MetadataRequest::default().with_topics(None)).topics.is_empty());
    broker.close_blocking();
}

#[test]
fn partitions_may_be_assigned_to_this_node() {
    let (broker, mut client) = start(set("node.id", "5"));
    let assignment = |index, node| {
        CreatableReplicaAssignment::default()
            .with_partition_index(index)
            .with_broker_ids(vec![BrokerId(node)])
    };
    let assigned =
        |node| topic("a", -1, &[]).with_assignments(vec![assignment(0, node), assignment(1, node)]);
    let wrong = CreateTopicsRequest::default().with_topics(vec![assigned(6)]);
    assert_eq!(create_code(&mut client, wrong).0, ResponseError::InvalidReplicaAssignment.code());
    let right = client.call(7, &CreateTopicsRequest::default().with_topics(vec![assigned(5)]));
    assert_eq!((right.topics[0].error_code, right.topics[0].num_partitions), (0, 2));
    broker.close_blocking();
}

#[test]
fn the_node_holds_no_more_partitions_than_it_is_told() {
    let (broker, mut client) = start(set("max.partitions", "5"));
    client.create_topic("a", 4, &[]);
    let (code, message) =
        create_code(&mut client, CreateTopicsRequest::default().with_topics(vec![topic("b", 2, &[])]));
    assert_eq!(code, ResponseError::PolicyViolation.code());
    assert!(message.contains("max.partitions=5"), "{message}");
    broker.close_blocking();
}

#[test]
fn a_topic_that_is_made_again_is_another_one() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    let first = client.create_topic("a", 1, &[]);
    client.produce("a", 0, -1, batch(&["x"]));
    let by_id = DeleteTopicState::default().with_name(None).with_topic_id(first);
    let deleted = client.call(6, &DeleteTopicsRequest::default().with_topics(vec![by_id.clone()]));
    assert_eq!(deleted.responses[0].name.as_ref().map(|name| name.to_string()), Some("a".to_owned()));
    let again = client.call(6, &DeleteTopicsRequest::default().with_topics(vec![by_id]));
    assert_eq!(again.responses[0].error_code, ResponseError::UnknownTopicId.code());
    assert_ne!(client.create_topic("a", 1, &[]), first);
    assert_eq!(client.fetch("a", 0, 0).high_watermark, 0);
    broker.close_blocking();
}

#[test]
fn topics_stay_where_deleting_is_disabled() {
    let (broker, mut client) = start(set("delete.topic.enable", "false"));
    client.create_topic("a", 1, &[]);
    let by_name = DeleteTopicsRequest::default().with_topic_names(vec![name("a")]);
    assert_eq!(client.call(5, &by_name).responses[0].error_code, ResponseError::TopicDeletionDisabled.code());
    broker.close_blocking();
}

#[test]
fn offsets_by_sentinel_and_by_time() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    client.create_topic("a", 1, &[("message.timestamp.before.max.ms", "9223372036854775807")]);
    client.produce("a", 0, -1, timed_batch(&["x", "y", "z"], ProducerState::NONE, 1_000));
    let mut find = |timestamp| {
        let partition =
            ListOffsetsPartition::default().with_timestamp(timestamp).with_current_leader_epoch(-1);
        let topic = ListOffsetsTopic::default().with_name(name("a")).with_partitions(vec![partition]);
        let response = client.call(9, &ListOffsetsRequest::default().with_topics(vec![topic]));
        let partition = &response.topics[0].partitions[0];
        assert_eq!(partition.error_code, 0);
        (partition.offset, partition.timestamp)
    };
    assert_eq!(find(-1), (3, -1), "latest");
    assert_eq!(find(-2), (0, -1), "earliest");
    assert_eq!(find(-3), (2, 1_002), "the largest timestamp");
    assert_eq!(find(-4), (0, -1), "earliest on this machine");
    assert_eq!(find(-5), (-1, -1), "latest in a tier");
    assert_eq!(find(1_001), (1, 1_001));
    assert_eq!(find(1_003), (-1, -1), "after the last record");
    broker.close_blocking();
}
