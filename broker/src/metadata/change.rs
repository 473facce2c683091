//! One change of the cluster's metadata.

use std::sync::Arc;

use uuid::Uuid;

/// A record of the metadata log, reduced to what one node needs of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Topic {
        name: Arc<str>,
        id: Uuid,
    },
    /// Partitions of a topic come in order.
    Partition {
        topic_id: Uuid,
        index: i32,
    },
    RemoveTopic {
        topic_id: Uuid,
    },
    /// No value removes the configuration.
    Config {
        resource: Resource,
        name: String,
        value: Option<String>,
    },
    /// Producer ids below `next` were handed out.
    ProducerIds {
        next: i64,
    },
    /// A record that says nothing this node acts on.
    None,
}

/// What a configuration belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    Topic(Arc<str>),
    /// This node; its dynamic configuration and the cluster's default are one on a single node.
    Broker,
}
