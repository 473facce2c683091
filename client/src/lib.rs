//! Producer, consumer and admin client for brokers that speak the Kafka protocol.

mod cluster;
mod config;
mod connection;
mod error;
mod metadata;
mod producer;
mod runtime;

pub use config::ClientConfig;
pub use error::{ConfigError, Error, ErrorClass, ErrorCode, Result};
pub use producer::{
    Acks, BatchProducer, CompressionLevels, Delivery, Header, Producer, ProducerConfig, ProducerRecord,
    RecordMetadata, TopicHandle,
};
