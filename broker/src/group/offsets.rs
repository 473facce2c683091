//! Up to where a group has read.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

/// A committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CommittedOffset {
    /// The offset of the next record to read.
    pub(crate) offset: i64,
    /// The leader epoch of the last record read, -1 where the client did not say (KIP-320).
    pub(crate) leader_epoch: i32,
    /// The client's own note, at most `offset.metadata.max.bytes`.
    pub(crate) metadata: Box<str>,
    /// Milliseconds since 1970.
    pub(crate) committed_ms: i64,
    /// Milliseconds since 1970; only clients before OffsetCommit 5 ask for it.
    pub(crate) expires_ms: Option<i64>,
    /// The topic that was read: one made later under the same name has none of its offsets.
    pub(crate) topic_id: Option<Uuid>,
    /// Where its record lies in the group's partition of `__consumer_offsets`: it is shown only when the high
    /// watermark has passed it, so that nobody reads what a power cut would take back.
    pub(crate) stored_at: i64,
}

/// A group's committed offsets. Bounded by the partitions that exist: nothing else can be committed.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    by_topic: BTreeMap<Arc<str>, BTreeMap<i32, CommittedOffset>>,
}

/// A partition of a topic, as offsets are kept for it.
pub(crate) type OffsetKey = (Arc<str>, i32);

impl Offsets {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_topic.is_empty()
    }

    pub(crate) fn get(&self, topic: &str, partition: i32) -> Option<&CommittedOffset> {
        self.by_topic.get(topic)?.get(&partition)
    }

    pub(crate) fn put(&mut self, topic: &str, partition: i32, committed: CommittedOffset) {
        match self.by_topic.get_mut(topic) {
            Some(partitions) => {
                partitions.insert(partition, committed);
            }
            None => {
                self.by_topic.insert(topic.into(), BTreeMap::from([(partition, committed)]));
            }
        }
    }

    pub(crate) fn remove(&mut self, topic: &str, partition: i32) {
        if let Some(partitions) = self.by_topic.get_mut(topic) {
            partitions.remove(&partition);
            if partitions.is_empty() {
                self.by_topic.remove(topic);
            }
        }
    }

    /// By topic and partition, in order.
    pub(crate) fn topics(&self) -> impl Iterator<Item = (&Arc<str>, &BTreeMap<i32, CommittedOffset>)> {
        self.by_topic.iter()
    }

    /// Which of them meet a condition.
    pub(crate) fn keys(&self, condition: impl Fn(&str, &CommittedOffset) -> bool) -> Vec<OffsetKey> {
        let mut keys = Vec::new();
        for (topic, partitions) in &self.by_topic {
            for (partition, committed) in partitions {
                if condition(topic, committed) {
                    keys.push((topic.clone(), *partition));
                }
            }
        }
        keys
    }
}
