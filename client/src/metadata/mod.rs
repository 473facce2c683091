//! What the client knows of the cluster: brokers, topics, leaders.

mod interest;
mod snapshot;

pub(crate) use interest::Interest;
pub(crate) use snapshot::{Broker, PartitionMetadata, Snapshot, TopicMetadata};
