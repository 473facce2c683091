//! Millstream.

pub mod store;
pub mod task;
