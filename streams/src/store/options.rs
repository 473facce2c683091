//! How a store is kept, whatever it holds.

use std::sync::Arc;

use super::tuning::RocksOptions;
use crate::topology::{Medium, StoreSpec, TopicName, WindowSpec};

/// What a program may choose of a store of any kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoreOptions {
    /// Where its bytes lie.
    pub(crate) medium: Medium,
    /// Whether updates of a key between two commits are merged into one.
    pub(crate) cached: bool,
    /// Whether it has a changelog.
    pub(crate) logged: bool,
    /// Configurations of that topic.
    pub(crate) changelog_configs: &'static [(&'static str, &'static str)],
    /// How RocksDB keeps it.
    pub(crate) rocksdb: RocksOptions,
}

impl StoreOptions {
    /// On disk, with a write-back cache and a changelog topic.
    pub(crate) const DEFAULT: Self = Self {
        medium: Medium::Disk,
        cached: true,
        logged: true,
        changelog_configs: &[],
        rocksdb: RocksOptions::new(),
    };

    /// The store of these options under its final name.
    pub(crate) fn spec(self, name: String, windows: Option<WindowSpec>) -> StoreSpec {
        let Self { medium, cached, logged, changelog_configs, rocksdb } = self;
        let changelog = logged.then(|| TopicName::Internal(Arc::from(format!("{name}-changelog"))));
        StoreSpec {
            name,
            medium,
            changelog,
            changelog_is_source: false,
            cached,
            windows,
            changelog_configs,
            rocksdb,
        }
    }
}
