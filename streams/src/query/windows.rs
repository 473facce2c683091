use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::time::Duration;

use super::asker::{Ask, Asker};
use super::store::{Partitioner, Serdes, key_bytes, place};
use super::{Owners, Query, QueryError};
use crate::serde::SerdeHandle;
use crate::store::WindowStore;
use crate::store::chunk::Read;
use crate::store::typed::types;
use crate::store::window::key::StoreKey;
use crate::window::{Window, Windowed};

/// A window store of a running application: what [`Streams::store`](crate::Streams::store) opens. Windows are asked for by their
/// starts, in milliseconds; what is older than the store's retention is gone.
///
/// Unless it is [`routed`](Self::routed) it has what the tasks of this process have, and waits for nothing but its threads.
/// Answers are as fresh as the last processed batch.
pub struct WindowStoreView<K: 'static, V: 'static> {
    asker: Asker,
    key: SerdeHandle<K>,
    serdes: Serdes<Windowed<K>, V>,
    /// `None`: the hash of the key's bytes.
    partitioner: Option<Partitioner<K>>,
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
        let serdes = Serdes { key, value: store.value.clone() };
        Ok(Self { asker, key: store.key.clone(), serdes, partitioner: None })
    }

    /// The same store in all instances, as [`StoreView::routed`](super::StoreView::routed).
    pub fn routed(mut self) -> Self {
        self.asker.routed = true;
        self
    }

    /// How long a routed query may wait, as [`StoreView::timeout`](super::StoreView::timeout).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.asker.patience = timeout;
        self
    }

    /// Has a standby answer if need be, as [`StoreView::stale_ok`](super::StoreView::stale_ok).
    pub fn stale_ok(mut self, max_records: u64) -> Self {
        self.asker.stale = Some(max_records);
        self
    }

    /// The same store, for one that asks over HTTP.
    pub(super) fn if_stale(&self, max_records: Option<u64>) -> Self {
        Self { asker: self.asker.served(max_records), ..self.clone() }
    }

    /// Says in which of so many partitions a key is, as [`StoreView::partitioned_by`](super::StoreView::partitioned_by).
    pub fn partitioned_by(mut self, partition: impl Fn(&K, i32) -> i32 + Send + Sync + 'static) -> Self {
        self.partitioner = Some(Arc::new(partition));
        self
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
        let found = self.of_key(key, &(start..=start), false, usize::MAX).answer();
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
        self.of_key(key, &starts, false, usize::MAX)
    }

    /// The values of a key in the windows whose starts lie in `starts`, latest first (Kafka's `backwardFetch`).
    pub fn reverse_fetch<Q>(&self, key: &Q, starts: impl RangeBounds<i64>) -> Query<Vec<(Window, V)>>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        self.of_key(key, &starts, true, usize::MAX)
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
        self.asker.clone().count()
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
            let read = Read::WindowsIn { first, last };
            let told = asker.collect(Ask { read, after: behind?, reverse, limit, place: None }).await?;
            told.try_map(|chunk| serdes.entries(&store, chunk))
        })
    }

    /// The windows of a key, at most `limit` of them.
    pub(super) fn of_key<Q>(
        &self,
        key: &Q,
        starts: &impl RangeBounds<i64>,
        reverse: bool,
        limit: usize,
    ) -> Query<Vec<(Window, V)>>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        let key = key.to_owned();
        let bytes = key_bytes(&self.asker.store, &self.key, &key);
        let (asker, serdes, serde) = (self.asker.clone(), self.serdes.clone(), self.key.clone());
        let (partitioner, (first, last)) = (self.partitioner.clone(), inclusive(starts));
        Query::new(async move {
            let (store, bytes) = (asker.store.clone(), bytes?);
            let place = place(&asker, partitioner, key, &serde, &bytes);
            let read = Read::WindowsOf { key: bytes, first, last };
            let told = asker.collect(Ask { read, after: None, reverse, limit, place }).await?;
            let entries = told.try_map(|chunk| serdes.entries(&store, chunk))?;
            Ok(entries.map(|entries| entries.into_iter().map(|(key, value)| (key.window, value)).collect()))
        })
    }
}

impl<K, V> Clone for WindowStoreView<K, V> {
    fn clone(&self) -> Self {
        let Self { asker, key, serdes, partitioner } = self;
        let (asker, key) = (asker.clone(), key.clone());
        Self { asker, key, serdes: serdes.clone(), partitioner: partitioner.clone() }
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
