//! Corner cases of requests that foreign tools send, with the answers that Apache Kafka 4.3 gave to the same bytes.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::describe_log_dirs_request::DescribableLogDirTopic;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::describe_producers_request::TopicRequest;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{
    CreateTopicsRequest, DeleteTopicsRequest, DescribeClusterRequest, DescribeConfigsRequest,
    DescribeLogDirsRequest, DescribeProducersRequest, DescribeTopicPartitionsRequest, GroupId,
    IncrementalAlterConfigsRequest, InitProducerIdRequest, ListOffsetsRequest, MetadataRequest,
    OffsetForLeaderEpochRequest, SyncGroupRequest, TransactionalId, describe_topic_partitions_request,
};
use millstream_broker::{Broker, BrokerConfig};
use millstream_wire::batch::ProducerState;
use millstream_wire::ids::{ProducerEpoch, ProducerId};

use crate::client::{Client, batch, fetch_partition, fetch_request, name, text, timed_batch, topic};

const TOPIC: i8 = 2;
const SET: i8 = 0;
const DELETE: i8 = 1;

fn start() -> (Broker, Client) {
    let broker = Broker::start_blocking(BrokerConfig::ephemeral()).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("there", 1, &[]);
    (broker, client)
}

/// Names and error codes.
fn create(client: &mut Client, topics: Vec<CreatableTopic>) -> Vec<(String, i16)> {
    let response =
        client.call(7, &CreateTopicsRequest::default().with_topics(topics).with_timeout_ms(10_000));
    response.topics.iter().map(|topic| (topic.name.to_string(), topic.error_code)).collect()
}

fn describe(client: &mut Client, resource: &str, with_documentation: bool) -> DescribeConfigsResult {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(resource))
        .with_configuration_keys(None);
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_documentation(with_documentation);
    client.call(4, &request).results.remove(0)
}

fn alter(client: &mut Client, resource: &str, operation: i8, key: &str, value: &str) -> (i16, bool) {
    let config = AlterableConfig::default()
        .with_name(text(key))
        .with_config_operation(operation)
        .with_value(Some(text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(TOPIC)
        .with_resource_name(text(resource))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
    let response = client.call(1, &request).responses.remove(0);
    (response.error_code, response.error_message.is_some())
}

#[test]
fn what_went_well_has_no_message() {
    let (broker, mut client) = start();
    let request = CreateTopicsRequest::default().with_topics(vec![topic("new", 1, &[])]);
    assert_eq!(client.call(7, &request).topics[0].error_message, None);
    assert_eq!(alter(&mut client, "there", SET, "retention.ms", "1000"), (0, false));
    broker.close_blocking();
}

#[test]
fn a_name_that_stands_twice_is_answered_once_and_nothing_is_done() {
    let (broker, mut client) = start();
    let invalid = ResponseError::InvalidRequest.code();
    let twice = vec![topic("twice", 1, &[]), topic("once", 1, &[]), topic("twice", 1, &[])];
    assert_eq!(create(&mut client, twice), [("twice".to_owned(), invalid), ("once".to_owned(), 0)]);
    let state = DeleteTopicState::default().with_name(Some(name("once")));
    let request = DeleteTopicsRequest::default().with_topics(vec![state.clone(), state]);
    let deleted = client.call(6, &request).responses;
    assert_eq!((deleted.len(), deleted[0].error_code), (1, invalid));
    let asked = MetadataRequestTopic::default().with_name(Some(name("once")));
    let request = MetadataRequest::default().with_topics(Some(vec![asked.clone(), asked]));
    let topics = client.call(9, &request).topics;
    assert_eq!((topics.len(), topics[0].error_code), (1, 0));
    broker.close_blocking();
}

#[test]
fn names_that_metrics_cannot_tell_apart_do_not_live_together() {
    let (broker, mut client) = start();
    assert_eq!(create(&mut client, vec![topic("a.b", 1, &[])])[0].1, 0);
    let refused = create(&mut client, vec![topic("a_b", 1, &[])])[0].1;
    assert_eq!(refused, ResponseError::InvalidTopicException.code());
    broker.close_blocking();
}

/// A topic of this name would share the log that says which topics there are.
#[test]
fn the_metadata_log_is_no_topic() {
    let (broker, mut client) = start();
    let log = "__cluster_metadata";
    let refused = create(&mut client, vec![topic(log, 1, &[])])[0].1;
    assert_eq!(refused, ResponseError::InvalidRequest.code());
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    let asked = MetadataRequestTopic::default().with_name(Some(name(log)));
    let request =
        MetadataRequest::default().with_topics(Some(vec![asked])).with_allow_auto_topic_creation(true);
    assert_eq!(client.call(9, &request).topics[0].error_code, unknown);
    assert_eq!(client.produce(log, 0, -1, batch(&["x"])).error_code, unknown);
    broker.close_blocking();
}

#[test]
fn configurations_without_an_effect_are_checked_and_described() {
    let (broker, mut client) = start();
    let refused = |value: (&str, &str)| vec![topic("new", 1, &[value])];
    let invalid = ResponseError::InvalidConfig.code();
    for value in [("min.insync.replicas", "0"), ("preallocate", "maybe"), ("remote.storage.enable", "true")] {
        assert_eq!(create(&mut client, refused(value))[0].1, invalid, "{value:?}");
    }
    let request =
        CreateTopicsRequest::default().with_topics(vec![topic("new", 1, &[("min.insync.replicas", "2")])]);
    let created = client.call(7, &request).topics.remove(0).configs.unwrap();
    let config = created.iter().find(|config| &*config.name == "min.insync.replicas").unwrap();
    assert_eq!((config.value.as_deref(), config.config_source), (Some("2"), 1));
    let value = |client: &mut Client, topic: &str, key: &str| {
        let configs = describe(client, topic, false).configs;
        let config = configs.into_iter().find(|config| &*config.name == key).unwrap();
        (config.value.unwrap().to_string(), config.config_source)
    };
    assert_eq!(value(&mut client, "new", "min.insync.replicas"), ("2".to_owned(), 1));
    assert_eq!(value(&mut client, "there", "min.insync.replicas"), ("1".to_owned(), 5));
    assert_eq!(value(&mut client, "there", "unclean.leader.election.enable"), ("false".to_owned(), 5));
    broker.close_blocking();
}

#[test]
fn configurations_are_documented_on_request_only() {
    let (broker, mut client) = start();
    let documented = |client: &mut Client, wanted| {
        describe(client, "there", wanted).configs.iter().all(|config| config.documentation.is_some())
    };
    assert!(documented(&mut client, true));
    assert!(!documented(&mut client, false));
    broker.close_blocking();
}

#[test]
fn a_value_that_nobody_knows_can_be_deleted_and_a_name_that_cannot_be_is_invalid() {
    let (broker, mut client) = start();
    assert_eq!(alter(&mut client, "there", DELETE, "no.such.thing", "").0, 0);
    assert_eq!(alter(&mut client, "there", SET, "no.such.thing", "1").0, ResponseError::InvalidConfig.code());
    let invalid = ResponseError::InvalidTopicException.code();
    assert_eq!(alter(&mut client, "a/b", SET, "retention.ms", "1").0, invalid);
    assert_eq!(describe(&mut client, "a/b", false).error_code, invalid);
    broker.close_blocking();
}

#[test]
fn places_in_a_log_are_told_in_the_versions_that_know_them() {
    let (broker, mut client) = start();
    client.produce("there", 0, -1, batch(&["x"]));
    let mut code = |version, timestamp| {
        let partition =
            ListOffsetsPartition::default().with_timestamp(timestamp).with_current_leader_epoch(-1);
        let topic = ListOffsetsTopic::default().with_name(name("there")).with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default().with_topics(vec![topic]);
        client.call(version, &request).topics[0].partitions[0].error_code
    };
    for (timestamp, since) in [(-3, 7), (-4, 8), (-5, 9)] {
        assert_eq!(code(since - 1, timestamp), ResponseError::UnsupportedVersion.code(), "{timestamp}");
        assert_eq!(code(since, timestamp), 0, "{timestamp}");
    }
    broker.close_blocking();
}

fn log_dirs(
    client: &mut Client,
    version: i16,
    topics: Option<Vec<(&str, Vec<i32>)>>,
) -> DescribeLogDirsResult {
    let asked = |(topic, partitions): (&str, Vec<i32>)| {
        DescribableLogDirTopic::default().with_topic(name(topic)).with_partitions(partitions)
    };
    let topics = topics.map(|topics| topics.into_iter().map(asked).collect());
    let mut response = client.call(version, &DescribeLogDirsRequest::default().with_topics(topics));
    assert_eq!((response.error_code, response.results.len()), (0, 1));
    response.results.remove(0)
}

#[test]
fn partitions_tell_their_size_and_the_directory_its_room() {
    let (broker, mut client) = start();
    client.create_topic("two", 2, &[]);
    let written = batch(&["some bytes"]);
    let bytes = i64::try_from(written.len()).unwrap();
    client.produce("two", 1, -1, written);
    let sizes = |result: &DescribeLogDirsResult| -> Vec<(String, i32, i64)> {
        let of = |topic: &DescribeLogDirsTopic| {
            let name = topic.name.to_string();
            let of = |partition: &DescribeLogDirsPartition| {
                assert!(partition.offset_lag == 0 && !partition.is_future_key);
                (name.clone(), partition.partition_index, partition.partition_size)
            };
            topic.partitions.iter().map(of).collect::<Vec<_>>()
        };
        result.topics.iter().flat_map(of).collect()
    };
    let two = |partition, bytes| ("two".to_owned(), partition, bytes);
    for version in 1..=4 {
        let all = log_dirs(&mut client, version, None);
        assert_eq!(sizes(&all), [("there".to_owned(), 0, 0), two(0, 0), two(1, bytes)], "version {version}");
        assert!(all.log_dir.starts_with('/'));
        assert!(version < 4 || (all.total_bytes >= all.usable_bytes && all.usable_bytes > 0));
    }
    let some = log_dirs(&mut client, 4, Some(vec![("two", vec![1, 9, 1]), ("missing", vec![0])]));
    assert_eq!(sizes(&some), [two(1, bytes)]);
    assert_eq!(log_dirs(&mut client, 4, Some(Vec::new())).topics, []);
    broker.close_blocking();
}

#[test]
fn producers_are_described_by_partition() {
    let (broker, mut client) = start();
    let producer = |id| ProducerState { id: ProducerId(id), epoch: ProducerEpoch(3), base_sequence: 0 };
    client.produce("there", 0, -1, timed_batch(&["a", "b"], producer(7), 1_000));
    client.produce("there", 0, -1, timed_batch(&["a"], producer(5), 2_000));
    let topic = |topic: &str, partitions| {
        TopicRequest::default().with_name(name(topic)).with_partition_indexes(partitions)
    };
    let asked = vec![topic("there", vec![0, 4]), topic("missing", vec![0]), topic("a/b", vec![0])];
    let response = client.call(0, &DescribeProducersRequest::default().with_topics(asked));
    let there = &response.topics[0].partitions[0];
    let described = there.active_producers.iter().map(|producer| {
        (producer.producer_id.0, producer.producer_epoch, producer.last_sequence, producer.last_timestamp)
    });
    assert_eq!(described.collect::<Vec<_>>(), [(5, 3, 0, 2_000), (7, 3, 1, 1_001)]);
    let producers = &there.active_producers;
    assert!(producers.iter().all(|producer| producer.current_txn_start_offset == -1));
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!((there.error_code, response.topics[0].partitions[1].error_code), (0, unknown));
    assert_eq!(response.topics[1].partitions[0].error_code, unknown);
    assert_eq!(response.topics[2].partitions[0].error_code, ResponseError::InvalidTopicException.code());
    broker.close_blocking();
}

#[test]
fn what_a_request_must_say_and_does_not_is_named_by_its_code() {
    let (broker, mut client) = start();
    let sync = SyncGroupRequest::default()
        .with_group_id(GroupId(text("g")))
        .with_member_id(text("m"))
        .with_generation_id(1);
    assert_eq!(client.call(5, &sync).error_code, ResponseError::InconsistentGroupProtocol.code());
    assert_eq!(client.call(4, &sync).error_code, ResponseError::UnknownMemberId.code());
    let empty = InitProducerIdRequest::default().with_transactional_id(Some(TransactionalId(text(""))));
    assert_eq!(client.call(4, &empty).error_code, ResponseError::InvalidRequest.code());
    for (endpoint, error) in
        [(2, ResponseError::MismatchedEndpointType), (9, ResponseError::UnsupportedEndpointType)]
    {
        let request = DescribeClusterRequest::default().with_endpoint_type(endpoint);
        let response = client.call(1, &request);
        assert_eq!((response.error_code, response.controller_id.0), (error.code(), -1));
    }
    let asked = describe_topic_partitions_request::TopicRequest::default().with_name(name("a/b"));
    let request =
        DescribeTopicPartitionsRequest::default().with_topics(vec![asked]).with_response_partition_limit(10);
    let code = client.call(0, &request).topics[0].error_code;
    assert_eq!(code, ResponseError::InvalidTopicException.code());
    broker.close_blocking();
}

#[test]
fn an_epoch_that_has_not_begun_has_no_end() {
    let (broker, mut client) = start();
    client.produce("there", 0, -1, batch(&["x"]));
    let mut end = |epoch| {
        let partition = OffsetForLeaderPartition::default()
            .with_partition(0)
            .with_current_leader_epoch(-1)
            .with_leader_epoch(epoch);
        let topic =
            OffsetForLeaderTopic::default().with_topic(name("there")).with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default().with_topics(vec![topic]);
        let found = client.call(4, &request).topics[0].partitions[0].clone();
        (found.error_code, found.leader_epoch, found.end_offset)
    };
    assert_eq!(end(0), (0, 0, 1));
    assert_eq!(end(1), (0, -1, -1));
    let mut request = fetch_request("there", 0, 0);
    request.topics[0].partitions[0] = fetch_partition(0, 0).with_last_fetched_epoch(1);
    let code = client.call(12, &request).responses[0].partitions[0].error_code;
    assert_eq!(code, ResponseError::OffsetOutOfRange.code());
    broker.close_blocking();
}
