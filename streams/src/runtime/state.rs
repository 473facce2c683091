use std::fmt;

use serde::{Serialize, Serializer};

/// What an application is doing, in the words of Kafka Streams (`KafkaStreams.State`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AppState {
    /// Built, not started.
    Created,
    /// At least one thread waits for its tasks or restores their stores.
    Rebalancing,
    /// Every thread processes.
    Running,
    /// Told to stop; threads commit and close their tasks.
    PendingShutdown,
    /// Stopped as asked.
    NotRunning,
    /// A failure stops it; threads commit and close their tasks.
    PendingError,
    /// Stopped by a failure.
    Error,
}

impl AppState {
    /// Whether nothing follows.
    pub fn is_final(self) -> bool {
        matches!(self, Self::NotRunning | Self::Error)
    }
}

impl Serialize for AppState {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl fmt::Display for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "CREATED",
            Self::Rebalancing => "REBALANCING",
            Self::Running => "RUNNING",
            Self::PendingShutdown => "PENDING_SHUTDOWN",
            Self::NotRunning => "NOT_RUNNING",
            Self::PendingError => "PENDING_ERROR",
            Self::Error => "ERROR",
        })
    }
}
