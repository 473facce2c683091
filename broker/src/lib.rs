//! The Millstream broker: a Kafka-protocol server on one machine, as a library.

mod api;
mod broker;
mod config;
mod error;
mod group;
pub mod log;
mod metadata;
pub mod metrics;
mod server;
pub mod storage;
mod test_cluster;

pub use broker::Broker;
pub use config::{BrokerConfig, ConfigError};
pub use error::BrokerError;
pub use log::Durability;
pub use test_cluster::TestCluster;
