//! Connectors, each on the real thing.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod elasticsearch;
mod exec;
mod files;
mod http;
mod http_server;
mod kafka;
mod open;
#[cfg(feature = "streams")]
mod outlet;
mod postgres;
mod prometheus;
mod runtime;
mod set_positions;
mod syslog;
