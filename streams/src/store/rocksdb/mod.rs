//! State in RocksDB: one database per task, a column family per store, and one for the changelog positions (S6).
//!
//! ```text
//! <state dir>/<task>/rocksdb/
//!     default     unused, RocksDB insists on it
//!     offsets     store name -> next_offset, written_at (8 bytes each, big-endian) ++ id of the changelog topic (16 bytes)
//!     kv.<store>  key bytes -> value bytes
//!     windows.<store>
//!                 start (8 bytes, big-endian, ms) ++ key bytes -> value bytes
//!     load-<n>    a file of the restore that the database has not taken over yet
//! ```
//!
//! There is no write-ahead log: the changelog topic is one. `atomic_flush` keeps a store and its position on the same side of a
//! crash, and what a crash may cost is bounded by [`FLUSH_RECORDS`] and [`FLUSH_BYTES`] (`state.flush.records`, `state.flush.bytes`).

mod budget;
mod database;
mod filters;
mod load;
mod position;
mod run;
mod scan;
mod store;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod window_tests;
mod windows;

/// RocksDB's own options, for [`RocksOptions::tune`](crate::store::RocksOptions::tune).
pub use ::rocksdb::Options;
pub use budget::{FLUSH_BYTES, FLUSH_RECORDS, MemoryBudget};
pub use database::TaskDatabase;
pub use store::RocksBackend;
pub use windows::RocksWindowBackend;
