//! Producer, consumer and admin client for brokers that speak the Kafka protocol.
//!
//! - [`Producer`]: idempotent, batching, with back-pressure; a record is encoded straight into its batch, so sending
//!   costs no allocation. [`BatchProducer`] is its door for threads that are not async.
//! - [`Consumer`]: alone or in a group; rebalances are [`Event`]s, in order with the records around them, and an
//!   [`Assignor`] of your own can take part in them. Records are read where the network left them.
//! - [`Admin`]: topics, configurations, groups, records; each item of a call has its own result.
//!
//! Every client takes Kafka's configuration names (`set`) and typed builder methods, uses the tokio runtime that it is
//! built in or brings one of its own, and can be used from plain threads (`_blocking`).
//!
//! What holds inside: the sender's order and sequences and the membership in a group are state machines without
//! sockets or clocks, run in seeded simulations; every queue is bounded, by `buffer.memory`, by `fetch.max.bytes`, or
//! by a constant with a name; nothing that arrives is decoded before it has been walked, and no count in it sizes an
//! allocation.

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
pub use cluster::Outage;
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
    Acks, BatchProducer, CompressionLevels, Deliveries, Delivery, Header, Producer, ProducerConfig,
    ProducerRecord, RecordMetadata, Rejected, TopicHandle,
};
