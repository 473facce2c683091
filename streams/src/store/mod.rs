//! State: typed stores, the cache in front of them, and the bytes below.

pub mod backend;
pub mod cache;
pub(crate) mod changelog;
#[cfg(test)]
mod conformance;
pub mod error;
pub mod memory;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
pub mod typed;
