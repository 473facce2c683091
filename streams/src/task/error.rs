//! Why a task stopped, and at which record.

use thiserror::Error;

use crate::processor::ProcessError;
use crate::store::error::StoreError;

use super::TaskId;

/// A task stopped. Nothing after its last commit is committed; the record named here is the first to be read again.
#[derive(Debug, Error)]
#[error("task {task}, {at}: {failure}")]
pub struct TaskError {
    /// The task, as `0_1`.
    pub task: TaskId,
    /// What it was doing.
    pub at: Box<At>,
    /// What went wrong.
    #[source]
    pub failure: Failure,
}

/// The place of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum At {
    /// While a record was processed.
    Record {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The record's offset.
        offset: i64,
        /// The node whose closure, serde, store or sink failed.
        node: String,
    },
    /// While a processor was told that its task begins.
    Init {
        /// Its node.
        node: String,
    },
    /// While a processor was called on time.
    Punctuation {
        /// Its node, or a node below it.
        node: String,
    },
    /// While a processor was told that its task ends.
    Close {
        /// Its node.
        node: String,
    },
    /// While the cache was flushed.
    Flush {
        /// The node whose store was being flushed, or a node below it.
        node: String,
    },
    /// While an outlet was asked whether all that it was given is safe.
    Outlet {
        /// Its node.
        node: String,
    },
    /// While the task was made or its stores were written.
    Store,
}

impl std::fmt::Display for At {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Record { topic, partition, offset, node } => {
                write!(formatter, "{topic}-{partition} at offset {offset}, node {node}")
            }
            Self::Init { node } => write!(formatter, "init, node {node}"),
            Self::Punctuation { node } => write!(formatter, "punctuation, node {node}"),
            Self::Close { node } => write!(formatter, "close, node {node}"),
            Self::Flush { node } => write!(formatter, "flush, node {node}"),
            Self::Outlet { node } => write!(formatter, "outlet {node}"),
            Self::Store => formatter.write_str("stores"),
        }
    }
}

/// What stopped a task.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// A node could not process the record: it did not decode or encode, or a store or sink refused.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A closure panicked; the text of its panic.
    #[error("a closure panicked: {0}")]
    Panic(String),
    /// A store failed outside of a record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Fetched bytes are no record batches.
    #[error("fetched bytes cannot be read: {0}")]
    Batch(String),
}
