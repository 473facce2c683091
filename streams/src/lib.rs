//! Millstream.

pub mod runtime;
pub mod store;
pub mod task;
