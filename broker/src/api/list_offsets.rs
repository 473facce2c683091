//! ListOffsets: where a log starts and ends, and which offset a time has.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use millstream_wire::ids::Offset;

use crate::api::RequestContext;
use crate::api::leader_epoch::check_leader_epoch;
use crate::log::{Partition, ReadError, TimedOffset};

/// Times below zero ask for a place (`ListOffsetsRequest` in Kafka).
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
/// The first offset on this machine; without tiers that is the first there is.
const EARLIEST_LOCAL: i64 = -4;
/// The last offset in a remote tier; without tiers there is none.
const LATEST_TIERED: i64 = -5;

/// Since this version an answer has the epoch of the record.
const LEADER_EPOCHS: i16 = 4;

/// An offset, its time in ms, and the epoch that wrote it; -1 for what is not known.
struct Found {
    offset: i64,
    timestamp: i64,
    leader_epoch: i32,
}

pub(crate) async fn handle(context: &RequestContext, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| answer_topic(context, topic)).collect();
    ListOffsetsResponse::default().with_topics(topics)
}

fn answer_topic(context: &RequestContext, topic: &ListOffsetsTopic) -> ListOffsetsTopicResponse {
    let found = context.broker.metadata.topic(&topic.name);
    let answer = |asked: &ListOffsetsPartition| {
        let partition = found.as_ref().and_then(|found| found.partition(asked.partition_index));
        match partition
            .ok_or(ResponseError::UnknownTopicOrPartition)
            .and_then(|partition| find(partition, asked, context.version()))
        {
            Ok(found) => respond(context, asked, 0, &found),
            Err(error) => respond(context, asked, error.code(), &Found::nothing()),
        }
    };
    ListOffsetsTopicResponse::default()
        .with_name(topic.name.clone())
        .with_partitions(topic.partitions.iter().map(answer).collect())
}

fn find(partition: &Partition, asked: &ListOffsetsPartition, version: i16) -> Result<Found, ResponseError> {
    check_leader_epoch(partition, asked.current_leader_epoch)?;
    if partition.is_offline() {
        return Err(ResponseError::KafkaStorageError);
    }
    match asked.timestamp {
        LATEST => Ok(Found::place(partition, partition.high_watermark())),
        MAX_TIMESTAMP if version < 7 => Err(ResponseError::UnsupportedVersion),
        EARLIEST_LOCAL if version < 8 => Err(ResponseError::UnsupportedVersion),
        LATEST_TIERED if version < 9 => Err(ResponseError::UnsupportedVersion),
        EARLIEST | EARLIEST_LOCAL => Ok(Found::place(partition, partition.log_start_offset())),
        LATEST_TIERED => Ok(Found::nothing()),
        MAX_TIMESTAMP => timed(partition.max_timestamp_offset()),
        timestamp if timestamp >= 0 => timed(partition.offset_for_timestamp(timestamp)),
        _ => Err(ResponseError::UnsupportedVersion),
    }
}

/// A record's place and time.
fn timed(found: Result<Option<TimedOffset>, ReadError>) -> Result<Found, ResponseError> {
    let found = found.map_err(|error| error.code())?;
    Ok(found.map_or_else(Found::nothing, |found| Found {
        offset: found.offset.0,
        timestamp: found.timestamp,
        leader_epoch: found.leader_epoch.0,
    }))
}

impl Found {
    fn place(partition: &Partition, offset: Offset) -> Self {
        Self { offset: offset.0, timestamp: -1, leader_epoch: partition.leader_epoch().0 }
    }

    fn nothing() -> Self {
        Self { offset: -1, timestamp: -1, leader_epoch: -1 }
    }
}

fn respond(
    context: &RequestContext,
    asked: &ListOffsetsPartition,
    error_code: i16,
    found: &Found,
) -> ListOffsetsPartitionResponse {
    let response = ListOffsetsPartitionResponse::default()
        .with_partition_index(asked.partition_index)
        .with_error_code(error_code)
        .with_timestamp(found.timestamp)
        .with_offset(found.offset);
    if context.version() < LEADER_EPOCHS {
        return response;
    }
    response.with_leader_epoch(found.leader_epoch)
}
