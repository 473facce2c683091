//! Which partitions a record goes to, where the hash of its key is not to decide.

use std::sync::Arc;

/// What a partitioner says (Kafka's `StreamPartitioner.partitions`). It is made of a number, of an `Option` of one, or of a
/// vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Partitions {
    /// The one that the hash of the key's bytes gives, as every Kafka client computes it.
    Default,
    /// This one.
    One(i32),
    /// A copy to each of these; none at all drops the record, which is counted.
    Each(Vec<i32>),
}

impl From<i32> for Partitions {
    fn from(partition: i32) -> Self {
        Self::One(partition)
    }
}

impl From<Option<i32>> for Partitions {
    fn from(partition: Option<i32>) -> Self {
        partition.map_or(Self::Default, Self::One)
    }
}

impl From<Vec<i32>> for Partitions {
    fn from(partitions: Vec<i32>) -> Self {
        Self::Each(partitions)
    }
}

/// Chooses by key, value and the number of partitions that the topic has.
pub(super) type Partitioner<K, V> = Arc<dyn Fn(&K, &V, i32) -> Partitions + Send + Sync>;

/// A partitioner of a closure's.
pub(super) fn partitioner<K, V, P: Into<Partitions>>(
    choose: impl Fn(&K, &V, i32) -> P + Send + Sync + 'static,
) -> Partitioner<K, V> {
    Arc::new(move |key, value, partitions| choose(key, value, partitions).into())
}
