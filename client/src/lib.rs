//! Producer, consumer and admin client for brokers that speak the Kafka protocol.

mod admin;
mod cluster;
mod config;
mod connection;
mod consumer;
mod error;
mod metadata;
mod offsets;
mod partition;
mod producer;
mod runtime;

pub use admin::{
    Admin, AdminConfig, BrokerInfo, ClusterDescription, ConfigChange, ConfigEntry, ConfigResource,
    ConfigSource, CreatedTopic, GroupDescription, GroupListing, GroupMember, LogDir, NewTopic,
    PartitionDescription, PerItem, ReplicaSize, TopicDescription, TopicListing,
};
pub use config::ClientConfig;
pub use consumer::{
    Assignment, Assignor, Consumer, ConsumerConfig, CooperativeSticky, Event, Fetched, IsolationLevel,
    Members, OffsetReset, Range, RebalanceProtocol, Revoked, RoundRobin, Subscription, TopicSizes,
};
pub use error::{ConfigError, Error, ErrorClass, ErrorCode, Result};
pub use millstream_wire::batch::Record;
pub use millstream_wire::compression::Compression;
pub use millstream_wire::ids::{NodeId, Offset};
pub use offsets::OffsetAndTimestamp;
pub use partition::{OffsetAndMetadata, TopicPartition};
pub use producer::{
    Acks, BatchProducer, CompressionLevels, Delivery, Header, Producer, ProducerConfig, ProducerRecord,
    RecordMetadata, TopicHandle,
};
