//! The connectors, a file or folder each.

pub mod prometheus;
