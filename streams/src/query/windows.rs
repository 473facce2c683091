use std::ops::{Bound, RangeBounds};

use super::asker::Asker;
use super::store::{Serdes, key_bytes};
use super::{Owners, Query, QueryError};
use crate::serde::SerdeHandle;
use crate::store::WindowStore;
use crate::store::chunk::Read;
use crate::store::typed::types;
use crate::store::window::key::StoreKey;
use crate::window::{Window, Windowed};

/// A window store of a running application, as far as its tasks run in this process. Windows are asked for by their starts,
/// in milliseconds; what is older than the store's retention is gone.
///
/// Answers are as fresh as the last processed batch.
pub struct WindowStoreView<K: 'static, V: 'static> {
    asker: Asker,
    key: SerdeHandle<K>,
    serdes: Serdes<Windowed<K>, V>,
}

impl<K, V> WindowStoreView<K, V>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
{
    pub(super) fn open(store: &WindowStore<K, V>, owners: Owners) -> Result<Self, QueryError> {
        let (asker, spec) = Asker::open(store.name(), types::<Windowed<K>, V>(), owners)?;
        let size_ms = spec.windows.map_or(0, |windows| windows.size_ms);
        let key = SerdeHandle::shared(StoreKey { key: store.key.clone(), size_ms });
        Ok(Self { asker, key: store.key.clone(), serdes: Serdes { key, value: store.value.clone() } })
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.asker.store
    }

    /// The value of a key in the window that starts at `start`; `None`: no task that was asked has it.
    pub fn get<Q>(&self, key: &Q, start: i64) -> Query<Option<V>>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        let found = self.of_key(key, &(start..=start), false).answer();
        Query::new(async move {
            Ok(found.await?.map(|windows| windows.into_iter().next().map(|(_, value)| value)))
        })
    }

    /// The values of a key in the windows whose starts lie in `starts`, earliest first:
    /// `store.fetch("/index.html", last(mins(10)))`.
    pub fn fetch<Q>(&self, key: &Q, starts: impl RangeBounds<i64>) -> Query<Vec<(Window, V)>>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        self.of_key(key, &starts, false)
    }

    /// The values of a key in the windows whose starts lie in `starts`, latest first (Kafka's `backwardFetch`).
    pub fn reverse_fetch<Q>(&self, key: &Q, starts: impl RangeBounds<i64>) -> Query<Vec<(Window, V)>>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        self.of_key(key, &starts, true)
    }

    /// The windows of every key whose starts lie in `starts`, by start, then by the bytes of the key, at most `limit` of them.
    pub fn fetch_all(&self, starts: impl RangeBounds<i64>, limit: usize) -> Query<Vec<(Windowed<K>, V)>> {
        self.of_all(None, &starts, false, limit)
    }

    /// As [`fetch_all`](Self::fetch_all), the last first (Kafka's `backwardFetchAll`).
    pub fn reverse_fetch_all(
        &self,
        starts: impl RangeBounds<i64>,
        limit: usize,
    ) -> Query<Vec<(Windowed<K>, V)>> {
        self.of_all(None, &starts, true, limit)
    }

    /// Every window, by start, then by the bytes of the key.
    pub fn all(&self) -> Query<Vec<(Windowed<K>, V)>> {
        self.fetch_all(.., usize::MAX)
    }

    /// Roughly how many windows there are; what has not been committed yet is not counted.
    pub fn approximate_count(&self) -> Query<u64> {
        let asker = self.asker.clone();
        Query::new(
            async move { Ok(asker.collect(Read::Count, None, false, 0).await?.map(|chunk| chunk.count)) },
        )
    }

    /// As [`fetch_all`](Self::fetch_all), what lies behind a window of a key only.
    pub(super) fn of_all(
        &self,
        behind: Option<Windowed<K>>,
        starts: &impl RangeBounds<i64>,
        reverse: bool,
        limit: usize,
    ) -> Query<Vec<(Windowed<K>, V)>> {
        let (asker, serdes) = (self.asker.clone(), self.serdes.clone());
        let behind = behind.map(|behind| key_bytes(&asker.store, &serdes.key, &behind)).transpose();
        let (first, last) = inclusive(starts);
        Query::new(async move {
            let store = asker.store.clone();
            let told = asker.collect(Read::WindowsIn { first, last }, behind?, reverse, limit).await?;
            told.try_map(|chunk| serdes.entries(&store, chunk))
        })
    }

    fn of_key<Q>(&self, key: &Q, starts: &impl RangeBounds<i64>, reverse: bool) -> Query<Vec<(Window, V)>>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        let (asker, serdes) = (self.asker.clone(), self.serdes.clone());
        let key = key_bytes(&asker.store, &self.key, &key.to_owned());
        let (first, last) = inclusive(starts);
        Query::new(async move {
            let store = asker.store.clone();
            let told =
                asker.collect(Read::WindowsOf { key: key?, first, last }, None, reverse, usize::MAX).await?;
            let entries = told.try_map(|chunk| serdes.entries(&store, chunk))?;
            Ok(entries.map(|entries| entries.into_iter().map(|(key, value)| (key.window, value)).collect()))
        })
    }
}

/// The first and the last start; the last is smaller where there is none.
fn inclusive(starts: &impl RangeBounds<i64>) -> (i64, i64) {
    let first = match starts.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_add(1),
        Bound::Unbounded => i64::MIN,
    };
    let last = match starts.end_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(start) => start.saturating_sub(1),
        Bound::Unbounded => i64::MAX,
    };
    (first, last)
}
