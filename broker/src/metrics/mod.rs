//! Numbers of a running broker: a [snapshot](BrokerMetrics) in code, and the same as text for Prometheus.
//!
//! ```
//! # use millstream_broker::{Broker, BrokerConfig};
//! let broker = Broker::start_blocking(BrokerConfig::ephemeral())?;
//! let metrics = broker.metrics()?;
//! println!("{} partitions, {} offline", metrics.partitions, metrics.partitions_offline);
//! print!("{}", metrics.to_prometheus());
//! # broker.close_blocking();
//! # Ok::<(), millstream_broker::BrokerError>(())
//! ```
//!
//! # What costs what
//!
//! Connections count by request, partitions by append and fetch, flushers by fsync: a few atomic additions each, no lock, nothing a
//! record. What lies where and how far groups are is looked up when somebody asks. Whoever asks never waits long for a partition or
//! a group that is stuck behind a disk: see [`BrokerMetrics`].
#![doc = ""]
#![doc = include_str!("../../../monitoring/broker.md")]

mod counters;
mod prometheus;
mod read;
mod reader;
mod snapshot;
mod timing;

pub(crate) use counters::{Begun, Counters, Ending};
pub(crate) use reader::Observed;
pub(crate) use timing::Timing;

pub use reader::MetricsReader;
pub use snapshot::{
    BrokerMetrics, ConnectionMetrics, DiskMetrics, GroupMetrics, GroupOffset, LeftOut, PartitionMetrics,
    RequestMetrics, TopicMetrics,
};
pub use timing::Durations;

use kafka_protocol::ResponseError;

/// Topics that are told, the first by name.
pub const TOPICS_TOLD_MAX: usize = 5_000;
/// Partitions that are told, those of the first topics; offline ones are told before others.
pub const PARTITIONS_TOLD_MAX: usize = 10_000;
/// Groups that are told, the first by name.
pub const GROUPS_TOLD_MAX: usize = 2_000;
/// Committed offsets that are told, those of the first groups.
pub const GROUP_OFFSETS_TOLD_MAX: usize = 20_000;

/// Kafka's name of an error, as `UNKNOWN_TOPIC_OR_PARTITION`.
fn error_name(code: i16) -> String {
    let Some(error) =
        ResponseError::try_from_code(code).filter(|error| !matches!(error, ResponseError::Unknown(_)))
    else {
        return format!("CODE_{code}");
    };
    let mut name = String::new();
    for character in error.to_string().chars() {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(character.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    #[test]
    fn errors_have_kafkas_names() {
        let names = [3, 25, 27, 14, -1, 9_999].map(super::error_name);
        let kafkas = [
            "UNKNOWN_TOPIC_OR_PARTITION",
            "UNKNOWN_MEMBER_ID",
            "REBALANCE_IN_PROGRESS",
            "COORDINATOR_LOAD_IN_PROGRESS",
            "UNKNOWN_SERVER_ERROR",
            "CODE_9999",
        ];
        assert_eq!(names, kafkas);
    }
}
