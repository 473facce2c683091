//! What the partitions of a fetch have to give, within its limits.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::FetchRequest;
use kafka_protocol::messages::fetch_request::FetchPartition;
use millstream_wire::ids::{LeaderEpoch, Offset};
use smallvec::SmallVec;
use uuid::Uuid;

use crate::api::fetch::cold;
use crate::api::leader_epoch::check_leader_epoch;
use crate::config::Settings;
use crate::log::{FileRange, Partition, ReadError, ReadSlice, ReadUpTo};
use crate::storage::Reach;

/// How a fetch names a topic, and how its answer does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum TopicKey {
    Name(Arc<str>),
    Id(Uuid),
}

/// A partition that a client wants to read.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) topic: TopicKey,
    pub(super) index: i32,
    pub(super) fetch_offset: i64,
    pub(super) max_bytes: usize,
    /// The epoch that the client believes in, -1 for none.
    pub(super) leader_epoch: i32,
    /// The epoch of the last record that the client has, -1 if it does not say.
    pub(super) last_fetched_epoch: i32,
}

impl Wanted {
    pub(super) fn new(topic: TopicKey, partition: &FetchPartition) -> Self {
        Self {
            topic,
            index: partition.partition,
            fetch_offset: partition.fetch_offset,
            max_bytes: usize::try_from(partition.partition_max_bytes).unwrap_or(0),
            leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
        }
    }
}

/// What bounds one answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    min_bytes: usize,
    pub(super) max_bytes: usize,
    /// Whether aborted transactions are to be told; there are none, which is an empty list and not a null one.
    pub(super) read_committed: bool,
}

impl Limits {
    pub(super) fn of(request: &FetchRequest, settings: &Settings) -> Self {
        let size = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
        let max_bytes = size(request.max_bytes.min(settings.fetch_max_bytes));
        Self {
            min_bytes: size(request.min_bytes).min(max_bytes),
            max_bytes,
            read_committed: request.isolation_level == 1,
        }
    }
}

/// One partition's part of an answer.
#[derive(Debug)]
pub(super) struct PartitionAnswer {
    pub(super) topic: TopicKey,
    pub(super) index: i32,
    pub(super) error: i16,
    pub(super) high_watermark: i64,
    pub(super) log_start_offset: i64,
    /// Where the client's log parts from ours: the last common epoch and its end.
    pub(super) diverging: Option<(LeaderEpoch, Offset)>,
    pub(super) read_committed: bool,
    pub(super) ranges: SmallVec<[FileRange; 1]>,
    /// The ranges' bytes, where they had to be read beforehand.
    pub(super) preread: Option<Bytes>,
    /// Whose ranges they are.
    pub(super) partition: Option<Arc<Partition>>,
}

impl PartitionAnswer {
    pub(super) fn len(&self) -> usize {
        match &self.preread {
            Some(bytes) => bytes.len(),
            None => self.ranges.iter().map(|range| range.len).sum(),
        }
    }

    /// Turns it into an error, without records.
    pub(super) fn fail(&mut self, error: ResponseError) {
        self.error = error.code();
        self.high_watermark = -1;
        self.log_start_offset = -1;
        self.ranges.clear();
    }

    fn empty(wanted: &Wanted, limits: &Limits) -> Self {
        Self {
            topic: wanted.topic.clone(),
            index: wanted.index,
            error: 0,
            high_watermark: -1,
            log_start_offset: -1,
            diverging: None,
            read_committed: limits.read_committed,
            ranges: SmallVec::new(),
            preread: None,
            partition: None,
        }
    }
}

/// The answers of all partitions.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) answers: Vec<PartitionAnswer>,
    pub(super) bytes: usize,
    /// An error, or a log that diverged: the client should know at once.
    urgent: bool,
    /// A partition's records could not be looked up without the disk.
    not_cached: bool,
}

impl Collected {
    pub(super) fn is_enough(&self, limits: &Limits) -> bool {
        self.urgent || self.not_cached || self.bytes >= limits.min_bytes || self.answers.is_empty()
    }

    /// Whether something of it has to come from the disk.
    pub(super) fn is_cold(&self) -> bool {
        self.not_cached || self.answers.iter().any(|answer| cold::is_cold(&answer.ranges))
    }

    /// Adds what a partition has, within what the limits leave. The first batch of an answer is never too large.
    pub(super) fn add(
        &mut self,
        wanted: &Wanted,
        partition: Option<&Arc<Partition>>,
        limits: &Limits,
        reach: Reach,
    ) {
        let mut answer = PartitionAnswer::empty(wanted, limits);
        let max_bytes = wanted.max_bytes.min(limits.max_bytes.saturating_sub(self.bytes));
        match read(wanted, partition, max_bytes, self.bytes == 0, reach) {
            Ok(Read::Records(slice)) => {
                answer.high_watermark = slice.high_watermark.0;
                answer.log_start_offset = slice.log_start_offset.0;
                answer.ranges = slice.ranges;
                answer.partition = partition.cloned();
            }
            Ok(Read::Nothing { high_watermark, log_start_offset }) => {
                answer.high_watermark = high_watermark.0;
                answer.log_start_offset = log_start_offset.0;
            }
            Ok(Read::Diverged { epoch, end, high_watermark, log_start_offset }) => {
                answer.diverging = Some((epoch, end));
                answer.high_watermark = high_watermark.0;
                answer.log_start_offset = log_start_offset.0;
                self.urgent = true;
            }
            Ok(Read::NotCached) => self.not_cached = true,
            Err(error) => {
                answer.error = error.code();
                self.urgent = true;
            }
        }
        self.bytes += answer.len();
        self.answers.push(answer);
    }
}

enum Read {
    Records(ReadSlice),
    Nothing { high_watermark: Offset, log_start_offset: Offset },
    Diverged { epoch: LeaderEpoch, end: Offset, high_watermark: Offset, log_start_offset: Offset },
    NotCached,
}

fn read(
    wanted: &Wanted,
    partition: Option<&Arc<Partition>>,
    max_bytes: usize,
    min_one: bool,
    reach: Reach,
) -> Result<Read, ResponseError> {
    let unknown = match wanted.topic {
        TopicKey::Name(_) => ResponseError::UnknownTopicOrPartition,
        TopicKey::Id(_) => ResponseError::UnknownTopicId,
    };
    let partition = partition.ok_or(unknown)?;
    check_leader_epoch(partition, wanted.leader_epoch)?;
    let (high_watermark, log_start_offset) = (partition.high_watermark(), partition.log_start_offset());
    if let Some((epoch, end)) = diverging(wanted, partition)? {
        return Ok(Read::Diverged { epoch, end, high_watermark, log_start_offset });
    }
    // The common case of a consumer that has read everything, without taking the partition's lock.
    if wanted.fetch_offset == high_watermark.0 && !partition.is_offline() {
        return Ok(Read::Nothing { high_watermark, log_start_offset });
    }
    let from = Offset(wanted.fetch_offset);
    match partition.read_within(reach, from, max_bytes, ReadUpTo::HighWatermark, min_one) {
        Ok(slice) => Ok(Read::Records(slice)),
        Err(ReadError::NotCached) => Ok(Read::NotCached),
        Err(error) => Err(error.code()),
    }
}

/// Where the client's log has left ours, if it says what it has and has other records than we do.
fn diverging(wanted: &Wanted, partition: &Partition) -> Result<Option<(LeaderEpoch, Offset)>, ResponseError> {
    let last_fetched = LeaderEpoch(wanted.last_fetched_epoch);
    if last_fetched.0 < 0 {
        return Ok(None);
    }
    // An epoch that our log does not reach, or does not reach any more, cannot be compared.
    let (epoch, end) = partition.end_offset_for_epoch(last_fetched).ok_or(ResponseError::OffsetOutOfRange)?;
    if wanted.fetch_offset < partition.log_start_offset().0 {
        return Err(ResponseError::OffsetOutOfRange);
    }
    Ok((epoch < last_fetched || end.0 < wanted.fetch_offset).then_some((epoch, end)))
}
