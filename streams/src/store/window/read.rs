//! Reading windows past the node that makes them.

use std::ops::{Bound, ControlFlow, RangeBounds};

use crate::store::backend::Direction;
use crate::store::error::StoreError;
use crate::store::typed::TypedStore;
use crate::topology::WindowSpec;
use crate::window::{Window, Windowed};

use super::{key, live_from};

impl<K: Clone, V: Clone> TypedStore<Windowed<K>, V> {
    /// The value of a key in the window that starts at `start` (ms), and the event time of its last update.
    ///
    /// # Errors
    /// The key has no bytes, or the backend cannot be read.
    pub fn window(&self, key: &K, start: i64) -> Result<Option<(V, i64)>, StoreError> {
        if self.live(&(start..=start)).is_none() {
            return Ok(None);
        }
        self.get(&Windowed::new(key.clone(), Window::of_size(start, 0)))
    }

    /// Visits the windows of all keys whose starts (ms) lie in `starts`, by start, then by the bytes of the key, until `visit`
    /// breaks; those behind `after` only, if there is one.
    ///
    /// # Errors
    /// The backend cannot be read, or holds what does not decode.
    pub fn windows_in(
        &self,
        starts: &impl RangeBounds<i64>,
        after: Option<&Windowed<K>>,
        visit: impl FnMut(Windowed<K>, V, i64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let Some((first, last)) = self.live(starts) else { return Ok(()) };
        self.windows_between(first, last, after, visit)
    }

    /// As [`windows_in`](Self::windows_in), but windows that only what the cache has not written yet would make expire are
    /// there too: they are about to close.
    pub(crate) fn windows_between(
        &self,
        first: i64,
        last: i64,
        after: Option<&Windowed<K>>,
        visit: impl FnMut(Windowed<K>, V, i64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        // No window starts at the last millisecond there is, since it would be empty.
        let (first, behind) = (first.to_be_bytes(), last.saturating_add(1).to_be_bytes());
        let after = after.map(|after| self.key_bytes(after)).transpose()?;
        let from = match &after {
            Some(after) if after[..] > first[..] => Bound::Excluded(&after[..]),
            _ => Bound::Included(&first[..]),
        };
        self.scan((from, Bound::Excluded(&behind)), Direction::Forward, visit)
    }

    /// Visits the windows of a key whose starts (ms) lie in `starts`, until `visit` breaks.
    ///
    /// # Errors
    /// The key has no bytes, the backend cannot be read, or holds what does not decode.
    pub fn windows_of(
        &self,
        key: &K,
        starts: &impl RangeBounds<i64>,
        direction: Direction,
        mut visit: impl FnMut(Window, V, i64) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let Some((first, last)) = self.live(starts) else { return Ok(()) };
        let WindowSpec { advance_ms, size_ms, .. } = self.spec()?;
        // Windows are looked up where they may start: between two of one key lie those of all others.
        let mut candidates = (first.saturating_add(advance_ms - 1) / advance_ms..=last / advance_ms)
            .map(|nth| nth * advance_ms);
        let mut next = || match direction {
            Direction::Forward => candidates.next(),
            Direction::Reverse => candidates.next_back(),
        };
        let mut windowed = Windowed::new(key.clone(), Window::of_size(0, size_ms));
        while let Some(start) = next() {
            windowed.window = Window::of_size(start, size_ms);
            if let Some((value, timestamp)) = self.get(&windowed)?
                && visit(windowed.window, value, timestamp).is_break()
            {
                break;
            }
        }
        Ok(())
    }
}

impl<K, V> TypedStore<K, V> {
    /// The first and the last start in `starts` that has not expired; `None`: there is none.
    pub(crate) fn live(&self, starts: &impl RangeBounds<i64>) -> Option<(i64, i64)> {
        let first = match starts.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.checked_add(1)?,
            Bound::Unbounded => 0,
        };
        let last = match starts.end_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.checked_sub(1)?,
            Bound::Unbounded => i64::MAX,
        };
        let newest = self.newest_window();
        let retention_ms = self.windows?.retention_ms;
        let (first, last) = (first.max(live_from(newest, retention_ms)), last.min(newest));
        (first <= last).then_some((first, last))
    }

    /// The latest start (ms) that the cache or the backend knows.
    fn newest_window(&self) -> i64 {
        let unwritten = self.cache.unwritten_entries().map(|entry| key::start(&entry.bytes));
        unwritten.max().unwrap_or(-1).max(self.backend.newest_window())
    }

    /// Its windows.
    ///
    /// # Errors
    /// It is no window store.
    pub(crate) fn spec(&self) -> Result<WindowSpec, StoreError> {
        let what = || "it has no windows".to_owned();
        self.windows.ok_or_else(|| StoreError::Corrupt { store: self.name.clone(), what: what() })
    }
}
