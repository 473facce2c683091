//! One state of the cluster, immutable and shared.

use std::sync::Arc;

use hashbrown::HashMap;
use kafka_protocol::messages::MetadataResponse;
use kafka_protocol::messages::metadata_response::{MetadataResponsePartition, MetadataResponseTopic};
use millstream_wire::ids::{LeaderEpoch, NodeId};
use uuid::Uuid;

use crate::ErrorCode;

/// A broker as the metadata lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broker {
    pub(crate) id: NodeId,
    /// `host:port`.
    pub(crate) address: Arc<str>,
    pub(crate) rack: Option<String>,
}

/// A partition as the metadata lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionMetadata {
    /// Nobody while an election is under way.
    pub(crate) leader: Option<NodeId>,
    pub(crate) leader_epoch: LeaderEpoch,
    pub(crate) replicas: Vec<NodeId>,
    pub(crate) in_sync: Vec<NodeId>,
}

/// A topic as the metadata lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicMetadata {
    pub(crate) name: Arc<str>,
    /// Nil on brokers that know no topic ids.
    pub(crate) id: Uuid,
    /// Internal topics are left out of patterns (`exclude.internal.topics`).
    pub(crate) internal: bool,
    /// Why the topic cannot be used, if so.
    pub(crate) error: Option<ErrorCode>,
    /// By partition index.
    pub(crate) partitions: Vec<PartitionMetadata>,
}

/// One state of the cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// Grows with every refresh, so that a waiter can tell a newer state.
    pub(crate) version: u64,
    pub(crate) controller: Option<NodeId>,
    pub(crate) brokers: HashMap<NodeId, Broker>,
    pub(crate) topics: HashMap<Arc<str>, Arc<TopicMetadata>>,
    /// Topic names by id, for answers that carry ids only.
    pub(crate) names: HashMap<Uuid, Arc<str>>,
}

impl Snapshot {
    /// The state after `response`. A leader of an older epoch than the known one does not replace it (KIP-320): the
    /// broker that answered may be behind. Topics that the response does not name stay when it was not about all.
    pub(crate) fn updated(&self, response: &MetadataResponse, all_topics: bool) -> Self {
        let mut topics = if all_topics { HashMap::new() } else { self.topics.clone() };
        for topic in &response.topics {
            let Some(name) = topic.name.as_ref().map(|name| name.as_str()) else { continue };
            let known = self.topics.get(name).map(Arc::as_ref);
            let name = known.map_or_else(|| Arc::from(name), |known| Arc::clone(&known.name));
            topics.insert(Arc::clone(&name), Arc::new(topic_metadata(name, topic, known)));
        }
        let names = topics.values().filter(|topic| !topic.id.is_nil());
        Self {
            version: self.version + 1,
            controller: node(response.controller_id.0),
            brokers: brokers(response),
            names: names.map(|topic| (topic.id, Arc::clone(&topic.name))).collect(),
            topics,
        }
    }

    pub(crate) fn topic(&self, name: &str) -> Option<&Arc<TopicMetadata>> {
        self.topics.get(name)
    }

    pub(crate) fn partition(&self, topic: &str, partition: i32) -> Option<&PartitionMetadata> {
        self.topics.get(topic)?.partitions.get(usize::try_from(partition).ok()?)
    }

    /// Whether every partition of the topic is there to be used.
    pub(crate) fn usable(&self, topic: &str) -> Option<&Arc<TopicMetadata>> {
        self.topic(topic).filter(|topic| topic.error.is_none() && !topic.partitions.is_empty())
    }
}

fn node(id: i32) -> Option<NodeId> {
    (id >= 0).then_some(NodeId(id))
}

fn brokers(response: &MetadataResponse) -> HashMap<NodeId, Broker> {
    let broker = |broker: &kafka_protocol::messages::metadata_response::MetadataResponseBroker| Broker {
        id: NodeId(broker.node_id.0),
        address: address(&broker.host, broker.port).into(),
        rack: broker.rack.as_ref().map(ToString::to_string),
    };
    response.brokers.iter().map(|listed| (NodeId(listed.node_id.0), broker(listed))).collect()
}

/// `host:port`, an IPv6 host in brackets.
pub(crate) fn address(host: &str, port: i32) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn topic_metadata(
    name: Arc<str>,
    topic: &MetadataResponseTopic,
    known: Option<&TopicMetadata>,
) -> TopicMetadata {
    let known = known.filter(|known| known.id == topic.topic_id);
    let mut listed: Vec<&MetadataResponsePartition> = topic.partitions.iter().collect();
    listed.sort_unstable_by_key(|partition| partition.partition_index);
    // A gap would shift indexes: partitions after one are unknown until the next refresh.
    let dense = listed.into_iter().enumerate().take_while(|(i, listed)| listed.partition_index == *i as i32);
    let partitions = dense.map(|(index, listed)| newer(listed, known.and_then(|k| k.partitions.get(index))));
    TopicMetadata {
        name,
        id: topic.topic_id,
        internal: topic.is_internal,
        error: ErrorCode::try_from_code(topic.error_code),
        partitions: partitions.collect(),
    }
}

fn newer(listed: &MetadataResponsePartition, known: Option<&PartitionMetadata>) -> PartitionMetadata {
    if let Some(known) =
        known.filter(|known| known.leader_epoch.0 > listed.leader_epoch && listed.leader_epoch >= 0)
    {
        return known.clone();
    }
    let nodes = |ids: &[kafka_protocol::messages::BrokerId]| ids.iter().map(|id| NodeId(id.0)).collect();
    PartitionMetadata {
        leader: node(listed.leader_id.0),
        leader_epoch: LeaderEpoch(listed.leader_epoch),
        replicas: nodes(&listed.replica_nodes),
        in_sync: nodes(&listed.isr_nodes),
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{BrokerId, TopicName};
    use kafka_protocol::protocol::StrBytes;

    use super::*;

    fn response(epoch: i32, leader: i32) -> MetadataResponse {
        let partition = |index| {
            MetadataResponsePartition::default()
                .with_partition_index(index)
                .with_leader_id(BrokerId(leader))
                .with_leader_epoch(epoch)
        };
        let topic = MetadataResponseTopic::default()
            .with_name(Some(TopicName(StrBytes::from_static_str("t"))))
            .with_partitions(vec![partition(1), partition(0), partition(3)]);
        MetadataResponse::default().with_topics(vec![topic])
    }

    #[test]
    fn an_older_leader_epoch_does_not_replace_a_newer_one() {
        let snapshot = Snapshot::default().updated(&response(5, 1), false);
        let stale = snapshot.updated(&response(4, 2), false);
        assert_eq!(stale.partition("t", 0).unwrap().leader, Some(NodeId(1)));
        let newer = stale.updated(&response(6, 2), false);
        assert_eq!(newer.partition("t", 0).unwrap().leader, Some(NodeId(2)));
        assert_eq!(newer.version, 3);
    }

    #[test]
    fn partitions_after_a_gap_stay_unknown() {
        let snapshot = Snapshot::default().updated(&response(0, 1), false);
        assert_eq!(snapshot.topic("t").unwrap().partitions.len(), 2);
    }
}
