//! The connectors, a file or folder each.

mod access;
mod aside;
mod events;
mod line_reader;
mod listen;
mod parts;
mod places;
mod refused;

pub mod datagen;
pub mod elasticsearch;
pub mod exec;
pub mod file_sink;
pub mod file_source;
pub mod http;
pub mod line;
pub mod postgres;
pub mod prometheus;
pub mod stdio;
pub mod syslog;

pub use access::Access;
