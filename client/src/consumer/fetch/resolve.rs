//! Finding the offset that a partition is read from: the committed one, then the reset policy.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hashbrown::HashMap;

use crate::consumer::config::OffsetReset;
use crate::consumer::desk::Missing;
use crate::consumer::shared::Shared;
use crate::offsets::{EARLIEST, LATEST, end_of_epoch, list_offsets};
use crate::{Error, OffsetAndMetadata, Result, TopicPartition};

/// A partition whose offset is wanted.
#[derive(Debug, Clone)]
pub(super) struct Want {
    pub(super) partition: TopicPartition,
    pub(super) missing: Missing,
    pub(super) generation: u64,
}

/// Looks offsets up and puts them on the desk. One attempt; what fails is looked up again later.
pub(super) async fn resolve(shared: &Shared, wants: Vec<Want>) -> Result<()> {
    let deadline = Instant::now() + shared.config.client.default_api_timeout;
    let committed = committed(shared, &wants, deadline).await?;
    let mut by_time = Vec::new();
    for want in wants {
        match committed.get(&want.partition) {
            Some(committed) => place(shared, &want, committed.offset, committed.leader_epoch),
            None => by_time.push((timestamp(shared, &want)?, want)),
        }
    }
    let isolation = shared.config.isolation_level.code();
    let asks = by_time.iter().map(|(timestamp, want)| (want.partition.clone(), *timestamp)).collect();
    let listed = list_offsets(&shared.cluster, asks, isolation, deadline).await?;
    let mut past_end = Vec::new();
    for (_, want) in by_time {
        match listed.get(&want.partition).copied().flatten() {
            Some(found) => place(shared, &want, found.offset, None),
            None => past_end.push(want),
        }
    }
    let asks = past_end.iter().map(|want| (want.partition.clone(), LATEST)).collect();
    let ends = list_offsets(&shared.cluster, asks, isolation, deadline).await?;
    for want in past_end {
        if let Some(end) = ends.get(&want.partition).copied().flatten() {
            place(shared, &want, end.offset, None);
        }
    }
    Ok(())
}

async fn committed(
    shared: &Shared,
    wants: &[Want],
    deadline: Instant,
) -> Result<HashMap<TopicPartition, OffsetAndMetadata>> {
    let Some(coordinator) = &shared.coordinator else { return Ok(HashMap::new()) };
    let asked: Vec<TopicPartition> = wants
        .iter()
        .filter(|want| want.missing == Missing::Committed)
        .map(|want| want.partition.clone())
        .collect();
    if asked.is_empty() {
        return Ok(HashMap::new());
    }
    coordinator.committed(&shared.cluster, Some(&asked), deadline).await
}

fn place(shared: &Shared, want: &Want, offset: i64, epoch: Option<i32>) {
    shared.update(|desk| desk.resolved(&want.partition, want.generation, offset, epoch));
}

/// What list-offsets is asked for.
fn timestamp(shared: &Shared, want: &Want) -> Result<i64> {
    if let Missing::Seek(timestamp) = want.missing {
        return Ok(timestamp);
    }
    match shared.config.reset_of(&want.partition.topic) {
        OffsetReset::Earliest => Ok(EARLIEST),
        OffsetReset::Latest => Ok(LATEST),
        OffsetReset::ByDuration(age) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Ok(now.saturating_sub(age).as_millis() as i64)
        }
        OffsetReset::None => Err(Error::NoOffset {
            topic: want.partition.topic.clone(),
            partition: want.partition.partition,
            offset: -1,
        }),
    }
}

/// Checks, after a change of leader, that the log still holds what was read (`OffsetsForLeaderEpoch`, KIP-320).
pub(super) async fn validate(
    shared: &Shared,
    want: Want,
    position: i64,
    read_epoch: i32,
    leader: (millstream_wire::ids::NodeId, i32),
) -> Result<()> {
    let (node, current_epoch) = leader;
    let end = end_of_epoch(&shared.cluster, node, &want.partition, read_epoch, current_epoch).await?;
    let Some(end) = end.filter(|end| *end < position) else {
        shared.update(|desk| {
            if let Some(place) =
                desk.place_mut(&want.partition).filter(|place| place.generation == want.generation)
            {
                place.validated_epoch = current_epoch;
                place.resolving = false;
            }
        });
        return Ok(());
    };
    if shared.config.reset_of(&want.partition.topic) == OffsetReset::None {
        return Err(Error::LogTruncated {
            topic: want.partition.topic.clone(),
            partition: want.partition.partition,
            position,
            truncated_to: end,
        });
    }
    tracing::warn!(partition = %want.partition, position, end, "the log was truncated; reading on from its end");
    shared.update(|desk| desk.seek(&want.partition, Ok(end)));
    Ok(())
}
