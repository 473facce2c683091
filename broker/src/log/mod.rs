//! The log: partitions as files of record batches, kept, recovered, expired and compacted.
//!
//! ```text
//! Logs ── Partition ── Log (the state machine) ── segments, indexes, producers, epochs
//!  │         │
//!  │         └ one lock, the watermarks, who waits for them
//!  └ one directory, its checkpoints, the threads that flush, expire and clean
//! ```
//!
//! Batches are opaque here (ARCHITECTURE.md): no key or value is looked at but where a topic asks for it.

mod checkpoint;
mod cleaner;
mod config;
mod cut;
mod descriptors;
mod epochs;
mod error;
mod flusher;
mod identity;
mod incoming;
mod index;
mod keeper;
mod logs;
mod names;
mod partition;
mod partition_metadata;
mod producers;
mod read;
mod recovery;
mod reindex;
mod retention;
mod roll;
mod scan;
mod segment;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;
mod timestamps;
mod traffic;
mod unsynced;
mod waiters;

pub use config::{Cleanup, Durability, InvalidValue, LogConfig, TimestampType, TopicCompression};
pub use cut::cut;
pub use error::{AppendError, LogError, ReadError, RefusedRecord};
pub use incoming::AppendOrigin;
pub use logs::{Logs, LogsOptions};
pub use names::TopicPartition;
pub use partition::Partition;
pub use partition_metadata::{parse_id, print_id};
pub use read::{FileRange, ReadSlice, ReadUpTo};
pub use state::Appended;
pub use timestamps::TimedOffset;
