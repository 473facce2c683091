//! When a record is said to have happened.

use std::str::FromStr;
use std::sync::Arc;

use crate::processor::{Context, ProcessError, Record};

/// Where the event time of records comes from, unless a closure says
/// ([`Consumed::timestamps_by`](super::Consumed::timestamps_by)). The names are those of Kafka's `TimestampExtractor`s;
/// `default.timestamp.extractor` takes them too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampExtractor {
    /// The record's own timestamp; one before 1970 stops the task (`FailOnInvalidTimestamp`).
    #[default]
    FailOnInvalid,
    /// The record's own timestamp; a record with one before 1970 is dropped, logged and counted
    /// (`LogAndSkipOnInvalidTimestamp`).
    LogAndSkipOnInvalid,
    /// The record's own timestamp, or the largest so far of its partition (`UsePartitionTimeOnInvalidTimestamp`).
    PartitionTimeOnInvalid,
    /// The machine's clock when the task gets its turn (`WallclockTimestampExtractor`).
    WallClock,
}

impl TimestampExtractor {
    /// The time of a record; `None` drops it.
    #[inline]
    fn extract(
        self,
        timestamp: i64,
        partition_time: i64,
        cx: &Context<'_>,
    ) -> Result<Option<i64>, ProcessError> {
        match self {
            Self::WallClock => Ok(Some(cx.state.wall_clock)),
            _ if timestamp >= 0 => Ok(Some(timestamp)),
            Self::LogAndSkipOnInvalid => Ok(None),
            Self::PartitionTimeOnInvalid if partition_time >= 0 => Ok(Some(partition_time)),
            Self::PartitionTimeOnInvalid | Self::FailOnInvalid => Err(ProcessError::timestamp(timestamp)),
        }
    }
}

impl FromStr for TimestampExtractor {
    type Err = String;

    /// The name of Kafka's class, with or without its package.
    fn from_str(name: &str) -> Result<Self, String> {
        match name.rsplit('.').next().unwrap_or(name) {
            "FailOnInvalidTimestamp" => Ok(Self::FailOnInvalid),
            "LogAndSkipOnInvalidTimestamp" => Ok(Self::LogAndSkipOnInvalid),
            "UsePartitionTimeOnInvalidTimestamp" => Ok(Self::PartitionTimeOnInvalid),
            "WallclockTimestampExtractor" => Ok(Self::WallClock),
            _ => Err("FailOnInvalidTimestamp, LogAndSkipOnInvalidTimestamp, UsePartitionTimeOnInvalidTimestamp and \
                      WallclockTimestampExtractor are known; a closure is given to a source with `timestamps_by`"
                .to_owned()),
        }
    }
}

/// A closure's: the record, and the largest time so far of its partition.
type Own<K, V> = Arc<dyn Fn(&Record<K, V>, i64) -> Option<i64> + Send + Sync>;

/// What a source was told of times.
pub(super) enum Timestamps<K, V> {
    /// Nothing: the application's default holds.
    Default,
    Of(TimestampExtractor),
    Own(Own<K, V>),
}

impl<K, V> Timestamps<K, V> {
    /// The time of a record; `None` drops it.
    #[inline]
    pub(super) fn extract(
        &self,
        record: &Record<K, V>,
        partition_time: i64,
        cx: &Context<'_>,
    ) -> Result<Option<i64>, ProcessError> {
        match self {
            Self::Default => cx.state.timestamps.extract(record.timestamp, partition_time, cx),
            Self::Of(extractor) => extractor.extract(record.timestamp, partition_time, cx),
            Self::Own(extract) => Ok(extract(record, partition_time).filter(|timestamp| *timestamp >= 0)),
        }
    }
}

impl<K, V> Clone for Timestamps<K, V> {
    fn clone(&self) -> Self {
        match self {
            Self::Default => Self::Default,
            Self::Of(extractor) => Self::Of(*extractor),
            Self::Own(extract) => Self::Own(Arc::clone(extract)),
        }
    }
}
