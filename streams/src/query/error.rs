use thiserror::Error;

use crate::store::error::StoreError;

/// Why a query has no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum QueryError {
    /// The topology has no store of that name (Kafka's `UnknownStateStoreException`).
    #[error("there is no store {name:?} in this topology{}", hint(.nearest, .known))]
    UnknownStore {
        /// The name that was asked for.
        name: String,
        /// The store whose name is most like it, if one is.
        nearest: Option<String>,
        /// All stores there are.
        known: Vec<String>,
    },
    /// The store exists with other types than asked for.
    #[error("store {store:?} has {has}, not {asked}; ask with the constant that the topology was built with")]
    OtherTypes {
        /// The store.
        store: String,
        /// Its types, keys first.
        has: String,
        /// The types that were asked for.
        asked: String,
    },
    /// Tasks are on their way to or from this instance, or restore: ask again (`StreamsNotStartedException`,
    /// `InvalidStateStoreException`, and `NOT_ACTIVE` of KIP-796).
    #[error("store {store:?} is not ready: the application is rebalancing or restoring; ask again")]
    Rebalancing {
        /// The store.
        store: String,
    },
    /// This instance runs no task that has what was asked for (`NOT_PRESENT` of KIP-796).
    #[error("what was asked of store {store:?} is not here; {}", elsewhere(.at))]
    NotHere {
        /// The store.
        store: String,
        /// The instances that have it, as far as they can be asked: their `application.server`.
        at: Vec<String>,
    },
    /// A partitioner says that a key is where no partition is.
    #[error("the partitioner of store {store:?} says {partition}, but there are {width} partitions, from 0")]
    NoPartition {
        /// The store.
        store: String,
        /// What the partitioner says.
        partition: i32,
        /// How many there are.
        width: i32,
    },
    /// The instance that has it cannot be reached or does not answer in time; it may be about to lose its tasks.
    #[error("the instance at {endpoint} does not answer: {reason}")]
    Unreachable {
        /// Its `application.server`.
        endpoint: String,
        /// What was seen of it.
        reason: String,
    },
    /// The instance that has it has answered with a failure of its own.
    #[error("the instance at {endpoint} has failed: {message}")]
    Failed {
        /// Its `application.server`.
        endpoint: String,
        /// What it said.
        message: String,
    },
    /// The application has stopped.
    #[error("the application is not running")]
    Stopped,
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl QueryError {
    /// The error for programs, as the HTTP interface has it in `error`: `unknown_store`, `other_types`, `rebalancing`, `not_here`,
    /// `no_partition`, `unreachable`, `stopped` or `store_failed`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownStore { .. } => "unknown_store",
            Self::OtherTypes { .. } => "other_types",
            Self::Rebalancing { .. } => "rebalancing",
            Self::NotHere { .. } => "not_here",
            Self::NoPartition { .. } => "no_partition",
            Self::Unreachable { .. } => "unreachable",
            Self::Stopped => "stopped",
            Self::Failed { .. } | Self::Store(_) => "store_failed",
        }
    }

    /// Whether the same query may have an answer in a moment.
    pub fn is_retriable(&self) -> bool {
        matches!(self, Self::Rebalancing { .. } | Self::NotHere { .. } | Self::Unreachable { .. })
    }

    /// There is no store of this name among these.
    pub(super) fn unknown(name: &str, known: Vec<String>) -> Self {
        let distance = |store: &&String| strsim::damerau_levenshtein(store, name);
        let nearest = known.iter().min_by_key(distance);
        let nearest = nearest.filter(|store| distance(store) <= store.len().div_ceil(2)).cloned();
        Self::UnknownStore { name: name.to_owned(), nearest, known }
    }
}

fn hint(nearest: &Option<String>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean {nearest:?}?"),
        None if known.is_empty() => ", which has none at all".to_owned(),
        None => format!("; it has {}", known.join(", ")),
    }
}

fn elsewhere(at: &[String]) -> String {
    match at {
        [] => "no instance that can be asked has it: give the others `query_listen` or `application_server`"
            .to_owned(),
        at => format!("ask {}, or ask with `.routed()`", at.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_store_names_the_nearest_or_all() {
        let known = || vec!["word-counts".to_owned(), "views".to_owned()];
        let text = |name: &str| QueryError::unknown(name, known()).to_string();
        assert!(text("word-count").ends_with("did you mean \"word-counts\"?"), "{}", text("word-count"));
        assert!(text("elsewhere").ends_with("it has word-counts, views"), "{}", text("elsewhere"));
        assert!(QueryError::unknown("x", Vec::new()).to_string().ends_with("none at all"));
    }
}
