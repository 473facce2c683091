//! A window store that a test looks into.

use std::ops::{ControlFlow, RangeBounds};

use crate::store::WindowStore;
use crate::store::backend::Direction;
use crate::store::error::StoreError;
use crate::task::Task;
use crate::window::{Window, Windowed};

use super::store::Shards;
use super::{TestError, TestableStore};

/// The windows of a store as the topology left them, over all of its partitions; those that have expired are left out.
pub struct TestWindowStore<K: 'static, V: 'static> {
    shards: Shards<Windowed<K>, V>,
}

impl<K: Clone, V: Clone> TestableStore for WindowStore<K, V> {
    type Opened = TestWindowStore<K, V>;

    fn store_name(&self) -> &str {
        self.name().unwrap_or_default()
    }

    fn open(&self, tasks: &[Task]) -> Option<TestWindowStore<K, V>> {
        Shards::open(self.store_name(), tasks).map(|shards| TestWindowStore { shards })
    }
}

impl<K: Clone, V: Clone> TestWindowStore<K, V> {
    /// The windows of one partition alone.
    ///
    /// # Errors
    /// The store has no such partition.
    pub fn partition(self, partition: i32) -> Result<Self, TestError> {
        Ok(Self { shards: self.shards.of_partition(partition)? })
    }

    /// The value of a key in the window that starts at `start` (ms); should several partitions have it, that of the first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn get(&self, key: impl Into<K>, start: i64) -> Result<Option<V>, StoreError> {
        let key = key.into();
        let found = self.shards.iter().find_map(|store| store.window(&key, start).transpose()).transpose()?;
        Ok(found.map(|(value, _)| value))
    }

    /// The values of a key in the windows whose starts (ms) lie in `starts`, partition by partition, in their order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn fetch(
        &self,
        key: impl Into<K>,
        starts: impl RangeBounds<i64>,
    ) -> Result<Vec<(Window, V)>, StoreError> {
        let key = key.into();
        let mut entries = Vec::new();
        for store in self.shards.iter() {
            store.windows_of(&key, &starts, Direction::Forward, |window, value, _| {
                entries.push((window, value));
                ControlFlow::Continue(())
            })?;
        }
        Ok(entries)
    }

    /// The windows of every key whose starts (ms) lie in `starts`, partition by partition, by start, then by the bytes of the
    /// key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn fetch_all(&self, starts: impl RangeBounds<i64>) -> Result<Vec<(Windowed<K>, V)>, StoreError> {
        let mut entries = Vec::new();
        for store in self.shards.iter() {
            store.windows_in(&starts, None, |key, value, _| {
                entries.push((key, value));
                ControlFlow::Continue(())
            })?;
        }
        Ok(entries)
    }

    /// Every window, in the same order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn all(&self) -> Result<Vec<(Windowed<K>, V)>, StoreError> {
        self.fetch_all(..)
    }
}
