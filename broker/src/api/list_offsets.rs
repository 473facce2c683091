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

/// A time is looked for on a blocking pool: the search reads indexes, headers and a batch, which may be on the disk alone.
pub(crate) async fn handle(context: &RequestContext, request: ListOffsetsRequest) -> ListOffsetsResponse {
    if !request.topics.iter().flat_map(|topic| &topic.partitions).any(is_by_time) {
        return answer(context, &request);
    }
    let context = context.clone();
    let searched = tokio::task::spawn_blocking(move || answer(&context, &request));
    // It fails only where the runtime shuts down, and then nobody waits for the answer.
    searched.await.unwrap_or_default()
}

fn is_by_time(asked: &ListOffsetsPartition) -> bool {
    asked.timestamp >= 0 || asked.timestamp == MAX_TIMESTAMP
}

fn answer(context: &RequestContext, request: &ListOffsetsRequest) -> ListOffsetsResponse {
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;

    use bytes::Bytes;
    use kafka_protocol::messages::TopicName;
    use kafka_protocol::protocol::StrBytes;
    use millstream_wire::batch::{BatchWriter, NO_HEADERS};
    use millstream_wire::compression::Compression;

    use super::*;
    use crate::api::{Peer, Shared};
    use crate::log::AppendOrigin;
    use crate::metadata::NewTopic;
    use crate::server::RequestHeader;
    use crate::storage::simulated::SimulatedStorage;

    const NOW: i64 = 1_700_000_000_000;

    fn context(broker: Arc<Shared>) -> RequestContext {
        let local = SocketAddr::from(([127, 0, 0, 1], 9092));
        let header = Bytes::from_static(b"\x00\x02\x00\x07\0\0\0\x01\xff\xff\x00");
        let (header, _) = RequestHeader::split(&header).unwrap();
        RequestContext { broker, peer: Peer { remote: local, local }, header }
    }

    async fn list(context: &RequestContext, timestamp: i64) -> i64 {
        let asked = ListOffsetsPartition::default().with_timestamp(timestamp).with_current_leader_epoch(-1);
        let name = TopicName(StrBytes::from_static_str("a"));
        let topic = ListOffsetsTopic::default().with_name(name).with_partitions(vec![asked]);
        let response = handle(context, ListOffsetsRequest::default().with_topics(vec![topic])).await;
        let found = &response.topics[0].partitions[0];
        assert_eq!(found.error_code, 0);
        found.offset
    }

    #[tokio::test]
    async fn a_time_is_looked_for_off_the_connections_thread() {
        let disk = SimulatedStorage::new(1);
        let context = context(Shared::simulated(&disk));
        let metadata = &context.broker.metadata;
        metadata.create_topic(NewTopic::with_defaults("a")).await.unwrap();
        let partition = metadata.partition("a", 0).unwrap();
        for at in 0..3 {
            let mut writer = BatchWriter::new(Compression::None, None);
            writer.append(NOW + at, None, Some(b"x"), NO_HEADERS);
            partition.append(writer.finish().unwrap(), AppendOrigin::Client, NOW).unwrap();
        }
        partition.flush().unwrap();
        disk.make_cold("/a-0/", 0);
        assert_eq!((list(&context, EARLIEST).await, list(&context, LATEST).await), (0, 3));
        assert!(disk.cold_reads().is_empty(), "the ends of a log are known");
        assert_eq!((list(&context, NOW + 1).await, list(&context, MAX_TIMESTAMP).await), (1, 2));
        let readers = disk.cold_reads();
        assert!(!readers.is_empty() && !readers.contains(&std::thread::current().id()));
    }
}
