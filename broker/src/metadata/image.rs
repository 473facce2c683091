//! The state that the metadata log describes, as a pure state machine: a record in, a new state out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use crate::config::TopicValues;
use crate::metadata::change::{Change, Resource};

/// Topics, configurations and producer ids after some prefix of the metadata log.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    topics: BTreeMap<Arc<str>, TopicImage>,
    /// Records name topics by id.
    names: HashMap<Uuid, Arc<str>>,
    /// Values of IncrementalAlterConfigs on the broker.
    broker_values: BTreeMap<String, String>,
    next_producer_id: i64,
}

/// A topic as the log describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TopicImage {
    pub(crate) name: Arc<str>,
    pub(crate) id: Uuid,
    pub(crate) partitions: i32,
    /// The values that the topic sets itself.
    pub(crate) values: TopicValues,
}

/// A record that does not follow from those before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Inconsistent {
    #[error("topic {0} is created a second time")]
    TopicExists(Arc<str>),
    #[error("no topic has the id {0}")]
    NoTopic(Uuid),
    #[error("partition {index} of {topic} follows on partition {last}")]
    PartitionGap { topic: Arc<str>, index: i32, last: i32 },
    #[error("producer ids go back from {from} to {to}")]
    ProducerIdsGoBack { from: i64, to: i64 },
}

impl Image {
    pub(crate) fn apply(&mut self, change: &Change) -> Result<(), Inconsistent> {
        match change {
            Change::Topic { name, id } => self.add_topic(name, *id),
            Change::Partition { topic_id, index } => self.add_partition(*topic_id, *index),
            Change::RemoveTopic { topic_id } => self.remove_topic(*topic_id),
            Change::Config { resource, name, value } => {
                self.set_value(resource, name, value.as_deref());
                Ok(())
            }
            Change::ProducerIds { next } => self.advance_producer_ids(*next),
            Change::None => Ok(()),
        }
    }

    /// Changes that lead here from nothing.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Change> {
        let broker = config_changes(Resource::Broker, &self.broker_values);
        let ids = (self.next_producer_id > 0).then_some(Change::ProducerIds { next: self.next_producer_id });
        self.topics.values().flat_map(TopicImage::changes).chain(broker).chain(ids)
    }

    pub(crate) fn topics(&self) -> impl Iterator<Item = &TopicImage> {
        self.topics.values()
    }

    pub(crate) fn topic(&self, name: &str) -> Option<&TopicImage> {
        self.topics.get(name)
    }

    pub(crate) fn broker_values(&self) -> &BTreeMap<String, String> {
        &self.broker_values
    }

    pub(crate) fn next_producer_id(&self) -> i64 {
        self.next_producer_id
    }

    fn add_topic(&mut self, name: &Arc<str>, id: Uuid) -> Result<(), Inconsistent> {
        if self.topics.contains_key(name) {
            return Err(Inconsistent::TopicExists(name.clone()));
        }
        let topic = TopicImage { name: name.clone(), id, partitions: 0, values: TopicValues::new() };
        self.topics.insert(name.clone(), topic);
        self.names.insert(id, name.clone());
        Ok(())
    }

    fn add_partition(&mut self, id: Uuid, index: i32) -> Result<(), Inconsistent> {
        let name = self.names.get(&id).ok_or(Inconsistent::NoTopic(id))?;
        let topic = self.topics.get_mut(name).ok_or(Inconsistent::NoTopic(id))?;
        if index != topic.partitions {
            let last = topic.partitions - 1;
            return Err(Inconsistent::PartitionGap { topic: name.clone(), index, last });
        }
        topic.partitions += 1;
        Ok(())
    }

    fn remove_topic(&mut self, id: Uuid) -> Result<(), Inconsistent> {
        let name = self.names.remove(&id).ok_or(Inconsistent::NoTopic(id))?;
        self.topics.remove(&name).map(drop).ok_or(Inconsistent::NoTopic(id))
    }

    fn set_value(&mut self, resource: &Resource, name: &str, value: Option<&str>) {
        let values = match resource {
            Resource::Broker => &mut self.broker_values,
            Resource::Topic(topic) => match self.topics.get_mut(topic) {
                Some(topic) => &mut topic.values,
                // Values may be written before their topic is removed in the same batch.
                None => return,
            },
        };
        match value {
            Some(value) => values.insert(name.to_owned(), value.to_owned()),
            None => values.remove(name),
        };
    }

    fn advance_producer_ids(&mut self, next: i64) -> Result<(), Inconsistent> {
        if next < self.next_producer_id {
            return Err(Inconsistent::ProducerIdsGoBack { from: self.next_producer_id, to: next });
        }
        self.next_producer_id = next;
        Ok(())
    }
}

impl TopicImage {
    fn changes(&self) -> impl Iterator<Item = Change> {
        let topic_id = self.id;
        let partitions = (0..self.partitions).map(move |index| Change::Partition { topic_id, index });
        let values = config_changes(Resource::Topic(self.name.clone()), &self.values);
        std::iter::once(Change::Topic { name: self.name.clone(), id: topic_id })
            .chain(partitions)
            .chain(values)
    }
}

fn config_changes(resource: Resource, values: &BTreeMap<String, String>) -> impl Iterator<Item = Change> {
    values.iter().map(move |(name, value)| Change::Config {
        resource: resource.clone(),
        name: name.clone(),
        value: Some(value.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn topic(name: &str, partitions: i32) -> Vec<Change> {
        let mut changes = vec![Change::Topic { name: name.into(), id: ID }];
        changes.extend((0..partitions).map(|index| Change::Partition { topic_id: ID, index }));
        changes
    }

    fn image(changes: &[Change]) -> Image {
        let mut image = Image::default();
        for change in changes {
            image.apply(change).unwrap();
        }
        image
    }

    #[test]
    fn a_removed_topic_takes_its_partitions_and_values_with_it() {
        let mut image = image(&topic("a", 3));
        let resource = Resource::Topic("a".into());
        image.apply(&Change::Config { resource, name: "x".to_owned(), value: Some("1".to_owned()) }).unwrap();
        let topic = image.topic("a").unwrap();
        assert_eq!((topic.partitions, topic.values.len()), (3, 1));
        image.apply(&Change::RemoveTopic { topic_id: ID }).unwrap();
        assert_eq!(image, Image::default());
    }

    #[test]
    fn records_that_do_not_follow_are_refused() {
        let mut image = image(&topic("a", 1));
        let gap = Change::Partition { topic_id: ID, index: 2 };
        assert!(matches!(image.apply(&gap), Err(Inconsistent::PartitionGap { index: 2, last: 0, .. })));
        assert!(matches!(image.apply(&topic("a", 0)[0]), Err(Inconsistent::TopicExists(_))));
        image.apply(&Change::ProducerIds { next: 1000 }).unwrap();
        assert!(matches!(
            image.apply(&Change::ProducerIds { next: 0 }),
            Err(Inconsistent::ProducerIdsGoBack { .. })
        ));
    }

    #[test]
    fn a_value_that_is_set_to_nothing_is_gone() {
        let set = |value: Option<&str>| Change::Config {
            resource: Resource::Broker,
            name: "log.retention.ms".to_owned(),
            value: value.map(str::to_owned),
        };
        let mut image = image(&[set(Some("5"))]);
        assert_eq!(image.broker_values()["log.retention.ms"], "5");
        image.apply(&set(None)).unwrap();
        assert!(image.broker_values().is_empty());
    }
}
