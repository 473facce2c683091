//! The connectors, a file or folder each.

mod prometheus;
