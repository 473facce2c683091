//! The parts of a topology that the runtime has to provide: stores, changelogs, repartition topics.

use super::TopicName;

/// A store of a sub-topology; every task of it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSpec {
    /// Its name in the topology and in queries.
    pub name: String,
    /// Where its bytes lie.
    pub medium: Medium,
    /// The topic it is rebuilt from; `None`: it starts empty after a restart.
    pub changelog: Option<TopicName>,
    /// Whether updates of a key between two commits are merged into one (the write-back cache).
    pub cached: bool,
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
