//! DescribeTopicPartitions: topics page by page (KIP-966).

use std::sync::Arc;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicName};

use crate::api::operations::{NO_OPERATIONS, TOPIC_OPERATIONS};
use crate::api::{RequestContext, text};
use crate::log::Partition;
use crate::metadata::{Topic, name_fault};

pub(crate) async fn handle(
    context: &RequestContext,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let mut room = room(context, &request);
    let mut response = DescribeTopicPartitionsResponse::default();
    for (name, topic) in wanted(context, &request) {
        let first = request.cursor.as_ref().filter(|cursor| *cursor.topic_name == *name);
        let first = first.map_or(0, |cursor| usize::try_from(cursor.partition_index).unwrap_or(0));
        let Some(topic) = topic else {
            response.topics.push(unknown(name));
            continue;
        };
        let left = topic.partitions.len().saturating_sub(first);
        if room == 0 && left > 0 {
            return response.with_next_cursor(Some(cursor(name, first)));
        }
        response.topics.push(describe(context, &topic, first, room));
        if left > room {
            return response.with_next_cursor(Some(cursor(name, first + room)));
        }
        room -= left;
    }
    response
}

/// Partitions that fit into the answer.
fn room(context: &RequestContext, request: &DescribeTopicPartitionsRequest) -> usize {
    let limit =
        request.response_partition_limit.min(context.broker.settings.max_request_partition_size_limit);
    usize::try_from(limit).unwrap_or(0).max(1)
}

/// The topics asked for, by name and from the cursor on; no name asks for all of them.
fn wanted(
    context: &RequestContext,
    request: &DescribeTopicPartitionsRequest,
) -> Vec<(String, Option<Arc<Topic>>)> {
    let metadata = &context.broker.metadata;
    let mut topics: Vec<_> = if request.topics.is_empty() {
        metadata.topics().into_iter().map(|topic| (topic.name.to_string(), Some(topic))).collect()
    } else {
        request.topics.iter().map(|topic| (topic.name.to_string(), metadata.topic(&topic.name))).collect()
    };
    topics.sort_by(|a, b| a.0.cmp(&b.0));
    topics.dedup_by(|a, b| a.0 == b.0);
    if let Some(cursor) = &request.cursor {
        topics.retain(|(name, _)| name.as_str() >= cursor.topic_name.as_str());
    }
    topics
}

fn cursor(name: String, partition: usize) -> Cursor {
    let partition = i32::try_from(partition).unwrap_or(i32::MAX);
    Cursor::default().with_topic_name(TopicName(name.into())).with_partition_index(partition)
}

fn unknown(name: String) -> DescribeTopicPartitionsResponseTopic {
    let error = match name_fault(&name) {
        Some(_) => ResponseError::InvalidTopicException,
        None => ResponseError::UnknownTopicOrPartition,
    };
    DescribeTopicPartitionsResponseTopic::default()
        .with_error_code(error.code())
        .with_name(Some(TopicName(name.into())))
        .with_topic_authorized_operations(NO_OPERATIONS)
}

fn describe(
    context: &RequestContext,
    topic: &Topic,
    first: usize,
    room: usize,
) -> DescribeTopicPartitionsResponseTopic {
    let partitions = (0..).zip(&topic.partitions).skip(first).take(room);
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(TopicName(text(&topic.name))))
        .with_topic_id(topic.id)
        .with_is_internal(topic.is_internal())
        .with_partitions(
            partitions.map(|(index, partition)| describe_partition(context, index, partition)).collect(),
        )
        .with_topic_authorized_operations(TOPIC_OPERATIONS)
}

fn describe_partition(
    context: &RequestContext,
    index: i32,
    partition: &Partition,
) -> DescribeTopicPartitionsResponsePartition {
    let node = context.node_id();
    let offline = partition.is_offline();
    let error = if offline { ResponseError::LeaderNotAvailable.code() } else { 0 };
    DescribeTopicPartitionsResponsePartition::default()
        .with_error_code(error)
        .with_partition_index(index)
        .with_leader_id(if offline { (-1).into() } else { node })
        .with_leader_epoch(partition.leader_epoch().0)
        .with_replica_nodes(vec![node])
        .with_isr_nodes(vec![node])
        .with_eligible_leader_replicas(Some(Vec::new()))
        .with_last_known_elr(Some(Vec::new()))
        .with_offline_replicas(if offline { vec![node] } else { Vec::new() })
}
