//! Where sources left off.

mod file;
mod java_map;

use async_trait::async_trait;
use thiserror::Error;

use crate::source::{SourceOffset, SourcePartition};

pub use file::PositionFile;

/// Positions are not kept or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PositionError {
    /// The store fails; what was stored before is as it was.
    #[error("positions of sources in {store}: {why}")]
    Store {
        /// The file or topic.
        store: String,
        /// What went wrong.
        why: String,
    },
}

/// A store of positions: a file (standalone), a compacted topic (distributed).
///
/// The runtime writes to it what the broker has acknowledged, and nothing else.
#[async_trait]
pub trait Positions: Send + Sync + 'static {
    /// The stored positions of a connector.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn load(&self, connector: &str) -> Result<Vec<(SourcePartition, SourceOffset)>, PositionError>;

    /// Stores positions of a connector, or forgets those without an offset. They are safe when it returns.
    ///
    /// # Errors
    /// The store cannot be written: none of them is stored.
    async fn store(
        &self,
        connector: &str,
        positions: Vec<(SourcePartition, Option<SourceOffset>)>,
    ) -> Result<(), PositionError>;
}
