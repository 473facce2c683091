//! OffsetFetch: of one group, or since version 8 of several.

use std::sync::Arc;

use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{OffsetFetchRequest, OffsetFetchResponse, TopicName};

use crate::api::{NONE, RequestContext, text};
use crate::group::{CommittedOffset, GroupError, GroupId};

/// Since this version an answer has an error of its own; before, each partition has it.
const GROUP_ERROR: i16 = 2;
/// Since this version several groups are asked for at once (KIP-709).
const BATCHED: i16 = 8;

/// A topic's partitions, as far as they are asked for.
type Wanted = Option<Vec<(Arc<str>, Vec<i32>)>>;

pub(crate) async fn handle(context: &RequestContext, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if context.version() < BATCHED {
        return one_group(context, request).await;
    }
    let mut groups = Vec::with_capacity(request.groups.len());
    for group in request.groups {
        groups.push(one_of_many(context, group).await);
    }
    OffsetFetchResponse::default().with_groups(groups)
}

async fn one_group(context: &RequestContext, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let wanted: Wanted = request.topics.as_ref().map(|topics| topics.iter().map(wanted_before_8).collect());
    let group = GroupId::from(&**request.group_id);
    match context.broker.groups.committed(&group, wanted).await {
        Ok(fetched) => {
            let topic = |(name, partitions): (Arc<str>, Vec<(i32, Option<CommittedOffset>)>)| {
                let partitions =
                    partitions.into_iter().map(|(index, found)| partition_before_8(index, found));
                OffsetFetchResponseTopic::default()
                    .with_name(TopicName(text(name)))
                    .with_partitions(partitions.collect())
            };
            OffsetFetchResponse::default().with_topics(fetched.into_iter().map(topic).collect())
        }
        Err(error) if context.version() >= GROUP_ERROR => {
            OffsetFetchResponse::default().with_error_code(error.code())
        }
        Err(error) => failed(request.topics.unwrap_or_default(), error),
    }
}

/// The error, once for each partition that was asked for.
fn failed(topics: Vec<OffsetFetchRequestTopic>, error: GroupError) -> OffsetFetchResponse {
    let topic = |topic: OffsetFetchRequestTopic| {
        let partition = |index: &i32| partition_before_8(*index, None).with_error_code(error.code());
        OffsetFetchResponseTopic::default()
            .with_partitions(topic.partition_indexes.iter().map(partition).collect())
            .with_name(topic.name)
    };
    OffsetFetchResponse::default().with_topics(topics.into_iter().map(topic).collect())
}

fn wanted_before_8(topic: &OffsetFetchRequestTopic) -> (Arc<str>, Vec<i32>) {
    (Arc::from(&**topic.name), topic.partition_indexes.clone())
}

fn partition_before_8(index: i32, found: Option<CommittedOffset>) -> OffsetFetchResponsePartition {
    let partition = OffsetFetchResponsePartition::default().with_partition_index(index);
    match found {
        Some(committed) => partition
            .with_committed_offset(committed.offset)
            .with_committed_leader_epoch(committed.leader_epoch)
            .with_metadata(Some(text(committed.metadata))),
        None => {
            partition.with_committed_offset(-1).with_committed_leader_epoch(-1).with_metadata(Some(text("")))
        }
    }
}

async fn one_of_many(context: &RequestContext, group: OffsetFetchRequestGroup) -> OffsetFetchResponseGroup {
    let wanted: Wanted = group.topics.as_ref().map(|topics| topics.iter().map(wanted).collect());
    let fetched = context.broker.groups.committed(&GroupId::from(&**group.group_id), wanted).await;
    let response = OffsetFetchResponseGroup::default().with_group_id(group.group_id);
    let topic = |(name, partitions): (Arc<str>, Vec<(i32, Option<CommittedOffset>)>)| {
        let partitions = partitions.into_iter().map(|(index, found)| partition(index, found));
        OffsetFetchResponseTopics::default()
            .with_name(TopicName(text(name)))
            .with_partitions(partitions.collect())
    };
    match fetched {
        Ok(fetched) => response.with_error_code(NONE).with_topics(fetched.into_iter().map(topic).collect()),
        Err(error) => response.with_error_code(error.code()),
    }
}

fn wanted(topic: &OffsetFetchRequestTopics) -> (Arc<str>, Vec<i32>) {
    (Arc::from(&**topic.name), topic.partition_indexes.clone())
}

fn partition(index: i32, found: Option<CommittedOffset>) -> OffsetFetchResponsePartitions {
    let older = partition_before_8(index, found);
    OffsetFetchResponsePartitions::default()
        .with_partition_index(older.partition_index)
        .with_committed_offset(older.committed_offset)
        .with_committed_leader_epoch(older.committed_leader_epoch)
        .with_metadata(older.metadata)
}
