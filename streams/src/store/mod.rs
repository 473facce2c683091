//! State: typed stores, the cache in front of them, and the bytes below.

pub mod backend;
pub mod error;
pub mod memory;
