//! A window store that a test looks into.

use std::cell::RefCell;
use std::ops::{ControlFlow, RangeBounds};
use std::rc::Rc;

use crate::store::WindowStore;
use crate::store::backend::Direction;
use crate::store::error::StoreError;
use crate::store::typed::TypedStore;
use crate::task::Task;
use crate::window::{Window, Windowed};

use super::TestableStore;

/// The windows of a store as the topology left them, those that have expired left out.
pub struct TestWindowStore<K: 'static, V: 'static> {
    store: Rc<RefCell<TypedStore<Windowed<K>, V>>>,
}

impl<K: Clone, V: Clone> TestableStore for WindowStore<K, V> {
    type Opened = TestWindowStore<K, V>;

    fn store_name(&self) -> &str {
        self.name().unwrap_or_default()
    }

    fn open(&self, task: &Task) -> Option<TestWindowStore<K, V>> {
        task.store(self.store_name()).map(|store| TestWindowStore { store })
    }
}

impl<K: Clone, V: Clone> TestWindowStore<K, V> {
    /// The value of a key in the window that starts at `start` (ms).
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn get(&self, key: impl Into<K>, start: i64) -> Result<Option<V>, StoreError> {
        Ok(self.store.borrow().window(&key.into(), start)?.map(|(value, _)| value))
    }

    /// The values of a key in the windows whose starts (ms) lie in `starts`, in their order.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn fetch(
        &self,
        key: impl Into<K>,
        starts: impl RangeBounds<i64>,
    ) -> Result<Vec<(Window, V)>, StoreError> {
        let mut entries = Vec::new();
        self.store.borrow().windows_of(&key.into(), &starts, Direction::Forward, |window, value, _| {
            entries.push((window, value));
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }

    /// The windows of every key whose starts (ms) lie in `starts`, by start, then by the bytes of the key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn fetch_all(&self, starts: impl RangeBounds<i64>) -> Result<Vec<(Windowed<K>, V)>, StoreError> {
        let mut entries = Vec::new();
        self.store.borrow().windows_in(&starts, None, |key, value, _| {
            entries.push((key, value));
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }

    /// Every window, by start, then by the bytes of the key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn all(&self) -> Result<Vec<(Windowed<K>, V)>, StoreError> {
        self.fetch_all(..)
    }
}
