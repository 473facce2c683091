//! Consumer groups: list, look at, their offsets, delete.

use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashMap;
use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DescribeGroupsRequest, GroupId, ListGroupsRequest, OffsetDeleteRequest,
};
use kafka_protocol::protocol::StrBytes;
use millstream_wire::messages::decode_assignment;

use super::{Admin, PerItem, To, outcome};
use crate::consumer::{Coordinator, Member};
use crate::partition::{OffsetAndMetadata, by_topic, topic_name};
use crate::{Error, ErrorCode, Result, TopicPartition};

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupListing {
    /// Its id.
    pub id: String,
    /// What its members speak: `consumer`, `connect`; empty where only offsets are kept.
    pub protocol_type: String,
    /// `Stable`, `Empty` and so on, where the broker says.
    pub state: String,
}

/// A group in full.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupDescription {
    /// Its id.
    pub id: String,
    /// `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty` or `Dead`.
    pub state: String,
    /// What its members speak.
    pub protocol_type: String,
    /// The assignor in use.
    pub assignor: String,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupMember {
    /// Its id.
    pub id: String,
    /// `group.instance.id`.
    pub instance_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// Where it comes from.
    pub host: String,
    /// What it reads, where its protocol is the consumer's.
    pub partitions: Vec<TopicPartition>,
    /// Its assignment's own bytes, whatever the protocol.
    pub assignment: Bytes,
}

fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

impl Admin {
    /// The groups of all brokers, by id.
    ///
    /// # Errors
    /// When a broker does not answer.
    pub async fn list_groups(&self) -> Result<Vec<GroupListing>> {
        let (cluster, deadline) = (Arc::clone(&self.cluster), self.deadline());
        let work = async move {
            cluster.ready(deadline).await?;
            let mut groups = Vec::new();
            let brokers: Vec<_> = cluster.snapshot().brokers.keys().copied().collect();
            for broker in brokers {
                let response = cluster.node(broker).await?.call(&ListGroupsRequest::default()).await?;
                crate::error::check(response.error_code, || {
                    format!("listing the groups of broker {broker}")
                })?;
                groups.extend(response.groups.into_iter().map(|group| GroupListing {
                    id: group.group_id.to_string(),
                    protocol_type: group.protocol_type.to_string(),
                    state: group.group_state.to_string(),
                }));
            }
            groups.sort_by(|a: &GroupListing, b| a.id.cmp(&b.id));
            Ok(groups)
        };
        self.runtime.run(work).await
    }

    /// Groups in full.
    ///
    /// # Errors
    /// Per group, `GROUP_ID_NOT_FOUND` and the like, or that its coordinator does not answer.
    pub async fn describe_groups<T: Into<String>>(
        &self,
        groups: impl IntoIterator<Item = T>,
    ) -> PerItem<String, GroupDescription> {
        let mut described = Vec::new();
        for group in groups {
            let group = group.into();
            let found = self.describe_group(&group).await;
            described.push((group, found));
        }
        described
    }

    async fn describe_group(&self, group: &str) -> Result<GroupDescription> {
        let id = group_id(group);
        let make = move |_| DescribeGroupsRequest::default().with_groups(vec![id.clone()]);
        let what = format!("describing group {group}");
        let asked = what.clone();
        let failed = move |response: &kafka_protocol::messages::DescribeGroupsResponse| {
            response.groups.first().map_or(Ok(()), |group| {
                outcome(group.error_code, || asked.clone(), group.error_message.as_deref())
            })
        };
        let response = self.ask(To::Group(group), make, failed).await?;
        let found = response.groups.into_iter().next();
        let found = found.ok_or_else(|| Error::broker(ErrorCode::GroupIdNotFound, what))?;
        let member =
            |member: kafka_protocol::messages::describe_groups_response::DescribedGroupMember| GroupMember {
                id: member.member_id.to_string(),
                instance_id: member.group_instance_id.map(|id| id.to_string()),
                client_id: member.client_id.to_string(),
                host: member.client_host.to_string(),
                partitions: assigned(&member.member_assignment),
                assignment: member.member_assignment,
            };
        Ok(GroupDescription {
            id: found.group_id.to_string(),
            state: found.group_state.to_string(),
            protocol_type: found.protocol_type.to_string(),
            assignor: found.protocol_data.to_string(),
            members: found.members.into_iter().map(member).collect(),
        })
    }

    /// Deletes groups without members, and their offsets.
    ///
    /// # Errors
    /// Per group, `NON_EMPTY_GROUP` and the like.
    pub async fn delete_groups<T: Into<String>>(
        &self,
        groups: impl IntoIterator<Item = T>,
    ) -> PerItem<String, ()> {
        let mut deleted = Vec::new();
        for group in groups {
            let group = group.into();
            let result = self.delete_group(&group).await;
            deleted.push((group, result));
        }
        deleted
    }

    async fn delete_group(&self, group: &str) -> Result<()> {
        let id = group_id(group);
        let what = format!("deleting group {group}");
        let make = move |_| DeleteGroupsRequest::default().with_groups_names(vec![id.clone()]);
        let failed = move |response: &kafka_protocol::messages::DeleteGroupsResponse| {
            response.results.first().map_or(Ok(()), |group| outcome(group.error_code, || what.clone(), None))
        };
        self.ask(To::Group(group), make, failed).await.map(|_| ())
    }

    /// All offsets that a group has committed.
    ///
    /// # Errors
    /// When the coordinator does not answer.
    pub async fn group_offsets(&self, group: &str) -> Result<HashMap<TopicPartition, OffsetAndMetadata>> {
        self.committed(group, None).await
    }

    /// What a group has committed of these partitions; those without are left out.
    ///
    /// # Errors
    /// When the coordinator does not answer.
    pub async fn group_offsets_of(
        &self,
        group: &str,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<HashMap<TopicPartition, OffsetAndMetadata>> {
        self.committed(group, Some(partitions.into_iter().collect())).await
    }

    async fn committed(
        &self,
        group: &str,
        partitions: Option<Vec<TopicPartition>>,
    ) -> Result<HashMap<TopicPartition, OffsetAndMetadata>> {
        let (cluster, deadline) = (Arc::clone(&self.cluster), self.deadline());
        let coordinator = Coordinator::new(group);
        let work = async move {
            cluster.ready(deadline).await?;
            coordinator.committed(&cluster, partitions.as_deref(), deadline).await
        };
        self.runtime.run(work).await
    }

    /// Sets offsets of a group that has no members now.
    ///
    /// # Errors
    /// `UNKNOWN_MEMBER_ID` while the group has members; when the coordinator does not answer.
    pub async fn alter_group_offsets<O: Into<OffsetAndMetadata>>(
        &self,
        group: &str,
        offsets: impl IntoIterator<Item = (TopicPartition, O)>,
    ) -> Result<()> {
        let offsets: Vec<(TopicPartition, OffsetAndMetadata)> =
            offsets.into_iter().map(|(partition, offset)| (partition, offset.into())).collect();
        let (cluster, deadline) = (Arc::clone(&self.cluster), self.deadline());
        let coordinator = Coordinator::new(group);
        let work = async move {
            cluster.ready(deadline).await?;
            coordinator.commit(&cluster, &Member::none(), &offsets, deadline).await
        };
        self.runtime.run(work).await
    }

    /// Forgets offsets of topics that no member reads.
    ///
    /// # Errors
    /// Per partition, `GROUP_SUBSCRIBED_TO_TOPIC`; for the call as a whole when the coordinator refuses.
    pub async fn delete_group_offsets(
        &self,
        group: &str,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<PerItem<TopicPartition, ()>> {
        let partitions: Vec<TopicPartition> = partitions.into_iter().collect();
        let (id, what) = (group_id(group), format!("deleting offsets of group {group}"));
        let asked = what.clone();
        let make = move |_| {
            let topic = |(name, of): (Arc<str>, Vec<(i32, ())>)| {
                let partition = |(index, ()): (i32, ())| {
                    OffsetDeleteRequestPartition::default().with_partition_index(index)
                };
                OffsetDeleteRequestTopic::default()
                    .with_name(topic_name(&name))
                    .with_partitions(of.into_iter().map(partition).collect())
            };
            let named = partitions.iter().map(|partition| (partition.clone(), ()));
            OffsetDeleteRequest::default()
                .with_group_id(id.clone())
                .with_topics(by_topic(named).into_iter().map(topic).collect())
        };
        let failed = move |response: &kafka_protocol::messages::OffsetDeleteResponse| {
            outcome(response.error_code, || asked.clone(), None)
        };
        let response = self.ask(To::Group(group), make, failed).await?;
        let answers = response
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|partition| (topic.name.as_str(), partition)));
        let item = |(topic, answer): (
            &str,
            &kafka_protocol::messages::offset_delete_response::OffsetDeleteResponsePartition,
        )| {
            let partition = TopicPartition::new(topic, answer.partition_index);
            (partition, outcome(answer.error_code, || what.clone(), None))
        };
        Ok(answers.map(item).collect())
    }
}

fn assigned(bytes: &Bytes) -> Vec<TopicPartition> {
    let Ok(assignment) = decode_assignment(bytes.clone()) else { return Vec::new() };
    let partitions = assignment.assigned_partitions.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| TopicPartition::new(topic.topic.as_str(), *partition))
    });
    partitions.collect()
}
