//! The names of files and directories, equal to Kafka's.

use std::fmt;
use std::path::{Path, PathBuf};

use millstream_wire::ids::{Offset, PartitionIndex};
use std::sync::Arc;

/// A partition of a topic. Prints as its directory is called: `topic-3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number.
    pub partition: PartitionIndex,
}

impl TopicPartition {
    /// A partition of a topic.
    pub fn new(topic: impl Into<Arc<str>>, partition: PartitionIndex) -> Self {
        Self { topic: topic.into(), partition }
    }

    /// The partition that lives in a directory of this name; `None` for directories that are not logs.
    pub(super) fn from_dir_name(name: &str) -> Option<Self> {
        let (topic, partition) = name.rsplit_once('-')?;
        let partition: i32 = partition.parse().ok().filter(|partition| *partition >= 0)?;
        (!topic.is_empty()).then(|| Self::new(topic, PartitionIndex(partition)))
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

impl hashbrown::Equivalent<TopicPartition> for (&str, PartitionIndex) {
    fn equivalent(&self, key: &TopicPartition) -> bool {
        self.0 == &*key.topic && self.1 == key.partition
    }
}

/// What a file of a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum FileKind {
    /// Record batches.
    Log,
    /// Sparse offset index.
    OffsetIndex,
    /// Sparse time index.
    TimeIndex,
    /// The producers as they were at this offset.
    Snapshot,
}

/// The files that make up a segment, the log itself last: while it has its name, the others may be missing.
pub(super) const SEGMENT_FILES: [FileKind; 3] = [FileKind::OffsetIndex, FileKind::TimeIndex, FileKind::Log];

/// A file that is to be removed once its readers are done.
pub(super) const DELETED: &str = "deleted";
/// A file that the cleaner is still writing.
pub(super) const CLEANED: &str = "cleaned";
/// A finished file of the cleaner's that is taking its place.
pub(super) const SWAP: &str = "swap";
/// A directory of a deleted partition.
pub(super) const DELETED_DIR: &str = "-delete";

pub(super) const EPOCHS_FILE: &str = "leader-epoch-checkpoint";
pub(super) const METADATA_FILE: &str = "partition.metadata";

impl FileKind {
    fn extension(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::OffsetIndex => "index",
            Self::TimeIndex => "timeindex",
            Self::Snapshot => "snapshot",
        }
    }

    pub(super) fn path(self, dir: &Path, base: Offset) -> PathBuf {
        dir.join(format!("{:020}.{}", base.0, self.extension()))
    }

    /// The kind and base offset of a file with this name, without the suffixes of cleaning and deletion.
    pub(super) fn of_name(name: &str) -> Option<(Self, Offset)> {
        let (digits, extension) = name.split_once('.')?;
        let kind = [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::Snapshot]
            .into_iter()
            .find(|kind| kind.extension() == extension)?;
        let base = (digits.len() == 20).then(|| digits.parse().ok())??;
        Some((kind, Offset(base)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let path = FileKind::TimeIndex.path(Path::new("/d"), Offset(4711));
        assert_eq!(path, Path::new("/d/00000000000000004711.timeindex"));
        assert_eq!(
            FileKind::of_name("00000000000000004711.timeindex"),
            Some((FileKind::TimeIndex, Offset(4711)))
        );
        for other in [
            "4711.log",
            "00000000000000004711.log.swap",
            "leader-epoch-checkpoint",
            "-0000000000000004711.log",
        ] {
            assert!(FileKind::of_name(other).is_none_or(|(_, base)| base.0 < 0), "{other}");
        }
    }

    #[test]
    fn directories_name_partitions() {
        let partition = TopicPartition::new("a-b", PartitionIndex(3));
        assert_eq!(TopicPartition::from_dir_name("a-b-3"), Some(partition.clone()));
        assert_eq!(partition.to_string(), "a-b-3");
        for other in ["plain", "-3", "a-x", "a--3", "a-0.1f-delete"] {
            assert!(
                TopicPartition::from_dir_name(other).is_none_or(|found| found.topic.ends_with('-')),
                "{other}"
            );
        }
    }
}
