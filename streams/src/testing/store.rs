//! A store that a test looks into.

use std::cell::{Ref, RefCell};
use std::ops::{Bound, ControlFlow};
use std::rc::Rc;

use super::TestError;
use crate::store::KeyValueStore;
use crate::store::backend::Direction;
use crate::store::error::StoreError;
use crate::store::typed::TypedStore;
use crate::task::Task;

/// The typed name of a store, and what a test sees of it.
pub trait TestableStore {
    /// What [`TestDriver::store`](super::TestDriver::store) returns.
    type Opened;

    #[doc(hidden)]
    fn store_name(&self) -> &str;

    #[doc(hidden)]
    fn open(&self, tasks: &[Task]) -> Option<Self::Opened>;
}

impl<K: Clone, V: Clone> TestableStore for KeyValueStore<K, V> {
    type Opened = TestStore<K, V>;

    fn store_name(&self) -> &str {
        self.name().unwrap_or_default()
    }

    fn open(&self, tasks: &[Task]) -> Option<TestStore<K, V>> {
        Shards::open(self.store_name(), tasks).map(|shards| TestStore { shards })
    }
}

/// What a task has of a store.
type Shard<K, V> = Rc<RefCell<TypedStore<K, V>>>;

/// What the tasks have of one store.
pub(super) struct Shards<K: 'static, V: 'static> {
    name: String,
    /// By partition.
    stores: Vec<(i32, Shard<K, V>)>,
}

impl<K: 'static, V: 'static> Shards<K, V> {
    /// `None`: no task has such a store.
    pub(super) fn open(name: &str, tasks: &[Task]) -> Option<Self> {
        let stores = tasks.iter().filter_map(|task| Some((task.id().partition, task.store(name)?)));
        let stores: Vec<_> = stores.collect();
        (!stores.is_empty()).then(|| Self { name: name.to_owned(), stores })
    }

    pub(super) fn of_partition(mut self, partition: i32) -> Result<Self, TestError> {
        self.stores.retain(|(known, _)| *known == partition);
        if self.stores.is_empty() {
            return Err(TestError::UnknownPartition { topic: self.name, partition });
        }
        Ok(self)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Ref<'_, TypedStore<K, V>>> {
        self.stores.iter().map(|(_, store)| store.borrow())
    }
}

/// The entries of a store as the topology left them, over all of its partitions.
pub struct TestStore<K: 'static, V: 'static> {
    shards: Shards<K, V>,
}

impl<K: Clone, V: Clone> TestStore<K, V> {
    /// The entries of one partition alone.
    ///
    /// # Errors
    /// The store has no such partition.
    pub fn partition(self, partition: i32) -> Result<Self, TestError> {
        Ok(Self { shards: self.shards.of_partition(partition)? })
    }

    /// The value of a key; should several partitions have it, that of the first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn get(&self, key: impl Into<K>) -> Result<Option<V>, StoreError> {
        let key = key.into();
        let found = self.shards.iter().find_map(|store| store.get(&key).transpose()).transpose()?;
        Ok(found.map(|(value, _)| value))
    }

    /// All entries, partition by partition, in the order of their keys' bytes.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn all(&self) -> Result<Vec<(K, V)>, StoreError> {
        let mut entries = Vec::new();
        let all = (Bound::Unbounded, Bound::Unbounded);
        for store in self.shards.iter() {
            store.scan(all, Direction::Forward, |key, value, _| {
                entries.push((key, value));
                ControlFlow::Continue(())
            })?;
        }
        Ok(entries)
    }
}
