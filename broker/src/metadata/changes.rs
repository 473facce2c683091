//! The changes of the metadata, one after the other: checked, written to the log, put into force.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::config::{BrokerValues, ConfigError, TopicValues, log_config};
use crate::log::LogConfig;
use crate::metadata::change::{Change, Resource};
use crate::metadata::error::MetadataError;
use crate::metadata::new_topic::{NewTopic, check_limits};
use crate::metadata::topic::Topic;
use crate::metadata::{Metadata, open_topic};

/// Producer ids that are reserved with one record, as Kafka does.
const PRODUCER_ID_BLOCK: i64 = 1000;

impl Metadata {
    pub(super) async fn create_topic_here(&self, topic: &NewTopic) -> Result<Arc<Topic>, MetadataError> {
        let mut journal = self.journal.lock().await;
        let count = self.check_topic(topic)?;
        let (name, id): (Arc<str>, _) = (topic.name.as_str().into(), Uuid::new_v4());
        let mut changes = vec![Change::Topic { name: name.clone(), id }];
        changes.extend((0..count).map(|index| Change::Partition { topic_id: id, index }));
        changes.extend(config_changes(&Resource::Topic(name.clone()), &BTreeMap::new(), &topic.values));
        journal.commit(&changes).await?;
        let opened = open_topic(&self.logs, &self.broker_values(), &name, id, 0..count, &topic.values)?;
        self.catalog.write().insert(opened.clone());
        tracing::info!("topic {name} created with {count} partitions, id {id}");
        Ok(opened)
    }

    pub(super) async fn delete_topic_here(&self, id: Uuid) -> Result<Arc<Topic>, MetadataError> {
        let mut journal = self.journal.lock().await;
        if !self.delete_topic_enable {
            return Err(MetadataError::DeletionDisabled);
        }
        let topic = self.topic_by_id(id).ok_or(MetadataError::UnknownTopicId)?;
        journal.commit(&[Change::RemoveTopic { topic_id: id }]).await?;
        self.catalog.write().remove(&topic.name);
        self.logs.delete_topic(&topic.name, id)?;
        tracing::info!("topic {} deleted", topic.name);
        Ok(topic)
    }

    pub(super) async fn create_partitions_here(&self, name: &str, count: i32) -> Result<(), MetadataError> {
        let mut journal = self.journal.lock().await;
        let topic = self.topic(name).ok_or(MetadataError::UnknownTopic)?;
        let added = self.check_more_partitions(&topic, count)?;
        let changes: Vec<_> =
            added.clone().map(|index| Change::Partition { topic_id: topic.id, index }).collect();
        journal.commit(&changes).await?;
        let opened =
            open_topic(&self.logs, &self.broker_values(), &topic.name, topic.id, 0..count, &topic.values)?;
        self.catalog.write().insert(opened);
        Ok(())
    }

    /// The indexes of the partitions that would be added to have `count` of them.
    pub(crate) fn check_more_partitions(
        &self,
        topic: &Topic,
        count: i32,
    ) -> Result<std::ops::Range<i32>, MetadataError> {
        let current = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        if count <= current {
            return Err(MetadataError::InvalidPartitions(format!(
                "The topic {} currently has {current} partition(s); {count} would not be an increase.",
                topic.name
            )));
        }
        let existing = self.catalog.read().all().map(|topic| topic.partitions.len()).sum();
        check_limits(usize::try_from(count - current).unwrap_or(0), existing, self.max_partitions)?;
        Ok(current..count)
    }

    pub(super) async fn alter_topic_here(
        &self,
        name: &str,
        values: TopicValues,
    ) -> Result<(), MetadataError> {
        let mut journal = self.journal.lock().await;
        let topic = self.topic(name).ok_or(MetadataError::UnknownTopic)?;
        let log_config = Arc::new(log_config(&values, &self.broker_values())?);
        journal.commit(&config_changes(&Resource::Topic(topic.name.clone()), &topic.values, &values)).await?;
        self.catalog.write().insert(reconfigured(&topic, values, &log_config));
        Ok(())
    }

    pub(super) async fn alter_broker_here(
        &self,
        values: BTreeMap<String, String>,
    ) -> Result<(), MetadataError> {
        let mut journal = self.journal.lock().await;
        let current = self.broker_values();
        let altered = Arc::new(BrokerValues { fixed: current.fixed.clone(), dynamic: values });
        let reconfigure = |topic: Arc<Topic>| Ok((Arc::new(log_config(&topic.values, &altered)?), topic));
        let topics: Result<Vec<_>, ConfigError> = self.topics().into_iter().map(reconfigure).collect();
        let topics = topics?;
        journal.commit(&config_changes(&Resource::Broker, &current.dynamic, &altered.dynamic)).await?;
        *self.broker_values.write() = altered;
        for (config, topic) in topics {
            self.catalog.write().insert(reconfigured(&topic, topic.values.clone(), &config));
        }
        Ok(())
    }

    pub(super) async fn next_producer_id_here(&self) -> Result<i64, MetadataError> {
        let mut ids = self.producer_ids.lock().await;
        if ids.0 == ids.1 {
            let mut journal = self.journal.lock().await;
            let first = journal.image.next_producer_id();
            let end = first + PRODUCER_ID_BLOCK;
            journal.commit(&[Change::ProducerIds { next: end }]).await?;
            *ids = (first, end);
        }
        ids.0 += 1;
        Ok(ids.0 - 1)
    }
}

/// The same topic with other values, its logs told so.
fn reconfigured(topic: &Topic, values: TopicValues, log_config: &Arc<LogConfig>) -> Arc<Topic> {
    for partition in &topic.partitions {
        partition.configure(log_config.clone());
    }
    Arc::new(Topic { name: topic.name.clone(), id: topic.id, partitions: topic.partitions.clone(), values })
}

/// The records that lead from one set of values to another.
fn config_changes(
    resource: &Resource,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> Vec<Change> {
    let change = |name: &String, value: Option<&String>| Change::Config {
        resource: resource.clone(),
        name: name.clone(),
        value: value.cloned(),
    };
    let removed = before.keys().filter(|name| !after.contains_key(*name)).map(|name| change(name, None));
    let set = after.iter().filter(|(name, value)| before.get(*name) != Some(value));
    removed.chain(set.map(|(name, value)| change(name, Some(value)))).collect()
}
