//! Millstream.

pub mod store;
