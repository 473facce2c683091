//! What a processor does with a window store.

use std::any::TypeId;
use std::ops::{ControlFlow, RangeBounds};

use super::open::{Declared, Open, OpenStore, ReadOnly};
use crate::dsl::Element;
use crate::processor::{Headers, ProcessError};
use crate::store::WindowStore;
use crate::store::backend::Direction;
use crate::store::error::StoreError;
use crate::store::typed::window_factory;
use crate::window::{Window, Windowed};

impl<K: Element, V: Element> OpenStore for WindowStore<K, V> {
    type Key = Windowed<K>;
    type Value = V;

    fn declare(self) -> Declared {
        let spec = self.clone().uncached().spec_for_processors();
        let types = TypeId::of::<(Windowed<K>, V)>();
        Declared { spec, is_read: false, types, factory: window_factory(self) }
    }
}

/// Windows go by their starts, in milliseconds since 1970.
impl<K: Element, V: Element> ReadOnly<WindowStore<K, V>> {
    /// The value of a key in the window that starts at `start`.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn get(&self, key: &K, start: i64) -> Result<Option<V>, StoreError> {
        let windowed = Windowed::new(key.clone(), Window::of_size(start, 0));
        Ok(self.store().borrow().get(&windowed)?.map(|(value, _)| value))
    }

    /// The values of a key in the windows that start in `starts`, earliest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn fetch(&self, key: &K, starts: impl RangeBounds<i64>) -> Result<Vec<(Window, V)>, StoreError> {
        self.collect(key, &starts, Direction::Forward)
    }

    /// The same, latest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn reverse_fetch(
        &self,
        key: &K,
        starts: impl RangeBounds<i64>,
    ) -> Result<Vec<(Window, V)>, StoreError> {
        self.collect(key, &starts, Direction::Reverse)
    }

    /// The windows of every key that start in `starts`, by start, then by the bytes of the key. They are read into memory;
    /// [`visit`](Self::visit) does not.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn fetch_all(&self, starts: impl RangeBounds<i64>) -> Result<Vec<(Windowed<K>, V)>, StoreError> {
        let mut entries = Vec::new();
        self.visit(starts, |key, value, _| {
            entries.push((key, value));
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }

    /// Shows the windows of every key that start in `starts` one by one, with the time (ms) of their last update, until `visit`
    /// breaks. The store cannot be changed meanwhile.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn visit(
        &self,
        starts: impl RangeBounds<i64>,
        visit: impl FnMut(Windowed<K>, V, i64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.store().borrow().windows_in(&starts, None, visit)
    }

    fn collect(
        &self,
        key: &K,
        starts: &impl RangeBounds<i64>,
        direction: Direction,
    ) -> Result<Vec<(Window, V)>, StoreError> {
        let mut entries = Vec::new();
        self.store().borrow().windows_of(key, starts, direction, |window, value, _| {
            entries.push((window, value));
            ControlFlow::Continue(())
        })?;
        Ok(entries)
    }
}

/// As with a key-value store, updates carry the processor's time and wait for the next commit. A window that is older than the
/// retention takes nothing; what it was given since the last commit may be seen until the next.
impl<K: Element, V: Element> Open<WindowStore<K, V>> {
    /// Sets the value of a key in the window that starts at `start`.
    ///
    /// # Errors
    /// No window of the store starts there, the key has no bytes, or the store cannot be read.
    pub fn put(&mut self, key: &K, start: i64, value: V) -> Result<(), ProcessError> {
        self.replace(key, start, Some(value)).map(drop)
    }

    /// Removes a key from the window that starts at `start`, and returns the value that it had.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn delete(&mut self, key: &K, start: i64) -> Result<Option<V>, ProcessError> {
        self.replace(key, start, None)
    }

    fn replace(&self, key: &K, start: i64, value: Option<V>) -> Result<Option<V>, ProcessError> {
        let store = &mut *self.store().borrow_mut();
        let windows = store.spec()?;
        if start < 0 || start % windows.advance_ms != 0 {
            let (name, advance) = (store.name(), windows.advance_ms);
            let text =
                format!("the windows of store {name:?} start at multiples of {advance} ms, not at {start}");
            return Err(ProcessError::new(text));
        }
        let windowed = Windowed::new(key.clone(), Window::of_size(start, windows.size_ms));
        let index = store.load(&windowed)?;
        let entry = store.modify(index);
        entry.timestamp = self.time.get();
        entry.headers = Headers::default();
        Ok(std::mem::replace(&mut entry.value, value))
    }
}
