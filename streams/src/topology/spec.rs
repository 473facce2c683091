//! The parts of a topology that the runtime has to provide: stores, changelogs, repartition topics.

use super::TopicName;
use crate::store::RocksOptions;

/// A store of a sub-topology; every task of it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSpec {
    /// Its name in the topology and in queries.
    pub name: String,
    /// Where its bytes lie.
    pub medium: Medium,
    /// The topic it is rebuilt from; `None`: it starts empty after a restart.
    pub changelog: Option<TopicName>,
    /// Whether that is the very topic that the store's table reads, which the store does not write then.
    pub changelog_is_source: bool,
    /// Whether updates of a key between two commits are merged into one (the write-back cache).
    pub cached: bool,
    /// Its windows, if it is a window store.
    pub windows: Option<WindowSpec>,
    /// Configurations of the changelog that the program has chosen.
    pub changelog_configs: &'static [(&'static str, &'static str)],
    /// How RocksDB keeps it, if it is on disk.
    pub rocksdb: RocksOptions,
}

/// What a window store keeps, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSpec {
    /// How long a window is (ms), which its entries do not say.
    pub size_ms: i64,
    /// Windows start at multiples of this (ms).
    pub advance_ms: i64,
    /// A window that starts this long (ms) before the latest one is gone.
    pub retention_ms: i64,
    /// How much time (ms) a segment covers; on disk what has expired is deleted by whole segments.
    pub segment_ms: i64,
}

/// Where the bytes of a store lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Medium {
    /// On disk, in RocksDB.
    #[default]
    Disk,
    /// In memory, rebuilt from the changelog at every start.
    Memory,
}

/// Topics whose partition counts must be equal, because the records of one key meet in a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopartitionGroup(pub Vec<TopicName>);
