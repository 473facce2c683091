use std::ops::{Bound, ControlFlow, RangeBounds};

use super::{LocalStore, Owners, QueryError};
use crate::serde::SerdeHandle;
use crate::store::WindowStore;
use crate::store::backend::Direction;
use crate::store::error::StoreError;
use crate::store::typed::TypedStore;
use crate::store::window::key::StoreKey;
use crate::window::{Window, Windowed};

/// A window store of a running application, as far as its tasks run in this process. Windows are asked for by their starts,
/// in milliseconds; what is older than the store's retention is gone.
///
/// Answers are as fresh as the last processed batch. They work from any executor.
pub struct LocalWindowStore<K: 'static, V: 'static>(LocalStore<Windowed<K>, V>);

/// Starts of windows, in a form that can be sent.
type Starts = (Bound<i64>, Bound<i64>);

impl<K, V> LocalWindowStore<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    pub(super) fn open(store: &WindowStore<K, V>, owners: Owners) -> Result<Self, QueryError> {
        // Only encodes, to merge what several tasks answer: the size of the windows is not among the bytes.
        let key = SerdeHandle::shared(StoreKey { key: store.key.clone(), size_ms: 0 });
        LocalStore::open(store.name(), key, owners).map(Self)
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The value of a key in the window that starts at `start`; `None`: no task here has it.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn get<Q>(&self, key: &Q, start: i64) -> Result<Option<V>, QueryError>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        let key = key.to_owned();
        let found = self.0.ask(move |store| store.window(&key, start)).await?;
        Ok(found.into_iter().flatten().map(|(value, _)| value).next())
    }

    /// The values of a key in the windows whose starts lie in `starts`, earliest first:
    /// `store.fetch("/index.html", last(mins(10)))`.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn fetch<Q>(
        &self,
        key: &Q,
        starts: impl RangeBounds<i64>,
    ) -> Result<Vec<(Window, V)>, QueryError>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        let (key, starts) = (key.to_owned(), sendable(&starts));
        let found = self.0.ask(move |store| windows_of(store, &key, starts)).await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The windows of every key whose starts lie in `starts`, by start, then by the bytes of the key, at most `limit` of them.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn fetch_all(
        &self,
        starts: impl RangeBounds<i64>,
        limit: usize,
    ) -> Result<Vec<(Windowed<K>, V)>, QueryError> {
        self.fetch_behind(None, starts, limit).await
    }

    /// Every window, by start, then by the bytes of the key.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn all(&self) -> Result<Vec<(Windowed<K>, V)>, QueryError> {
        self.fetch_all(.., usize::MAX).await
    }

    /// Roughly how many windows the tasks here have.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn approximate_count(&self) -> Result<u64, QueryError> {
        self.0.approximate_count().await
    }

    /// As [`fetch_all`](Self::fetch_all), what lies behind `first` only.
    pub(super) async fn fetch_behind(
        &self,
        first: Option<Windowed<K>>,
        starts: impl RangeBounds<i64>,
        limit: usize,
    ) -> Result<Vec<(Windowed<K>, V)>, QueryError> {
        let starts = sendable(&starts);
        let read = move |store: &TypedStore<_, _>, after: Option<&Windowed<K>>, wanted| {
            chunk(store, starts, after.or(first.as_ref()), wanted)
        };
        self.0.collect(limit, read).await
    }
}

fn sendable(starts: &impl RangeBounds<i64>) -> Starts {
    (starts.start_bound().cloned(), starts.end_bound().cloned())
}

/// One visit reads all: the windows of a key are as many as fit into the retention.
fn windows_of<K: Clone, V: Clone>(
    store: &TypedStore<Windowed<K>, V>,
    key: &K,
    starts: Starts,
) -> Result<Vec<(Window, V)>, StoreError> {
    let mut found = Vec::new();
    store.windows_of(key, &starts, Direction::Forward, |window, value, _timestamp| {
        found.push((window, value));
        ControlFlow::Continue(())
    })?;
    Ok(found)
}

fn chunk<K: Clone, V: Clone>(
    store: &TypedStore<Windowed<K>, V>,
    starts: Starts,
    after: Option<&Windowed<K>>,
    wanted: usize,
) -> Result<Vec<(Windowed<K>, V)>, StoreError> {
    let mut entries = Vec::new();
    store.windows_in(&starts, after, |key, value, _timestamp| {
        if entries.len() < wanted {
            entries.push((key, value));
        }
        if entries.len() < wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(entries)
}
