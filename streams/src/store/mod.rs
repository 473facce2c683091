//! State: typed stores, the cache in front of them, and the bytes below.

pub mod backend;
#[cfg(test)]
mod conformance;
pub mod error;
pub mod memory;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
