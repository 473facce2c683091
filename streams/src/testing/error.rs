//! What a test driver can refuse.

use std::time::Duration;

use thiserror::Error;

use crate::data::DataError;
use crate::runtime::TopicError;
use crate::store::error::StoreError;
use crate::task::{TaskError, TaskId};

/// A record that the topology under test could not take, or a name that it does not have.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TestError {
    /// The topology reads no such topic.
    #[error("the topology does not read topic {0:?}")]
    UnknownTopic(String),
    /// A topic or a store has fewer partitions.
    #[error("{topic:?} has no partition {partition}; `TestDriver::builder` says how many there are")]
    UnknownPartition {
        /// The topic or store.
        topic: String,
        /// The partition.
        partition: i32,
    },
    /// The partitions of the topics do not fit together.
    #[error(transparent)]
    Topics(#[from] TopicError),
    /// The topology has no store of that name and those types.
    #[error("the topology has no store {0:?} of these types")]
    UnknownStore(String),
    /// The topology has no outlet of that name and those types, or writes to the real one.
    #[error("there is nothing of an outlet {0:?} of these types; `real_outlets` leaves nothing to a test")]
    UnknownOutlet(String),
    /// An outlet did not settle.
    #[error("task {0}: its outlets have not made safe what they were given within {1:?}")]
    Unsettled(TaskId, Duration),
    /// The input itself has no bytes.
    #[error("the input cannot be encoded: {0}")]
    Encode(#[from] DataError),
    /// A node failed, as it would in production.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
