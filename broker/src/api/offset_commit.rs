//! OffsetCommit: partitions that exist are committed together, the others are refused one by one.

use std::sync::Arc;

use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};

use crate::api::{NONE, RequestContext};
use crate::group::{Commit, GroupError, GroupId, InstanceId, MemberId, Sender};
use crate::metadata::Topic;

/// Since this version a group that is not there is told from a generation that is over (KIP-848).
const MEMBER_EPOCH: i16 = 9;

pub(crate) async fn handle(context: &RequestContext, request: OffsetCommitRequest) -> OffsetCommitResponse {
    let group = GroupId::from(&**request.group_id);
    let sender = Sender {
        member_id: MemberId::from(&*request.member_id),
        instance_id: request.group_instance_id.as_deref().map(InstanceId::from),
        generation: request.generation_id_or_member_epoch,
    };
    // Before version 5 a client may say how long it wants its offsets kept; -1 leaves it to the broker.
    let retention_ms = Some(request.retention_time_ms).filter(|ms| *ms >= 0);
    let mut commits = Vec::new();
    let topics: Vec<_> =
        request.topics.iter().map(|topic| check(context, topic, retention_ms, &mut commits)).collect();
    let result = match commits.is_empty() {
        true => Ok(()),
        false => context.broker.groups.commit(&group, &sender, commits).await,
    };
    let code = result.err().map_or(NONE, |error| code(error, context.version()));
    OffsetCommitResponse::default()
        .with_topics(topics.into_iter().map(|topic| committed(topic, code)).collect())
}

fn code(error: GroupError, version: i16) -> i16 {
    match error {
        GroupError::GroupIdNotFound if version < MEMBER_EPOCH => GroupError::IllegalGeneration.code(),
        _ => error.code(),
    }
}

/// Takes what can be committed of a topic into `commits`, and says what cannot.
fn check(
    context: &RequestContext,
    topic: &OffsetCommitRequestTopic,
    retention_ms: Option<i64>,
    commits: &mut Vec<Commit>,
) -> OffsetCommitResponseTopic {
    let known = context.broker.metadata.topic(&topic.name);
    let name: Arc<str> = Arc::from(&**topic.name);
    let mut partitions = Vec::with_capacity(topic.partitions.len());
    for partition in &topic.partitions {
        let checked = check_partition(context, known.as_deref(), partition);
        if let (Ok(()), Some(known)) = (checked, &known) {
            commits.push(commit(&name, known, partition, retention_ms));
        }
        let code = checked.err().map_or(NONE, GroupError::code);
        partitions.push(
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code),
        );
    }
    OffsetCommitResponseTopic::default().with_name(topic.name.clone()).with_partitions(partitions)
}

fn check_partition(
    context: &RequestContext,
    topic: Option<&Topic>,
    partition: &OffsetCommitRequestPartition,
) -> Result<(), GroupError> {
    topic
        .and_then(|topic| topic.partition(partition.partition_index))
        .ok_or(GroupError::UnknownTopicOrPartition)?;
    context.broker.groups.check_metadata(partition.committed_metadata.as_deref().unwrap_or(""))
}

fn commit(
    name: &Arc<str>,
    topic: &Topic,
    partition: &OffsetCommitRequestPartition,
    retention_ms: Option<i64>,
) -> Commit {
    Commit {
        topic: name.clone(),
        topic_id: topic.id,
        partition: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.as_deref().unwrap_or("").into(),
        retention_ms,
    }
}

/// Gives the partitions that were committed their common result.
fn committed(mut topic: OffsetCommitResponseTopic, code: i16) -> OffsetCommitResponseTopic {
    for partition in topic.partitions.iter_mut().filter(|partition| partition.error_code == NONE) {
        partition.error_code = code;
    }
    topic
}
