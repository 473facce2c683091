//! OffsetForLeaderEpoch: where the records of an epoch end, so that a client can tell whether its log was cut.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use millstream_wire::ids::{LeaderEpoch, Offset};

use crate::api::RequestContext;
use crate::api::leader_epoch::check_leader_epoch;
use crate::log::Partition;

pub(crate) async fn handle(
    context: &RequestContext,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| answer_topic(context, topic)).collect();
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}

fn answer_topic(context: &RequestContext, topic: &OffsetForLeaderTopic) -> OffsetForLeaderTopicResult {
    let found = context.broker.metadata.topic(&topic.topic);
    let answer = |asked: &OffsetForLeaderPartition| {
        let partition = found.as_ref().and_then(|found| found.partition(asked.partition));
        let end = partition
            .ok_or(ResponseError::UnknownTopicOrPartition)
            .and_then(|partition| end_of(partition, asked));
        respond(asked, end)
    };
    OffsetForLeaderTopicResult::default()
        .with_topic(topic.topic.clone())
        .with_partitions(topic.partitions.iter().map(answer).collect())
}

fn end_of(
    partition: &Partition,
    asked: &OffsetForLeaderPartition,
) -> Result<Option<(LeaderEpoch, Offset)>, ResponseError> {
    check_leader_epoch(partition, asked.current_leader_epoch)?;
    Ok(partition.end_offset_for_epoch(LeaderEpoch(asked.leader_epoch)))
}

fn respond(
    asked: &OffsetForLeaderPartition,
    end: Result<Option<(LeaderEpoch, Offset)>, ResponseError>,
) -> EpochEndOffset {
    let (error_code, end) = match end {
        Ok(end) => (0, end),
        Err(error) => (error.code(), None),
    };
    let (epoch, offset) = end.unwrap_or((LeaderEpoch(-1), Offset(-1)));
    EpochEndOffset::default()
        .with_partition(asked.partition)
        .with_error_code(error_code)
        .with_leader_epoch(epoch.0)
        .with_end_offset(offset.0)
}
