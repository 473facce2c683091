//! The topics being served, by name and by id.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use uuid::Uuid;

use crate::metadata::topic::Topic;

/// Both ways to a topic. Every topic is in both maps or in none.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    /// Ordered, so that answers that list topics are the same each time.
    by_name: BTreeMap<Arc<str>, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
}

impl Catalog {
    /// Adds a topic, or replaces the one of this name.
    pub(crate) fn insert(&mut self, topic: Arc<Topic>) {
        self.by_id.insert(topic.id, topic.clone());
        self.by_name.insert(topic.name.clone(), topic);
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Arc<Topic>> {
        let topic = self.by_name.remove(name)?;
        self.by_id.remove(&topic.id);
        Some(topic)
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<&Arc<Topic>> {
        self.by_name.get(name)
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<&Arc<Topic>> {
        self.by_id.get(&id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Topic>> {
        self.by_name.values()
    }
}
