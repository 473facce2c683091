//! The broker that keeps a group's offsets and members.

use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{FindCoordinatorRequest, GroupId, OffsetCommitRequest, OffsetFetchRequest};
use kafka_protocol::protocol::StrBytes;
use millstream_wire::ids::NodeId;
use parking_lot::Mutex;

use crate::cluster::Cluster;
use crate::connection::Link;
use crate::offsets::pause_or_give_up;
use crate::partition::{OffsetAndMetadata, by_topic, topic_name};
use crate::{Error, ErrorCode, Result, TopicPartition};

/// From here on topics go by id, which offsets of deleted topics have not.
const NAMED_TOPICS_MAX: i16 = 9;
/// The first version that asks for several groups at once.
const SEVERAL_GROUPS: i16 = 8;

/// Who commits: a member in a generation, or nobody in particular.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) id: String,
    pub(crate) generation: i32,
    pub(crate) instance_id: Option<String>,
    /// Whether it takes part in the group, or wants to.
    pub(crate) subscribed: bool,
}

impl Member {
    /// A consumer that assigns its partitions itself.
    pub(crate) fn none() -> Self {
        Self { id: String::new(), generation: -1, instance_id: None, subscribed: false }
    }

    /// It had no place in the group yet, or has lost it: its partitions are others' now.
    pub(crate) fn has_no_place(&self) -> bool {
        self.subscribed && self.generation < 0
    }
}

/// Finds and asks the coordinator of one group.
#[derive(Debug)]
pub(crate) struct Coordinator {
    group: Arc<str>,
    /// The broker, until it says that it is another. A blocking lock: held for a copy.
    node: Mutex<Option<NodeId>>,
}

pub(crate) fn str_bytes(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

impl Coordinator {
    pub(crate) fn new(group: &str) -> Self {
        Self { group: group.into(), node: Mutex::new(None) }
    }

    pub(crate) fn group_id(&self) -> GroupId {
        GroupId(str_bytes(&self.group))
    }

    /// Which broker it was when last looked up.
    pub(crate) fn known(&self) -> Option<NodeId> {
        *self.node.lock()
    }

    /// The next request looks the coordinator up again.
    pub(crate) fn forget(&self) {
        *self.node.lock() = None;
    }

    /// Which broker it is; asks the cluster if that is not known. One attempt.
    pub(crate) async fn node(&self, cluster: &Cluster) -> Result<NodeId> {
        if let Some(node) = *self.node.lock() {
            return Ok(node);
        }
        let link = cluster.any().await?;
        let what = || format!("finding the coordinator of group {}", self.group);
        let version = link.version::<FindCoordinatorRequest>(i16::MAX)?;
        let request = FindCoordinatorRequest::default();
        let request = match version {
            ..4 => request.with_key(str_bytes(&self.group)),
            _ => request.with_coordinator_keys(vec![str_bytes(&self.group)]),
        };
        let response = link.call_at(&request, version, cluster.config().request_timeout).await?;
        let (code, node) = match response.coordinators.first() {
            Some(coordinator) => (coordinator.error_code, coordinator.node_id),
            None => (response.error_code, response.node_id),
        };
        crate::error::check(code, what)?;
        let node = NodeId(node.0);
        // It can be found before the first metadata has come, which knows of no broker.
        cluster.ready(Instant::now() + cluster.config().request_timeout).await?;
        if !cluster.snapshot().brokers.contains_key(&node) {
            cluster.request_refresh();
            return Err(Error::broker(ErrorCode::CoordinatorNotAvailable, what()));
        }
        *self.node.lock() = Some(node);
        Ok(node)
    }

    pub(crate) async fn link(&self, cluster: &Cluster) -> Result<Arc<Link>> {
        let node = self.node(cluster).await?;
        cluster.node(node).await.inspect_err(|_| self.forget())
    }

    /// Notes what an error says about the coordinator.
    pub(crate) fn heed(&self, error: &Error) {
        let moved = matches!(
            error.code(),
            Some(ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable | ErrorCode::RequestTimedOut)
        );
        if moved
            || matches!(
                error,
                Error::Disconnected { .. } | Error::RequestTimedOut { .. } | Error::Connect { .. }
            )
        {
            self.forget();
        }
    }

    /// Commits, retrying what may pass, until `deadline`.
    pub(crate) async fn commit(
        &self,
        cluster: &Cluster,
        member: &Member,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        deadline: Instant,
    ) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let mut failures = 0;
        loop {
            let Err(error) = self.commit_once(cluster, member, offsets).await else { return Ok(()) };
            self.heed(&error);
            // A rebalance ends this member's generation: the caller must take part in it first.
            if !error.is_retriable() || error.code() == Some(ErrorCode::RebalanceInProgress) {
                return Err(error);
            }
            failures += 1;
            pause_or_give_up(cluster, failures, deadline, error).await?;
        }
    }

    async fn commit_once(
        &self,
        cluster: &Cluster,
        member: &Member,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
    ) -> Result<()> {
        let partition = |(index, offset): (i32, OffsetAndMetadata)| {
            OffsetCommitRequestPartition::default()
                .with_partition_index(index)
                .with_committed_offset(offset.offset)
                .with_committed_leader_epoch(offset.leader_epoch.unwrap_or(-1))
                .with_committed_metadata(Some(StrBytes::from_string(offset.metadata)))
        };
        let topic = |(name, partitions): (Arc<str>, Vec<(i32, OffsetAndMetadata)>)| {
            OffsetCommitRequestTopic::default()
                .with_name(topic_name(&name))
                .with_partitions(partitions.into_iter().map(partition).collect())
        };
        let request = OffsetCommitRequest::default()
            .with_group_id(self.group_id())
            .with_generation_id_or_member_epoch(member.generation)
            .with_member_id(str_bytes(&member.id))
            .with_group_instance_id(member.instance_id.as_deref().map(str_bytes))
            .with_topics(by_topic(offsets.iter().cloned()).into_iter().map(topic).collect());
        let link = self.link(cluster).await?;
        let version = link.version::<OffsetCommitRequest>(NAMED_TOPICS_MAX)?;
        let response = link.call_at(&request, version, cluster.config().request_timeout).await?;
        for topic in response.topics {
            for partition in topic.partitions {
                crate::error::check(partition.error_code, || {
                    format!(
                        "committing {}-{} for group {}",
                        &*topic.name, partition.partition_index, self.group
                    )
                })?;
            }
        }
        Ok(())
    }

    /// The committed offsets of partitions, of all if none are named; those without are left out.
    pub(crate) async fn committed(
        &self,
        cluster: &Cluster,
        partitions: Option<&[TopicPartition]>,
        deadline: Instant,
    ) -> Result<HashMap<TopicPartition, OffsetAndMetadata>> {
        let mut failures = 0;
        loop {
            let error = match self.committed_once(cluster, partitions).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            self.heed(&error);
            if !error.is_retriable() {
                return Err(error);
            }
            failures += 1;
            pause_or_give_up(cluster, failures, deadline, error).await?;
        }
    }

    async fn committed_once(
        &self,
        cluster: &Cluster,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<HashMap<TopicPartition, OffsetAndMetadata>> {
        let what = || format!("committed offsets of group {}", self.group);
        let link = self.link(cluster).await?;
        let version = link.version::<OffsetFetchRequest>(NAMED_TOPICS_MAX)?;
        let request = self.offset_fetch(version, partitions);
        let response = link.call_at(&request, version, cluster.config().request_timeout).await?;
        crate::error::check(response.error_code, what)?;
        let mut found = HashMap::new();
        let mut note =
            |topic: &str, index, code, offset, epoch: i32, metadata: Option<StrBytes>| -> Result<()> {
                crate::error::check(code, || format!("committed offset of {topic}-{index}"))?;
                if offset >= 0 {
                    let metadata = metadata.map(|text| text.to_string()).unwrap_or_default();
                    let leader_epoch = (epoch >= 0).then_some(epoch);
                    let committed = OffsetAndMetadata { offset, leader_epoch, metadata };
                    found.insert(TopicPartition::new(topic, index), committed);
                }
                Ok(())
            };
        for topic in response.topics {
            for p in topic.partitions {
                let (index, epoch) = (p.partition_index, p.committed_leader_epoch);
                note(&topic.name, index, p.error_code, p.committed_offset, epoch, p.metadata)?;
            }
        }
        for group in response.groups {
            crate::error::check(group.error_code, what)?;
            for topic in group.topics {
                for p in topic.partitions {
                    let (index, epoch) = (p.partition_index, p.committed_leader_epoch);
                    note(&topic.name, index, p.error_code, p.committed_offset, epoch, p.metadata)?;
                }
            }
        }
        Ok(found)
    }

    fn offset_fetch(&self, version: i16, partitions: Option<&[TopicPartition]>) -> OffsetFetchRequest {
        let named = partitions.map(|named| by_topic(named.iter().map(|partition| (partition.clone(), ()))));
        let indexes = |of: Vec<(i32, ())>| of.into_iter().map(|(index, ())| index).collect::<Vec<i32>>();
        let request = OffsetFetchRequest::default().with_require_stable(version >= 7);
        if version < SEVERAL_GROUPS {
            let topic = |(name, of): (Arc<str>, _)| {
                OffsetFetchRequestTopic::default()
                    .with_name(topic_name(&name))
                    .with_partition_indexes(indexes(of))
            };
            return request
                .with_group_id(self.group_id())
                .with_topics(named.map(|topics| topics.into_iter().map(topic).collect()));
        }
        let topic = |(name, of): (Arc<str>, _)| {
            OffsetFetchRequestTopics::default()
                .with_name(topic_name(&name))
                .with_partition_indexes(indexes(of))
        };
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(self.group_id())
            .with_member_id(None)
            .with_member_epoch(-1)
            .with_topics(named.map(|topics| topics.into_iter().map(topic).collect()));
        request.with_groups(vec![group])
    }
}
