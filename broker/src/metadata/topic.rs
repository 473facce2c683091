//! A topic that is served: its description and its open partitions.

use std::sync::Arc;

use uuid::Uuid;

use crate::config::TopicValues;
use crate::log::Partition;
use crate::metadata::topic_name::is_internal;

/// A topic. It never changes: an altered topic is another value under the same name.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) id: Uuid,
    /// By partition index.
    pub(crate) partitions: Vec<Arc<Partition>>,
    /// The values that the topic sets itself.
    pub(crate) values: TopicValues,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn is_internal(&self) -> bool {
        is_internal(&self.name)
    }
}
