use thiserror::Error;

/// A worker cannot join its cluster.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The Kafka cluster did not do what was asked.
    #[error("{what}: {why}")]
    Kafka {
        /// What was asked.
        what: String,
        /// Why it was not done.
        why: String,
    },
    /// Workers that know nothing of leases run the same connectors.
    #[error(
        "a worker of Kafka Connect at {host} is a member of group {group}: it and this worker would run the same connectors, each for itself. Stop all of its kind first, or give this worker another group.id and topics of its own"
    )]
    KafkaConnect {
        /// Which group.
        group: String,
        /// Where one of its members comes from.
        host: String,
    },
    /// A topic is not as it must be.
    #[error(
        "topic {topic} has {found} partitions, and must have 1: the order of its records is what workers agree on. Name another one with {option}"
    )]
    Partitions {
        /// Which.
        topic: String,
        /// So many.
        found: usize,
        /// What names it.
        option: &'static str,
    },
}

impl ClusterError {
    pub(super) fn kafka(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Kafka { what: what.into(), why: why.to_string() }
    }
}
