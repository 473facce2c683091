//! Topics, their configurations, and producer ids: a log that is written first, and what follows from it.

mod catalog;
mod change;
mod changes;
mod error;
mod image;
mod journal;
mod new_topic;
mod records;
#[cfg(test)]
mod simulation;
mod snapshot;
mod snapshots;
mod topic;
mod topic_name;

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_wire::ids::PartitionIndex;
use parking_lot::RwLock;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::config::{BrokerValues, Settings, TopicValues, log_config};
use crate::error::BrokerError;
use crate::log::{Logs, Partition};
use catalog::Catalog;
use journal::Journal;
use new_topic::check_limits;
use topic_name::collide;

pub(crate) use error::MetadataError;
pub(crate) use journal::{METADATA_TOPIC, now_ms};
pub(crate) use new_topic::{NewTopic, Partitions, check_replicas};
pub(crate) use topic::Topic;
pub(crate) use topic_name::name_fault;

/// The metadata of this node, shared by all connections.
pub(crate) struct Metadata {
    logs: Arc<Logs>,
    node_id: i32,
    num_partitions: i32,
    max_partitions: i32,
    delete_topic_enable: bool,
    /// Read by every request, written when a topic changes: a look-up must not wait for a disk.
    catalog: RwLock<Catalog>,
    /// The broker's values, which topics inherit. Replaced as a whole.
    broker_values: RwLock<Arc<BrokerValues>>,
    /// Changes are made one after the other. A tokio mutex: it is held while the log is synced.
    journal: Mutex<Journal>,
    /// Producer ids reserved and not yet given out: next and end.
    producer_ids: Mutex<(i64, i64)>,
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metadata").field("node_id", &self.node_id).finish_non_exhaustive()
    }
}

impl Metadata {
    /// Replays the metadata log and opens every partition it names.
    pub(crate) fn open(
        logs: Arc<Logs>,
        settings: &Settings,
        fixed: BTreeMap<&'static str, String>,
    ) -> Result<Arc<Self>, BrokerError> {
        let journal = Journal::open(&logs, settings)?;
        remove_strays(&logs, &journal)?;
        let broker = BrokerValues { fixed, dynamic: journal.image.broker_values().clone() };
        let mut catalog = Catalog::default();
        for topic in journal.image.topics() {
            let partitions = 0..topic.partitions;
            let opened = open_topic(&logs, &broker, &topic.name, topic.id, partitions, &topic.values);
            catalog.insert(opened.map_err(|error| BrokerError::Topic {
                topic: topic.name.to_string(),
                reason: error.to_string(),
            })?);
        }
        Ok(Arc::new(Self {
            logs,
            node_id: settings.node_id,
            num_partitions: settings.num_partitions,
            max_partitions: settings.max_partitions,
            delete_topic_enable: settings.delete_topic_enable,
            catalog: RwLock::new(catalog),
            broker_values: RwLock::new(Arc::new(broker)),
            journal: Mutex::new(journal),
            producer_ids: Mutex::new((0, 0)),
        }))
    }

    pub(crate) fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.catalog.read().by_name(name).cloned()
    }

    pub(crate) fn topic_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.catalog.read().by_id(id).cloned()
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> Option<Arc<Partition>> {
        self.catalog.read().by_name(topic)?.partition(index).cloned()
    }

    pub(crate) fn partition_by_id(&self, topic: Uuid, index: i32) -> Option<Arc<Partition>> {
        self.catalog.read().by_id(topic)?.partition(index).cloned()
    }

    /// Every topic, by name.
    pub(crate) fn topics(&self) -> Vec<Arc<Topic>> {
        self.catalog.read().all().cloned().collect()
    }

    pub(crate) fn broker_values(&self) -> Arc<BrokerValues> {
        self.broker_values.read().clone()
    }

    /// Says whether a topic could be created, and with how many partitions.
    pub(crate) fn check_topic(&self, topic: &NewTopic) -> Result<i32, MetadataError> {
        let partitions = topic.check(self.node_id, self.num_partitions, &self.broker_values())?;
        if self.catalog.read().by_name(&topic.name).is_some() {
            return Err(MetadataError::TopicExists(topic.name.clone()));
        }
        if let Some(other) = self.catalog.read().all().find(|other| collide(&topic.name, &other.name)) {
            let (name, other) = (&topic.name, &other.name);
            let text = format!("Topic '{name}' collides with existing topic: {other}");
            return Err(MetadataError::InvalidTopic(text));
        }
        let existing = self.catalog.read().all().map(|topic| topic.partitions.len()).sum();
        check_limits(usize::try_from(partitions).unwrap_or(0), existing, self.max_partitions)?;
        Ok(partitions)
    }

    /// Creates a topic. The change goes on if the caller does not wait for it.
    pub(crate) async fn create_topic(self: &Arc<Self>, topic: NewTopic) -> Result<Arc<Topic>, MetadataError> {
        let metadata = self.clone();
        detached(async move { metadata.create_topic_here(&topic).await }).await
    }

    /// The topic of this name, created with these values if it is missing. For the broker's own topics.
    pub(crate) async fn ensure_topic(self: &Arc<Self>, topic: NewTopic) -> Result<Arc<Topic>, MetadataError> {
        if let Some(existing) = self.topic(&topic.name) {
            return Ok(existing);
        }
        let name = topic.name.clone();
        match self.create_topic(topic).await {
            Err(MetadataError::TopicExists(_)) => self.topic(&name).ok_or(MetadataError::UnknownTopic),
            other => other,
        }
    }

    /// Deletes a topic with its logs.
    pub(crate) async fn delete_topic(self: &Arc<Self>, id: Uuid) -> Result<Arc<Topic>, MetadataError> {
        let metadata = self.clone();
        detached(async move { metadata.delete_topic_here(id).await }).await
    }

    /// Adds partitions to a topic, up to `count`.
    pub(crate) async fn create_partitions(
        self: &Arc<Self>,
        name: &str,
        count: i32,
    ) -> Result<(), MetadataError> {
        let (metadata, name) = (self.clone(), name.to_owned());
        detached(async move { metadata.create_partitions_here(&name, count).await }).await
    }

    /// Replaces the values that a topic sets itself.
    pub(crate) async fn alter_topic(
        self: &Arc<Self>,
        name: &str,
        values: TopicValues,
    ) -> Result<(), MetadataError> {
        let (metadata, name) = (self.clone(), name.to_owned());
        detached(async move { metadata.alter_topic_here(&name, values).await }).await
    }

    /// Replaces the broker's dynamic values; topics that inherit them follow at once.
    pub(crate) async fn alter_broker(
        self: &Arc<Self>,
        values: BTreeMap<String, String>,
    ) -> Result<(), MetadataError> {
        let metadata = self.clone();
        detached(async move { metadata.alter_broker_here(values).await }).await
    }

    /// A producer id that no producer had before, also after a restart.
    pub(crate) async fn next_producer_id(self: &Arc<Self>) -> Result<i64, MetadataError> {
        let metadata = self.clone();
        detached(async move { metadata.next_producer_id_here().await }).await
    }
}

/// Removes what a crash left of topics that the log does not know.
fn remove_strays(logs: &Logs, journal: &Journal) -> Result<(), BrokerError> {
    if journal.is_blank()
        && let Some(partition) = logs.on_disk()?.into_iter().find(|on_disk| &*on_disk.topic != METADATA_TOPIC)
    {
        let reason = format!(
            "it is empty, and yet there is a partition {partition}: restore {METADATA_TOPIC}-0, or give a directory of \
             this broker's own"
        );
        return Err(BrokerError::Metadata { offset: 0, reason });
    }
    let known = |name: &str, id: Option<Uuid>, index: PartitionIndex| {
        name == METADATA_TOPIC
            || journal
                .image
                .topic(name)
                .is_some_and(|topic| index.0 < topic.partitions && id.is_none_or(|id| id == topic.id))
    };
    Ok(logs.remove_strays(known)?)
}

/// Runs a change to its end even where the connection that asked for it goes away: a change that is in the log
/// and not in the image would come as a surprise at the next start.
async fn detached<T: Send + 'static>(
    change: impl Future<Output = Result<T, MetadataError>> + Send + 'static,
) -> Result<T, MetadataError> {
    tokio::spawn(change).await.unwrap_or(Err(MetadataError::Closing))
}

fn open_topic(
    logs: &Logs,
    broker: &BrokerValues,
    name: &Arc<str>,
    id: Uuid,
    partitions: std::ops::Range<i32>,
    values: &TopicValues,
) -> Result<Arc<Topic>, MetadataError> {
    let log_config = Arc::new(log_config(values, broker)?);
    let opened: Result<Vec<_>, _> = partitions
        .map(|index| logs.open_partition(name, id, PartitionIndex(index), log_config.clone()))
        .collect();
    let topic = Topic { name: name.clone(), id, partitions: opened?, values: values.clone() };
    Ok(Arc::new(topic))
}
