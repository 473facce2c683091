//! A store that a test looks into.

use std::cell::RefCell;
use std::ops::{Bound, ControlFlow};
use std::rc::Rc;

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
    fn open(&self, task: &Task) -> Option<Self::Opened>;
}

impl<K: Clone, V: Clone> TestableStore for KeyValueStore<K, V> {
    type Opened = TestStore<K, V>;

    fn store_name(&self) -> &str {
        self.name().unwrap_or_default()
    }

    fn open(&self, task: &Task) -> Option<TestStore<K, V>> {
        task.store(self.store_name()).map(TestStore::new)
    }
}

/// The entries of a store as the topology left them.
pub struct TestStore<K: 'static, V: 'static> {
    store: Rc<RefCell<TypedStore<K, V>>>,
}

impl<K: Clone, V: Clone> TestStore<K, V> {
    pub(super) fn new(store: Rc<RefCell<TypedStore<K, V>>>) -> Self {
        Self { store }
    }

    /// The value of a key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn get(&self, key: impl Into<K>) -> Result<Option<V>, StoreError> {
        Ok(self.store.borrow().get(&key.into())?.map(|(value, _)| value))
    }

    /// All entries in the order of their keys' bytes.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn all(&self) -> Result<Vec<(K, V)>, StoreError> {
        let mut entries = Vec::new();
        let all = (Bound::Unbounded, Bound::Unbounded);
        self.store.borrow().scan(all, Direction::Forward, |key, value, _| {
            entries.push((key, value));
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }
}
