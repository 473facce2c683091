//! State: typed stores, the cache in front of them, and the bytes below.

pub mod backend;
pub mod cache;
pub(crate) mod changelog;
pub(crate) mod chunk;
#[cfg(test)]
mod conformance;
pub mod error;
mod key_value;
pub mod memory;
mod options;
mod read;
#[cfg(feature = "rocksdb")]
pub mod rocksdb;
pub mod shared;
mod tuning;
pub mod typed;
pub mod window;

pub use key_value::KeyValueStore;
pub use tuning::{Compression, RocksOptions};
pub use window::WindowStore;
