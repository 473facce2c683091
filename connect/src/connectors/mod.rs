//! The connectors, a file or folder each.

pub mod elasticsearch;
pub mod file_sink;
pub mod file_source;
pub mod http;
pub mod postgres;
pub mod prometheus;
pub mod syslog;
