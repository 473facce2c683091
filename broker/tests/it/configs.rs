//! Configurations: described with their origin, altered, inherited.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResourceResult;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};
use millstream_broker::{Broker, BrokerConfig};

use crate::client::{Client, batch, text};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

fn start(config: BrokerConfig) -> (Broker, Client) {
    let broker = Broker::start_blocking(config).unwrap();
    let mut client = Client::connect(&broker);
    client.create_topic("a", 1, &[]);
    (broker, client)
}

fn describe(client: &mut Client, kind: i8, resource: &str, key: &str) -> DescribeConfigsResourceResult {
    let resource = DescribeConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(resource))
        .with_configuration_keys(Some(vec![text(key)]));
    let request = DescribeConfigsRequest::default()
        .with_resources(vec![resource])
        .with_include_synonyms(true)
        .with_include_documentation(true);
    let mut response = client.call(4, &request);
    assert_eq!(response.results[0].error_code, 0);
    assert_eq!(response.results[0].configs.len(), 1, "{key}");
    response.results[0].configs.remove(0)
}

fn value(client: &mut Client, key: &str) -> (String, i8) {
    let described = describe(client, TOPIC, "a", key);
    (described.value.unwrap().to_string(), described.config_source)
}

fn alter(client: &mut Client, kind: i8, resource: &str, operation: i8, key: &str, value: &str) -> i16 {
    alter_or_validate(client, kind, resource, operation, key, value, false)
}

fn alter_or_validate(
    client: &mut Client,
    kind: i8,
    resource: &str,
    operation: i8,
    key: &str,
    value: &str,
    validate_only: bool,
) -> i16 {
    let config = AlterableConfig::default()
        .with_name(text(key))
        .with_config_operation(operation)
        .with_value((operation != DELETE).then(|| text(value)));
    let resource = AlterConfigsResource::default()
        .with_resource_type(kind)
        .with_resource_name(text(resource))
        .with_configs(vec![config]);
    let request = IncrementalAlterConfigsRequest::default()
        .with_resources(vec![resource])
        .with_validate_only(validate_only);
    client.call(1, &request).responses[0].error_code
}

#[test]
fn a_topics_value_is_its_own_the_brokers_or_the_default() {
    let (broker, mut client) = start(BrokerConfig::ephemeral().set("log.retention.hours", "2").unwrap());
    let described = describe(&mut client, TOPIC, "a", "retention.ms");
    assert_eq!((described.value.as_deref(), described.config_source), (Some("7200000"), 4));
    let synonyms: Vec<_> =
        described.synonyms.iter().map(|synonym| (synonym.name.to_string(), synonym.source)).collect();
    assert_eq!(synonyms, [("log.retention.hours".to_owned(), 4), ("log.retention.hours".to_owned(), 5)]);
    assert!(described.documentation.unwrap().contains("How long records are kept"));
    assert_eq!(alter(&mut client, TOPIC, "a", SET, "retention.ms", "5"), 0);
    assert_eq!(value(&mut client, "retention.ms"), ("5".to_owned(), 1));
    assert_eq!(alter(&mut client, TOPIC, "a", DELETE, "retention.ms", ""), 0);
    assert_eq!(value(&mut client, "retention.ms"), ("7200000".to_owned(), 4));
    broker.close_blocking();
}

#[test]
fn lists_grow_and_shrink_and_nothing_else_does() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    assert_eq!(alter(&mut client, TOPIC, "a", APPEND, "cleanup.policy", "compact"), 0);
    assert_eq!(value(&mut client, "cleanup.policy").0, "delete,compact");
    assert_eq!(alter(&mut client, TOPIC, "a", SUBTRACT, "cleanup.policy", "delete"), 0);
    assert_eq!(value(&mut client, "cleanup.policy").0, "compact");
    let code = alter(&mut client, TOPIC, "a", APPEND, "retention.ms", "1");
    assert_eq!(code, ResponseError::InvalidConfig.code());
    broker.close_blocking();
}

#[test]
fn what_is_wrong_is_refused_and_what_is_only_validated_changes_nothing() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    let invalid = ResponseError::InvalidConfig.code();
    assert_eq!(alter(&mut client, TOPIC, "a", SET, "retention.ms", "soon"), invalid);
    assert_eq!(alter(&mut client, TOPIC, "a", SET, "retention.m", "1"), invalid);
    assert_eq!(alter(&mut client, TOPIC, "a", SET, "preallocate", "true"), 0, "known without meaning");
    let unknown = ResponseError::UnknownTopicOrPartition.code();
    assert_eq!(alter(&mut client, TOPIC, "b", SET, "retention.ms", "1"), unknown);
    assert_eq!(alter_or_validate(&mut client, TOPIC, "a", SET, "retention.ms", "1", true), 0);
    assert_eq!(value(&mut client, "retention.ms").1, 5);
    broker.close_blocking();
}

#[test]
fn topics_follow_the_brokers_dynamic_values_at_once() {
    let (broker, mut client) = start(BrokerConfig::ephemeral());
    assert_eq!(alter(&mut client, BROKER, "", SET, "message.max.bytes", "100"), 0);
    assert_eq!(value(&mut client, "max.message.bytes"), ("100".to_owned(), 2));
    let large = "x".repeat(200);
    let refused = client.produce("a", 0, -1, batch(&[&large]));
    assert_eq!(refused.error_code, ResponseError::MessageTooLarge.code());
    assert_eq!(alter(&mut client, BROKER, "1", DELETE, "message.max.bytes", ""), 0);
    assert_eq!(client.produce("a", 0, -1, batch(&[&large])).error_code, 0);
    broker.close_blocking();
}

#[test]
fn what_holds_from_the_start_is_read_only() {
    let (broker, mut client) = start(BrokerConfig::ephemeral().set("num.partitions", "3").unwrap());
    let described = describe(&mut client, BROKER, "1", "num.partitions");
    assert_eq!((described.value.as_deref(), described.config_source), (Some("3"), 4));
    assert!(described.read_only);
    let code = alter(&mut client, BROKER, "1", SET, "num.partitions", "4");
    assert_eq!(code, ResponseError::InvalidRequest.code());
    broker.close_blocking();
}
