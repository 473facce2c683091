//! Metadata: brokers, topics, partitions. Topics that are asked for by name may be created on the way.

use std::collections::HashSet;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};

use crate::api::operations::{CLUSTER_OPERATIONS, NO_OPERATIONS, TOPIC_OPERATIONS, if_asked};
use crate::api::{NONE, RequestContext, text};
use crate::log::Partition;
use crate::metadata::{MetadataError, NewTopic, Topic};

/// Topics that one request may create by naming them. More are answered as unknown: a client asks again for what it
/// still needs, and a list of made-up names makes no thousands of topics at once.
const MAX_AUTO_CREATED: usize = 100;

pub(crate) async fn handle(context: &RequestContext, request: MetadataRequest) -> MetadataResponse {
    let mut topics = match &request.topics {
        Some(topics) if !topics.is_empty() || context.version() >= 1 => {
            named_topics(context, topics, may_create(context, &request)).await
        }
        // Version 0 asks for all topics by an empty list, later ones by null.
        _ => context.broker.metadata.topics().iter().map(|topic| describe(context, topic)).collect(),
    };
    if request.include_topic_authorized_operations {
        for topic in topics.iter_mut().filter(|topic| topic.error_code == NONE) {
            topic.topic_authorized_operations = TOPIC_OPERATIONS;
        }
    }
    let cluster_operations = if_asked(request.include_cluster_authorized_operations, CLUSTER_OPERATIONS);
    let (host, port) = context.advertised();
    let broker = MetadataResponseBroker::default()
        .with_node_id(context.node_id())
        .with_host(text(host))
        .with_port(port);
    MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(text(context.broker.logs.cluster_id())))
        .with_controller_id(context.node_id())
        .with_topics(topics)
        .with_cluster_authorized_operations(cluster_operations)
}

fn may_create(context: &RequestContext, request: &MetadataRequest) -> bool {
    let asked_for = context.version() < 4 || request.allow_auto_topic_creation;
    asked_for && context.broker.settings.auto_create_topics_enable
}

async fn named_topics(
    context: &RequestContext,
    topics: &[MetadataRequestTopic],
    may_create: bool,
) -> Vec<MetadataResponseTopic> {
    let mut creatable = if may_create { MAX_AUTO_CREATED } else { 0 };
    let mut described = Vec::new();
    let mut seen = HashSet::new();
    for topic in topics.iter().filter(|topic| seen.insert((&topic.name, topic.topic_id))) {
        let Some(name) = &topic.name else {
            described.push(by_id(context, topic));
            continue;
        };
        described.push(match context.broker.metadata.topic(name) {
            Some(topic) => describe(context, &topic),
            None if creatable > 0 => {
                creatable -= 1;
                create(context, name).await
            }
            None => missing(name, unknown_or_invalid(context, name)),
        });
    }
    described
}

fn by_id(context: &RequestContext, topic: &MetadataRequestTopic) -> MetadataResponseTopic {
    match context.broker.metadata.topic_by_id(topic.topic_id) {
        Some(topic) => describe(context, &topic),
        None => MetadataResponseTopic::default()
            .with_error_code(ResponseError::UnknownTopicId.code())
            .with_topic_id(topic.topic_id)
            .with_name(None)
            .with_topic_authorized_operations(NO_OPERATIONS),
    }
}

async fn create(context: &RequestContext, name: &TopicName) -> MetadataResponseTopic {
    match context.broker.metadata.ensure_topic(NewTopic::with_defaults(name)).await {
        Ok(topic) => describe(context, &topic),
        Err(error) => {
            tracing::info!("topic {} was not created: {error}", &**name);
            let code = match error {
                MetadataError::InvalidRequest(_) => ResponseError::UnknownTopicOrPartition,
                error => error.code(),
            };
            missing(name, code)
        }
    }
}

fn unknown_or_invalid(context: &RequestContext, name: &TopicName) -> ResponseError {
    match context.broker.metadata.check_topic(&NewTopic::with_defaults(name)) {
        Err(error @ MetadataError::InvalidTopic(_)) => error.code(),
        _ => ResponseError::UnknownTopicOrPartition,
    }
}

fn missing(name: &TopicName, error: ResponseError) -> MetadataResponseTopic {
    MetadataResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(name.clone()))
        .with_topic_authorized_operations(NO_OPERATIONS)
}

fn describe(context: &RequestContext, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..).zip(&topic.partitions);
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(&topic.name))))
        .with_topic_id(topic.id)
        .with_is_internal(topic.is_internal())
        .with_partitions(
            partitions.map(|(index, partition)| describe_partition(context, index, partition)).collect(),
        )
        .with_topic_authorized_operations(NO_OPERATIONS)
}

fn describe_partition(
    context: &RequestContext,
    index: i32,
    partition: &Partition,
) -> MetadataResponsePartition {
    let node = context.node_id();
    let offline = partition.is_offline();
    MetadataResponsePartition::default()
        .with_error_code(if offline { ResponseError::LeaderNotAvailable.code() } else { NONE })
        .with_partition_index(index)
        .with_leader_id(if offline { (-1).into() } else { node })
        .with_leader_epoch(partition.leader_epoch().0)
        .with_replica_nodes(vec![node])
        .with_isr_nodes(vec![node])
        .with_offline_replicas(if offline { vec![node] } else { Vec::new() })
}
