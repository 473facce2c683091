//! What can go wrong with a record, and what can be done about it.

use std::fmt;

use serde::{Serialize, Serializer};

/// What becomes of a record that failed: the answer of an error policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// The task stops, and with it its thread. The record is not committed: it is the first to be read again.
    Fail,
    /// The record ends at the node that failed. It is logged and counted, and its offset will be committed.
    Skip,
    /// As [`Skip`](Self::Skip), once the record as it was read has been sent to the dead-letter topic.
    DeadLetter,
    /// As [`DeadLetter`](Self::DeadLetter), to a topic of the policy's choice, which nobody has looked for at the start: if it is
    /// not there the task stops, once `max.block.ms` have passed.
    DeadLetterTo(&'static str),
    /// The record is read again from its source, after a pause that grows with each attempt and that holds up its task alone.
    /// What the record had already updated or sent is updated and sent once more.
    Retry,
}

/// Where a record failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// At a source: its bytes are not of the topic's types, or it has no valid time (Kafka's
    /// `DeserializationExceptionHandler`).
    Decode,
    /// At a node in between: a closure panicked, a processor returned an error (Kafka's `ProcessingExceptionHandler`).
    Process,
    /// On its way to a topic: it has no bytes, or the topic did not take it (Kafka's `ProductionExceptionHandler`).
    Produce,
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Decode => "decode",
            Self::Process => "process",
            Self::Produce => "produce",
        })
    }
}
