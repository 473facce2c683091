//! Producer, consumer and admin client for brokers that speak the Kafka protocol.

mod cluster;
mod config;
mod connection;
mod error;
mod metadata;
mod runtime;

pub use config::ClientConfig;
pub use error::{ConfigError, Error, ErrorClass, ErrorCode, Result};
