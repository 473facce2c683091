//! Millstream.

// What the derive writes names this crate, also from inside it.
extern crate self as millstream;

pub mod data;
pub mod processor;
pub mod runtime;
pub mod serde;
pub mod store;
pub mod task;
pub mod topology;
