//! Topics: create, delete, grow, look at.

use std::sync::Arc;

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, MetadataRequest, MetadataResponse,
};
use kafka_protocol::protocol::StrBytes;
use millstream_wire::ids::NodeId;
use uuid::Uuid;

use super::{Admin, PerItem, To, outcome};
use crate::metadata::{Snapshot, TopicMetadata};
use crate::partition::topic_name;
use crate::{Error, ErrorCode, Result};

/// The first version that deletes by a list of names or ids.
const DELETE_STATES: i16 = 6;

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Its partitions; `None` for the broker's `num.partitions`.
    pub partitions: Option<i32>,
    /// Replicas of each; `None` for the broker's default.
    pub replication_factor: Option<i16>,
    /// Its configuration, by Kafka's names.
    pub configs: Vec<(String, String)>,
}

impl NewTopic {
    /// A topic with this many partitions and the broker's defaults otherwise.
    #[must_use]
    pub fn new(name: impl Into<String>, partitions: i32) -> Self {
        Self {
            name: name.into(),
            partitions: Some(partitions),
            replication_factor: None,
            configs: Vec::new(),
        }
    }

    /// Adds a configuration.
    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.push((name.into(), value.into()));
        self
    }

    /// Sets the number of replicas.
    #[must_use]
    pub fn replication_factor(mut self, replicas: i16) -> Self {
        self.replication_factor = Some(replicas);
        self
    }
}

/// A topic that was created.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreatedTopic {
    /// Its id; nil on brokers that know none.
    pub id: Uuid,
    /// Its partitions, -1 on brokers that do not say.
    pub partitions: i32,
}

/// A topic in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicListing {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// Whether it is the broker's own.
    pub internal: bool,
    /// How many partitions it has.
    pub partitions: usize,
}

/// A topic in full.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicDescription {
    /// Its name.
    pub name: Arc<str>,
    /// Its id.
    pub id: Uuid,
    /// Whether it is the broker's own.
    pub internal: bool,
    /// By index.
    pub partitions: Vec<PartitionDescription>,
}

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionDescription {
    /// Its index.
    pub partition: i32,
    /// The broker that serves it; nobody while an election is under way.
    pub leader: Option<NodeId>,
    /// The generation of its leader.
    pub leader_epoch: i32,
    /// The brokers that hold it.
    pub replicas: Vec<NodeId>,
    /// Those that have all of it.
    pub in_sync: Vec<NodeId>,
}

impl Admin {
    /// Creates topics.
    ///
    /// # Errors
    /// Per topic, `TOPIC_ALREADY_EXISTS` and the like; for the call as a whole when no broker answers.
    pub async fn create_topics(
        &self,
        topics: impl IntoIterator<Item = NewTopic>,
    ) -> Result<PerItem<String, CreatedTopic>> {
        self.create(topics.into_iter().collect(), false).await
    }

    /// Says what [`Self::create_topics`] would do, and creates nothing.
    ///
    /// # Errors
    /// As [`Self::create_topics`].
    pub async fn validate_topics(
        &self,
        topics: impl IntoIterator<Item = NewTopic>,
    ) -> Result<PerItem<String, CreatedTopic>> {
        self.create(topics.into_iter().collect(), true).await
    }

    async fn create(
        &self,
        topics: Vec<NewTopic>,
        validate_only: bool,
    ) -> Result<PerItem<String, CreatedTopic>> {
        let timeout = self.timeout_ms();
        let make = move |_| {
            CreateTopicsRequest::default()
                .with_topics(topics.iter().map(creatable).collect())
                .with_timeout_ms(timeout)
                .with_validate_only(validate_only)
        };
        let response = self.ask(To::Controller, make, |_| Ok(())).await?;
        let item = |topic: kafka_protocol::messages::create_topics_response::CreatableTopicResult| {
            let name = topic.name.to_string();
            let what = || format!("creating topic {name}");
            let result = outcome(topic.error_code, what, topic.error_message.as_deref());
            let created = CreatedTopic { id: topic.topic_id, partitions: topic.num_partitions };
            (name, result.map(|()| created))
        };
        self.cluster.request_refresh();
        Ok(response.topics.into_iter().map(item).collect())
    }

    /// Deletes topics and their records.
    ///
    /// # Errors
    /// Per topic; for the call as a whole when no broker answers.
    pub async fn delete_topics<T: Into<String>>(
        &self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<PerItem<String, ()>> {
        let names: Vec<String> = topics.into_iter().map(Into::into).collect();
        let timeout = self.timeout_ms();
        let make = move |version| {
            let request = DeleteTopicsRequest::default().with_timeout_ms(timeout);
            if version < DELETE_STATES {
                return request.with_topic_names(names.iter().map(|name| topic_name(name)).collect());
            }
            let state = |name: &String| DeleteTopicState::default().with_name(Some(topic_name(name)));
            request.with_topics(names.iter().map(state).collect())
        };
        let response = self.ask(To::Controller, make, |_| Ok(())).await?;
        let item = |topic: kafka_protocol::messages::delete_topics_response::DeletableTopicResult| {
            let name = topic.name.map(|name| name.to_string()).unwrap_or_default();
            let what = || format!("deleting topic {name}");
            let result = outcome(topic.error_code, what, topic.error_message.as_deref());
            (name, result)
        };
        self.cluster.request_refresh();
        Ok(response.responses.into_iter().map(item).collect())
    }

    /// Grows topics to these numbers of partitions. Keys move then: the partition of a key depends on the number.
    ///
    /// # Errors
    /// Per topic; for the call as a whole when no broker answers.
    pub async fn create_partitions<T: Into<String>>(
        &self,
        topics: impl IntoIterator<Item = (T, i32)>,
    ) -> Result<PerItem<String, ()>> {
        let wanted: Vec<(String, i32)> =
            topics.into_iter().map(|(name, count)| (name.into(), count)).collect();
        let timeout = self.timeout_ms();
        let make = move |_| {
            let topic = |(name, count): &(String, i32)| {
                CreatePartitionsTopic::default()
                    .with_name(topic_name(name))
                    .with_count(*count)
                    .with_assignments(None)
            };
            CreatePartitionsRequest::default()
                .with_topics(wanted.iter().map(topic).collect())
                .with_timeout_ms(timeout)
        };
        let response = self.ask(To::Controller, make, |_| Ok(())).await?;
        let item =
            |topic: kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult| {
                let name = topic.name.to_string();
                let what = || format!("adding partitions to topic {name}");
                let result = outcome(topic.error_code, what, topic.error_message.as_deref());
                (name, result)
            };
        self.cluster.request_refresh();
        Ok(response.results.into_iter().map(item).collect())
    }

    /// All topics, internal ones included, by name.
    ///
    /// # Errors
    /// When no broker answers.
    pub async fn list_topics(&self) -> Result<Vec<TopicListing>> {
        let snapshot = self.metadata(None).await?;
        let listing = |topic: &Arc<TopicMetadata>| TopicListing {
            name: Arc::clone(&topic.name),
            id: topic.id,
            internal: topic.internal,
            partitions: topic.partitions.len(),
        };
        let mut topics: Vec<TopicListing> = snapshot.topics.values().map(listing).collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    /// Topics in full.
    ///
    /// # Errors
    /// Per topic, `UNKNOWN_TOPIC_OR_PARTITION`; for the call as a whole when no broker answers.
    pub async fn describe_topics<T: Into<String>>(
        &self,
        topics: impl IntoIterator<Item = T>,
    ) -> Result<PerItem<String, TopicDescription>> {
        let names: Vec<String> = topics.into_iter().map(Into::into).collect();
        let snapshot = self.metadata(Some(names.clone())).await?;
        let describe = |name: String| {
            let unknown =
                || Error::broker(ErrorCode::UnknownTopicOrPartition, format!("describing topic {name}"));
            let found = snapshot.topic(&name).ok_or_else(unknown).and_then(|topic| description(topic));
            (name, found)
        };
        Ok(names.into_iter().map(describe).collect())
    }

    /// The metadata of topics, or of all, asked for now.
    async fn metadata(&self, names: Option<Vec<String>>) -> Result<Snapshot> {
        let all = names.is_none();
        let make = move |_| {
            let topic = |name: &String| MetadataRequestTopic::default().with_name(Some(topic_name(name)));
            MetadataRequest::default()
                .with_topics(names.as_ref().map(|names| names.iter().map(topic).collect()))
                .with_allow_auto_topic_creation(false)
        };
        let failed =
            |response: &MetadataResponse| crate::error::check(response.error_code, || "Metadata".to_owned());
        let response = self.ask(To::Any, make, failed).await?;
        Ok(Snapshot::default().updated(&response, all))
    }
}

fn creatable(topic: &NewTopic) -> CreatableTopic {
    let config = |(name, value): &(String, String)| {
        CreatableTopicConfig::default()
            .with_name(StrBytes::from_string(name.clone()))
            .with_value(Some(StrBytes::from_string(value.clone())))
    };
    CreatableTopic::default()
        .with_name(topic_name(&topic.name))
        .with_num_partitions(topic.partitions.unwrap_or(-1))
        .with_replication_factor(topic.replication_factor.unwrap_or(-1))
        .with_configs(topic.configs.iter().map(config).collect())
}

fn description(topic: &TopicMetadata) -> Result<TopicDescription> {
    if let Some(code) = topic.error {
        return Err(Error::broker(code, format!("describing topic {}", topic.name)));
    }
    let partition = |(index, metadata): (usize, &crate::metadata::PartitionMetadata)| PartitionDescription {
        partition: index as i32,
        leader: metadata.leader,
        leader_epoch: metadata.leader_epoch.0,
        replicas: metadata.replicas.clone(),
        in_sync: metadata.in_sync.clone(),
    };
    Ok(TopicDescription {
        name: Arc::clone(&topic.name),
        id: topic.id,
        internal: topic.internal,
        partitions: topic.partitions.iter().enumerate().map(partition).collect(),
    })
}
