//! Each configuration of groups has its effect.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeGroupsRequest, FindCoordinatorRequest, MetadataRequest,
    OffsetFetchRequest,
};
use millstream_broker::{Broker, BrokerConfig};

use super::REBALANCE_IN_PROGRESS;
use super::member::{Member, group};
use crate::client::{Client, name, text};

const OFFSET_METADATA_TOO_LARGE: i16 = 12;
const INVALID_SESSION_TIMEOUT: i16 = 26;
const GROUP_MAX_SIZE_REACHED: i16 = 81;

fn start(configs: &[(&str, &str)]) -> (Broker, Client) {
    let set = |config: BrokerConfig, (name, value): &(&str, &str)| config.set(name, value).unwrap();
    let broker = Broker::start_blocking(configs.iter().fold(BrokerConfig::ephemeral(), set)).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("topic", 2, &[]);
    (broker, client)
}

#[test]
fn group_min_and_max_session_timeout_ms() {
    let (broker, _client) =
        start(&[("group.min.session.timeout.ms", "20000"), ("group.max.session.timeout.ms", "30000")]);
    let code = |session_timeout_ms| Member { session_timeout_ms, ..Member::new(&broker) }.join().error_code;
    assert_eq!([code(19_999), code(30_001)], [INVALID_SESSION_TIMEOUT; 2]);
    assert_ne!(code(20_000), INVALID_SESSION_TIMEOUT);
}

#[test]
fn group_initial_rebalance_delay_ms() {
    let (broker, mut client) = start(&[("group.initial.rebalance.delay.ms", "3600000")]);
    let mut member = Member::with_id(&broker);
    member.send_join();
    let describe = DescribeGroupsRequest::default().with_groups(vec![group()]);
    while client.call(5, &describe).groups[0].members.is_empty() {}
    assert_eq!(client.call(5, &describe).groups[0].group_state, text("PreparingRebalance"));
    let mut elsewhere = Member { client, id: member.id.clone(), generation: 0, ..Member::new(&broker) };
    assert_eq!(elsewhere.heartbeat(), REBALANCE_IN_PROGRESS);
}

#[test]
fn group_max_size() {
    let (broker, _client) = start(&[("group.max.size", "1"), ("group.initial.rebalance.delay.ms", "0")]);
    let mut member = Member::with_id(&broker);
    assert_eq!(member.join().error_code, 0);
    assert_eq!(Member::new(&broker).join().error_code, GROUP_MAX_SIZE_REACHED);
}

#[test]
fn offsets_topic_num_partitions_and_segment_bytes() {
    let configs = [("offsets.topic.num.partitions", "3"), ("offsets.topic.segment.bytes", "2097152")];
    let (_broker, mut client) = start(&configs);
    client.call(3, &FindCoordinatorRequest::default().with_key(text("group")));
    let topic = MetadataRequestTopic::default().with_name(Some(name("__consumer_offsets")));
    let topics = client.call(9, &MetadataRequest::default().with_topics(Some(vec![topic]))).topics;
    assert_eq!((topics[0].partitions.len(), topics[0].is_internal), (3, true));
    let resource = DescribeConfigsResource::default()
        .with_resource_type(2)
        .with_resource_name(text("__consumer_offsets"))
        .with_configuration_keys(Some(vec![text("segment.bytes"), text("cleanup.policy")]));
    let response = client.call(4, &DescribeConfigsRequest::default().with_resources(vec![resource]));
    let value = |of: &str| {
        let found = response.results[0].configs.iter().find(|config| &*config.name == of);
        found.and_then(|config| config.value.clone())
    };
    assert_eq!(
        (value("segment.bytes"), value("cleanup.policy")),
        (Some(text("2097152")), Some(text("compact")))
    );
}

#[test]
fn offset_metadata_max_bytes() {
    let (broker, _client) = start(&[("offset.metadata.max.bytes", "3")]);
    assert_eq!(Member::new(&broker).commit(0, 1), OFFSET_METADATA_TOO_LARGE);
}

#[test]
fn offsets_retention_check_interval_ms() {
    let (broker, mut client) = start(&[("offsets.retention.check.interval.ms", "20")]);
    let request = Member::new(&broker).commit_request(0, 1).with_retention_time_ms(1);
    assert_eq!(client.call(4, &request).topics[0].partitions[0].error_code, 0);
    let asked = OffsetFetchRequest::default().with_group_id(group()).with_topics(None);
    while !client.call(7, &asked).topics.is_empty() {}
}
