//! Connectors, each on the real thing.

mod elasticsearch;
mod exec;
mod files;
mod http;
mod http_server;
mod kafka;
mod monitoring;
mod open;
mod postgres;
mod prometheus;
mod runtime;
mod syslog;
