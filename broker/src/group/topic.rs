//! Where groups are stored: `__consumer_offsets`, made when the first group needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::error;

use super::error::GroupError;
use crate::config::Settings;
use crate::log::Partition;
use crate::metadata::{Metadata, NewTopic, Partitions, Topic};

/// The topic of groups and their offsets, Kafka's name for it.
pub(crate) const OFFSETS_TOPIC: &str = "__consumer_offsets";

pub(crate) struct OffsetsTopic {
    metadata: Arc<Metadata>,
    /// `offsets.topic.num.partitions`
    partitions: i32,
    /// `offsets.topic.segment.bytes`
    segment_bytes: i32,
}

impl OffsetsTopic {
    pub(crate) fn new(metadata: Arc<Metadata>, settings: &Settings) -> Self {
        Self {
            metadata,
            partitions: settings.offsets_topic_num_partitions,
            segment_bytes: settings.offsets_topic_segment_bytes,
        }
    }

    pub(crate) fn existing(&self) -> Option<Arc<Topic>> {
        self.metadata.topic(OFFSETS_TOPIC)
    }

    /// The partition that holds the group, if the topic exists.
    pub(crate) fn partition_of(&self, group: &str) -> Option<Arc<Partition>> {
        let topic = self.existing()?;
        topic.partitions.get(partition_index(group, topic.partitions.len())).cloned()
    }

    /// Makes the topic if it is not there.
    pub(crate) async fn ensure(&self) -> Result<(), GroupError> {
        if self.existing().is_some() {
            return Ok(());
        }
        let values = [
            ("cleanup.policy", "compact".to_owned()),
            ("compression.type", "producer".to_owned()),
            ("segment.bytes", self.segment_bytes.to_string()),
        ];
        let topic = NewTopic {
            name: OFFSETS_TOPIC.to_owned(),
            partitions: Partitions::Count(self.partitions),
            replication_factor: -1,
            values: values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<BTreeMap<_, _>>(),
        };
        self.metadata.ensure_topic(topic).await.map(drop).map_err(|error| {
            error!(%error, "{OFFSETS_TOPIC} cannot be created: groups are not served");
            GroupError::CoordinatorNotAvailable
        })
    }
}

/// Which partition holds a group: Kafka's `Utils.abs(groupId.hashCode()) % partitions`.
fn partition_index(group: &str, partitions: usize) -> usize {
    let hash =
        group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Java's absolute value of the smallest integer is no number of a partition; Kafka takes 0.
    let positive = usize::try_from(hash.checked_abs().unwrap_or(0)).unwrap_or(0);
    positive.checked_rem(partitions).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::partition_index;

    #[test]
    fn groups_lie_where_kafka_puts_them() {
        // The first was seen in Apache Kafka 4.3.1 with 4 partitions; the others are `"...".hashCode()` of Java.
        assert_eq!(partition_index("golden", 4), 3);
        assert_eq!(partition_index("golden", 50), 43);
        assert_eq!(partition_index("", 50), 0);
        assert_eq!(partition_index("polygenelubricants", 50), 0, "its hash is the smallest integer");
        assert_eq!(partition_index("ä", 1000), 228);
        assert_eq!(partition_index("😀", 2_000_000), 1_772_899);
    }
}
