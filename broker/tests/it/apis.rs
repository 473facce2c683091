//! Every advertised API and version is answered, in bytes that the message crate reads to their end.

use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::*;
use kafka_protocol::protocol::StrBytes;
use millstream_broker::{Broker, BrokerConfig};

use crate::client::{Client, batch, fetch_request, name, produce_request, records, text, topic};

const UNSUPPORTED_VERSION: i16 = 35;

fn advertised(client: &mut Client) -> ApiVersionsResponse {
    let request = ApiVersionsRequest::default()
        .with_client_software_name(text("test"))
        .with_client_software_version(text("1"));
    client.call(3, &request)
}

/// The versions of an API that the broker advertises.
fn versions(client: &mut Client, key: ApiKey) -> std::ops::RangeInclusive<i16> {
    let response = advertised(client);
    let api = response.api_keys.iter().find(|api| api.api_key == key as i16).unwrap();
    api.min_version..=api.max_version
}

fn start() -> (Broker, Client) {
    let broker = Broker::start_blocking(BrokerConfig::ephemeral()).unwrap();
    let client = Client::connect(&broker);
    (broker, client)
}

#[test]
fn api_versions_answers_every_version_and_one_of_the_future() {
    let (broker, mut client) = start();
    for version in versions(&mut client, ApiKey::ApiVersions) {
        let request = ApiVersionsRequest::default();
        let request = if version < 3 {
            request
        } else {
            request.with_client_software_name(text("a")).with_client_software_version(text("b"))
        };
        assert_eq!(client.call(version, &request).error_code, 0, "version {version}");
    }
    client.send_raw(&crate::client::frame(18, 99, 5, true, b"\x01\x01\x00"));
    let response = client.receive::<ApiVersionsRequest>(0);
    assert_eq!(response.error_code, UNSUPPORTED_VERSION);
    assert!(response.api_keys.iter().any(|api| api.api_key == 18 && api.max_version >= 4));
    broker.close_blocking();
}

#[test]
fn metadata_in_every_version_names_broker_topic_and_leader() {
    let (broker, mut client) = start();
    let id = client.create_topic("a", 2, &[]);
    for version in versions(&mut client, ApiKey::Metadata) {
        let asked = if version >= 12 {
            MetadataRequestTopic::default().with_topic_id(id).with_name(None)
        } else {
            MetadataRequestTopic::default().with_name(Some(name("a")))
        };
        let response = client.call(version, &MetadataRequest::default().with_topics(Some(vec![asked])));
        assert_eq!(response.brokers[0].port, i32::from(broker.address().port()));
        let topic = &response.topics[0];
        assert_eq!(topic.error_code, 0, "version {version}");
        assert_eq!(topic.name.as_ref().map(|name| name.to_string()), Some("a".to_owned()));
        assert_eq!(topic.partitions.len(), 2);
        assert!(topic.partitions.iter().all(|partition| partition.leader_id == response.brokers[0].node_id));
    }
    // Null asks for all topics, but in version 0 an empty list does.
    assert_eq!(client.call(12, &MetadataRequest::default().with_topics(None)).topics.len(), 1);
    assert_eq!(client.call(0, &MetadataRequest::default().with_topics(Some(Vec::new()))).topics.len(), 1);
    assert_eq!(client.call(1, &MetadataRequest::default().with_topics(Some(Vec::new()))).topics.len(), 0);
    broker.close_blocking();
}

#[test]
fn produce_and_fetch_in_every_version() {
    let (broker, mut client) = start();
    let id = client.create_topic("a", 1, &[]);
    let mut end = 0;
    // Version 0 is advertised for librdkafka, and 3 is the first that is served.
    for version in 3..=*versions(&mut client, ApiKey::Produce).end() {
        let mut request = produce_request("a", 0, -1, batch(&["x"]));
        if version >= 13 {
            request.topic_data[0].name = TopicName::default();
            request.topic_data[0].topic_id = id;
        }
        let response = client.call(version, &request);
        let partition = &response.responses[0].partition_responses[0];
        assert_eq!((partition.error_code, partition.base_offset), (0, end), "version {version}");
        end += 1;
    }
    for version in versions(&mut client, ApiKey::Fetch) {
        let mut request = fetch_request("a", 0, 0);
        if version >= 13 {
            request.topics[0].topic = TopicName::default();
            request.topics[0].topic_id = id;
        }
        if version < 7 {
            request = request.with_session_epoch(-1);
        }
        let response = client.call(version, &request);
        let partition = &response.responses[0].partitions[0];
        assert_eq!((partition.error_code, partition.high_watermark), (0, end), "version {version}");
        assert_eq!(records(&partition.records).len() as i64, end, "version {version}");
    }
    broker.close_blocking();
}

#[test]
fn offsets_in_every_version() {
    let (broker, mut client) = start();
    client.create_topic("a", 1, &[]);
    client.produce("a", 0, -1, batch(&["x", "y"]));
    for version in versions(&mut client, ApiKey::ListOffsets) {
        let partition = ListOffsetsPartition::default().with_timestamp(-1).with_current_leader_epoch(-1);
        let topic = ListOffsetsTopic::default().with_name(name("a")).with_partitions(vec![partition]);
        let response = client.call(version, &ListOffsetsRequest::default().with_topics(vec![topic]));
        assert_eq!(response.topics[0].partitions[0].offset, 2, "version {version}");
    }
    for version in versions(&mut client, ApiKey::OffsetForLeaderEpoch) {
        let partition =
            OffsetForLeaderPartition::default().with_leader_epoch(0).with_current_leader_epoch(-1);
        let topic = OffsetForLeaderTopic::default().with_topic(name("a")).with_partitions(vec![partition]);
        let request =
            OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        let end = client.call(version, &request).topics[0].partitions[0].clone();
        assert_eq!((end.error_code, end.leader_epoch, end.end_offset), (0, 0, 2), "version {version}");
    }
    broker.close_blocking();
}

#[test]
fn topics_are_made_grown_cut_and_deleted_in_every_version() {
    let (broker, mut client) = start();
    for version in versions(&mut client, ApiKey::CreateTopics) {
        let request = CreateTopicsRequest::default().with_topics(vec![topic(&format!("v{version}"), 1, &[])]);
        assert_eq!(client.call(version, &request).topics[0].error_code, 0, "version {version}");
    }
    for (version, count) in versions(&mut client, ApiKey::CreatePartitions).zip(2..) {
        let topic =
            CreatePartitionsTopic::default().with_name(name("v2")).with_count(count).with_assignments(None);
        let response = client.call(version, &CreatePartitionsRequest::default().with_topics(vec![topic]));
        assert_eq!(response.results[0].error_code, 0, "version {version}");
    }
    client.produce("v2", 0, -1, batch(&["x", "y", "z"]));
    for (version, offset) in versions(&mut client, ApiKey::DeleteRecords).zip(1..) {
        let partition = DeleteRecordsPartition::default().with_offset(offset);
        let topic = DeleteRecordsTopic::default().with_name(name("v2")).with_partitions(vec![partition]);
        let response = client.call(version, &DeleteRecordsRequest::default().with_topics(vec![topic]));
        assert_eq!(response.topics[0].partitions[0].low_watermark, offset, "version {version}");
    }
    for version in versions(&mut client, ApiKey::DeleteTopics) {
        let doomed = format!("doomed-{version}");
        client.create_topic(&doomed, 1, &[]);
        let request = if version >= 6 {
            let state = DeleteTopicState::default().with_name(Some(name(&doomed)));
            DeleteTopicsRequest::default().with_topics(vec![state])
        } else {
            DeleteTopicsRequest::default().with_topic_names(vec![name(&doomed)])
        };
        assert_eq!(client.call(version, &request).responses[0].error_code, 0, "version {version}");
    }
    broker.close_blocking();
}

#[test]
fn configurations_in_every_version() {
    let (broker, mut client) = start();
    client.create_topic("a", 1, &[]);
    for version in versions(&mut client, ApiKey::DescribeConfigs) {
        let resource = DescribeConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("a"))
            .with_configuration_keys(None);
        let request = DescribeConfigsRequest::default()
            .with_resources(vec![resource])
            .with_include_synonyms(true)
            .with_include_documentation(version >= 3);
        let response = client.call(version, &request);
        assert!(response.results[0].configs.len() > 10, "version {version}");
    }
    for version in versions(&mut client, ApiKey::AlterConfigs) {
        let resource = AlterConfigsResource::default().with_resource_type(2).with_resource_name(text("a"));
        let response = client.call(version, &AlterConfigsRequest::default().with_resources(vec![resource]));
        assert_eq!(response.responses[0].error_code, 0, "version {version}");
    }
    for version in versions(&mut client, ApiKey::IncrementalAlterConfigs) {
        let resource = incremental_alter_configs_request::AlterConfigsResource::default()
            .with_resource_type(2)
            .with_resource_name(text("a"));
        let request = IncrementalAlterConfigsRequest::default().with_resources(vec![resource]);
        assert_eq!(client.call(version, &request).responses[0].error_code, 0, "version {version}");
    }
    broker.close_blocking();
}

#[test]
fn the_cluster_and_producer_ids_in_every_version() {
    let (broker, mut client) = start();
    for version in versions(&mut client, ApiKey::DescribeCluster) {
        let response = client.call(version, &DescribeClusterRequest::default());
        assert_eq!((response.error_code, response.brokers.len()), (0, 1), "version {version}");
        assert_eq!(response.cluster_id.len(), 22);
    }
    let mut last = -1;
    for version in versions(&mut client, ApiKey::InitProducerId) {
        let request = InitProducerIdRequest::default().with_transactional_id(None);
        let response = client.call(version, &request);
        assert_eq!(response.error_code, 0, "version {version}");
        assert!(response.producer_id.0 > last, "an id was given twice");
        last = response.producer_id.0;
    }
    let request =
        InitProducerIdRequest::default().with_transactional_id(Some(StrBytes::from_static_str("t").into()));
    assert_ne!(client.call(4, &request).error_code, 0, "transactions are not served");
    broker.close_blocking();
}

#[test]
fn what_may_be_done_is_told_to_those_who_ask() {
    const ALL_OF_TOPIC: i32 = 0b1101_1111_1000;
    const ALL_OF_CLUSTER: i32 = 0b1_1111_1010_0000;
    const NOT_TOLD: i32 = i32::MIN;
    let (broker, mut client) = start();
    client.create_topic("a", 1, &[]);
    let asked = |topic| MetadataRequestTopic::default().with_name(Some(name(topic)));
    let silent = MetadataRequest::default()
        .with_topics(Some(vec![asked("a"), asked("none")]))
        .with_allow_auto_topic_creation(false);
    let curious = silent
        .clone()
        .with_include_topic_authorized_operations(true)
        .with_include_cluster_authorized_operations(true);
    for (request, cluster, topic) in [(&silent, NOT_TOLD, NOT_TOLD), (&curious, ALL_OF_CLUSTER, ALL_OF_TOPIC)]
    {
        let response = client.call(8, request);
        assert_eq!(response.cluster_authorized_operations, cluster);
        let topics = response.topics.iter().map(|topic| topic.topic_authorized_operations);
        assert_eq!(topics.collect::<Vec<_>>(), [topic, NOT_TOLD], "a topic that is not there tells nothing");
    }
    for (asked, operations) in [(false, NOT_TOLD), (true, ALL_OF_CLUSTER)] {
        let request = DescribeClusterRequest::default().with_include_cluster_authorized_operations(asked);
        assert_eq!(client.call(0, &request).cluster_authorized_operations, operations);
    }
    broker.close_blocking();
}

#[test]
fn topics_are_described_page_by_page() {
    let broker = Broker::start_blocking(
        BrokerConfig::ephemeral().set("max.request.partition.size.limit", "3").unwrap(),
    )
    .unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("a", 2, &[]);
    client.create_topic("b", 5, &[]);
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let request =
            DescribeTopicPartitionsRequest::default().with_response_partition_limit(2000).with_cursor(cursor);
        let response = client.call(0, &request);
        for topic in &response.topics {
            let name = topic.name.as_ref().unwrap().to_string();
            seen.extend(topic.partitions.iter().map(|partition| (name.clone(), partition.partition_index)));
        }
        let Some(next) = response.next_cursor else { break };
        cursor = Some(
            describe_topic_partitions_request::Cursor::default()
                .with_topic_name(next.topic_name)
                .with_partition_index(next.partition_index),
        );
    }
    let wanted =
        (0..2).map(|index| ("a".to_owned(), index)).chain((0..5).map(|index| ("b".to_owned(), index)));
    assert_eq!(seen, wanted.collect::<Vec<_>>());
    broker.close_blocking();
}

#[test]
fn resources_with_configurations_are_listed() {
    let (broker, mut client) = start();
    client.create_topic("a", 1, &[]);
    let listed = |response: ListConfigResourcesResponse| {
        let names = response.config_resources.into_iter();
        names.map(|resource| (resource.resource_type, resource.resource_name.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(listed(client.call(0, &ListConfigResourcesRequest::default())), []);
    let all = [(2, "a".to_owned()), (4, "1".to_owned())];
    assert_eq!(listed(client.call(1, &ListConfigResourcesRequest::default())), all);
    let topics = ListConfigResourcesRequest::default().with_resource_types(vec![2]);
    assert_eq!(listed(client.call(1, &topics)), all[..1]);
    broker.close_blocking();
}
