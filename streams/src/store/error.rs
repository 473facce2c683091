//! Errors of stores.

use thiserror::Error;

use crate::data::DataError;

/// What can go wrong between a store and the bytes below it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The storage engine refused or failed; the task stops, its state stays on disk.
    #[error("store {store}: {source}")]
    Backend {
        /// The store's name in the topology.
        store: String,
        /// What the engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A key that was asked for has no bytes.
    #[error("store {store}: the key cannot be encoded: {source}")]
    Encode {
        /// The store's name in the topology.
        store: String,
        /// What the key's serde said.
        source: DataError,
    },
    /// Bytes in the store do not read back as what was written.
    #[error(
        "store {store}: {what}; if the disk is sound, delete the task's state directory and it is rebuilt from the changelog"
    )]
    Corrupt {
        /// The store's name in the topology.
        store: String,
        /// What was found.
        what: String,
    },
}

impl StoreError {
    /// Wraps an engine's own error.
    pub fn backend(store: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Backend { store: store.to_owned(), source: source.into() }
    }
}
