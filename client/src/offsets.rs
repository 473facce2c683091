//! Offsets of logs: by timestamp, at the ends, by leader epoch.

use std::time::Instant;

use hashbrown::HashMap;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::list_offsets_response::ListOffsetsPartitionResponse;
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_protocol::messages::{BrokerId, ListOffsetsRequest, OffsetForLeaderEpochRequest};
use millstream_wire::ids::NodeId;

use crate::cluster::Cluster;
use crate::partition::{by_topic, topic_name};
use crate::{Error, ErrorCode, Result, TopicPartition};

/// The log's end (or the last stable offset, read committed).
pub(crate) const LATEST: i64 = -1;
/// The log's start.
pub(crate) const EARLIEST: i64 = -2;

/// The first offset whose record's timestamp is at or above the one that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetAndTimestamp {
    /// The offset.
    pub offset: i64,
    /// The record's timestamp, ms; -1 for the log's start and end.
    pub timestamp: i64,
    /// Epoch of the leader that wrote it, where known.
    pub leader_epoch: Option<i32>,
}

/// Asks the leaders, again where they moved, until `deadline`. `None` where no record is that young.
pub(crate) async fn list_offsets(
    cluster: &Cluster,
    mut wanted: Vec<(TopicPartition, i64)>,
    isolation: i8,
    deadline: Instant,
) -> Result<HashMap<TopicPartition, Option<OffsetAndTimestamp>>> {
    let mut found = HashMap::with_capacity(wanted.len());
    let mut failures = 0;
    loop {
        let mut last_error = None;
        for (leader, of_leader) in by_leader(cluster, &wanted, deadline).await? {
            if let Err(error) = ask(cluster, leader, of_leader, isolation, &mut found).await {
                if !error.is_retriable() {
                    return Err(error);
                }
                last_error = Some(error);
            }
        }
        wanted.retain(|(partition, _)| !found.contains_key(partition));
        if wanted.is_empty() {
            return Ok(found);
        }
        failures += 1;
        let error = last_error.unwrap_or_else(|| no_leader(&wanted[0].0));
        pause_or_give_up(cluster, failures, deadline, error).await?;
    }
}

fn no_leader(partition: &TopicPartition) -> Error {
    Error::broker(ErrorCode::LeaderNotAvailable, format!("offsets of {partition}"))
}

/// Waits before the next attempt and refreshes the metadata meanwhile, or returns `error` when time is up.
pub(crate) async fn pause_or_give_up(
    cluster: &Cluster,
    failures: u32,
    deadline: Instant,
    error: Error,
) -> Result<()> {
    let delay = cluster.retry_backoff().delay(failures);
    if Instant::now() + delay >= deadline {
        return Err(error);
    }
    cluster.request_refresh();
    tokio::time::sleep(delay).await;
    Ok(())
}

/// Groups partitions by the broker that leads them; those without a leader are left out.
async fn by_leader<T: Clone>(
    cluster: &Cluster,
    wanted: &[(TopicPartition, T)],
    deadline: Instant,
) -> Result<HashMap<NodeId, Vec<(TopicPartition, T)>>> {
    let mut leaders: HashMap<NodeId, Vec<(TopicPartition, T)>> = HashMap::new();
    for (partition, item) in wanted {
        let topic = cluster.topic(&partition.topic, deadline).await?;
        let index = usize::try_from(partition.partition).unwrap_or(usize::MAX);
        let metadata = topic.partitions.get(index).ok_or_else(|| Error::NoSuchPartition {
            topic: partition.topic.clone(),
            partition: partition.partition,
            partitions: topic.partitions.len(),
        })?;
        if let Some(leader) = metadata.leader {
            leaders.entry(leader).or_default().push((partition.clone(), item.clone()));
        }
    }
    Ok(leaders)
}

async fn ask(
    cluster: &Cluster,
    leader: NodeId,
    wanted: Vec<(TopicPartition, i64)>,
    isolation: i8,
    found: &mut HashMap<TopicPartition, Option<OffsetAndTimestamp>>,
) -> Result<()> {
    let partition = |(index, timestamp): (i32, i64)| {
        ListOffsetsPartition::default()
            .with_partition_index(index)
            .with_timestamp(timestamp)
            .with_current_leader_epoch(-1)
    };
    let topic = |(name, partitions): (std::sync::Arc<str>, Vec<(i32, i64)>)| {
        ListOffsetsTopic::default()
            .with_name(topic_name(&name))
            .with_partitions(partitions.into_iter().map(partition).collect())
    };
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_isolation_level(isolation)
        .with_timeout_ms(30_000)
        .with_topics(by_topic(wanted).into_iter().map(topic).collect());
    let response = cluster.node(leader).await?.call(&request).await?;
    let mut failed = None;
    for topic in response.topics {
        for answer in topic.partitions {
            let partition = TopicPartition::new(topic.name.as_str(), answer.partition_index);
            match crate::error::check(answer.error_code, || format!("offsets of {partition}")) {
                Ok(()) => {
                    found.insert(partition, listed(&answer));
                }
                Err(error) if error.is_retriable() => failed = Some(error),
                Err(error) => return Err(error),
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

fn listed(answer: &ListOffsetsPartitionResponse) -> Option<OffsetAndTimestamp> {
    let leader_epoch = (answer.leader_epoch >= 0).then_some(answer.leader_epoch);
    (answer.offset >= 0).then_some(OffsetAndTimestamp {
        offset: answer.offset,
        timestamp: answer.timestamp,
        leader_epoch,
    })
}

/// Where the log of `epoch` ends on the current leader (KIP-320): epoch and end offset, `None` when it knows none.
pub(crate) async fn end_of_epoch(
    cluster: &Cluster,
    leader: NodeId,
    partition: &TopicPartition,
    epoch: i32,
    current_epoch: i32,
) -> Result<Option<i64>> {
    let asked = OffsetForLeaderPartition::default()
        .with_partition(partition.partition)
        .with_current_leader_epoch(current_epoch)
        .with_leader_epoch(epoch);
    let topic =
        OffsetForLeaderTopic::default().with_topic(topic_name(&partition.topic)).with_partitions(vec![asked]);
    let request =
        OffsetForLeaderEpochRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    let response = cluster.node(leader).await?.call(&request).await?;
    let answer = response.topics.into_iter().flat_map(|topic| topic.partitions).next();
    let Some(answer) = answer else { return Ok(None) };
    crate::error::check(answer.error_code, || format!("the end of epoch {epoch} of {partition}"))?;
    Ok((answer.end_offset >= 0).then_some(answer.end_offset))
}
