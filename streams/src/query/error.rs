use thiserror::Error;

use crate::store::error::StoreError;

/// Why a query has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The topology has no store of that name.
    #[error("there is no store {0:?} in this topology")]
    UnknownStore(String),
    /// The store exists with other types than asked for.
    #[error(
        "store {0:?} has other key or value types; ask with the constant that the topology was built with"
    )]
    OtherTypes(String),
    /// Tasks are on their way to or from this instance, or restore: ask again.
    #[error("store {0:?} is not ready here: the application is rebalancing or restoring; ask again")]
    Rebalancing(String),
    /// This instance runs no task that has the store.
    #[error("no task with store {0:?} runs in this instance; ask another one")]
    NotHere(String),
    /// The application has stopped.
    #[error("the application is not running")]
    Stopped,
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
