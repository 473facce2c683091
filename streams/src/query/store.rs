use std::ops::{Bound, RangeBounds};

use super::asker::Asker;
use super::{Answer, Owners, Query, QueryError};
use crate::data::DataError;
use crate::serde::SerdeHandle;
use crate::store::KeyValueStore;
use crate::store::backend::end_of_prefix;
use crate::store::chunk::{Chunk, Read};
use crate::store::error::StoreError;
use crate::store::typed::{decode_timestamped, types};

/// A key-value store of a running application, as far as its tasks run in this process.
///
/// Answers are as fresh as the last processed batch. Entries are ordered by the bytes of their keys, as in Kafka's stores: texts
/// by their UTF-8, numbers by their big-endian bytes, so that negative ones come last.
pub struct StoreView<K: 'static, V: 'static> {
    asker: Asker,
    serdes: Serdes<K, V>,
}

/// What the bytes of a store mean.
pub(super) struct Serdes<K: 'static, V: 'static> {
    pub(super) key: SerdeHandle<K>,
    pub(super) value: SerdeHandle<V>,
}

impl<K, V> StoreView<K, V>
where
    K: Clone + Send + 'static,
    V: Send + 'static,
{
    pub(super) fn open(store: &KeyValueStore<K, V>, owners: Owners) -> Result<Self, QueryError> {
        let (asker, _) = Asker::open(store.name(), types::<K, V>(), owners)?;
        Ok(Self { asker, serdes: Serdes { key: store.key.clone(), value: store.value.clone() } })
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.asker.store
    }

    /// The value of a key; `None`: no task that was asked has it.
    pub fn get<Q>(&self, key: &Q) -> Query<Option<V>>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        let bytes = key_bytes(&self.asker.store, &self.serdes.key, &key.to_owned());
        let (asker, serdes) = (self.asker.clone(), self.serdes.clone());
        Query::new(async move {
            let store = asker.store.clone();
            let told = asker.collect(Read::Get(bytes?), None, false, 1).await?;
            told.try_map(|chunk| {
                let found = chunk.entries.into_iter().next();
                found.map(|(_, value)| serdes.value(&store, &value)).transpose()
            })
        })
    }

    /// The entries between two keys, at most `limit` of them.
    pub fn range(&self, keys: impl RangeBounds<K>, limit: usize) -> Query<Vec<(K, V)>> {
        self.between(&keys, false, limit)
    }

    /// The entries between two keys, the last first, at most `limit` of them.
    pub fn reverse_range(&self, keys: impl RangeBounds<K>, limit: usize) -> Query<Vec<(K, V)>> {
        self.between(&keys, true, limit)
    }

    /// The entries whose keys' bytes begin with these, at most `limit` of them: texts are their UTF-8 (Kafka's `prefixScan`).
    pub fn prefix(&self, prefix: impl AsRef<[u8]>, limit: usize) -> Query<Vec<(K, V)>> {
        let prefix = prefix.as_ref();
        let end = end_of_prefix(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        self.entries(Ok(Read::Range(Bound::Included(prefix.to_vec()), end)), false, limit)
    }

    /// Every entry. They are all held in memory; [`range`](Self::range) reads as many as are wanted.
    pub fn all(&self) -> Query<Vec<(K, V)>> {
        self.range(.., usize::MAX)
    }

    /// Every entry, the last first.
    pub fn reverse_all(&self) -> Query<Vec<(K, V)>> {
        self.reverse_range(.., usize::MAX)
    }

    /// Roughly how many entries there are; what has not been committed yet is not counted.
    pub fn approximate_count(&self) -> Query<u64> {
        let asker = self.asker.clone();
        Query::new(
            async move { Ok(asker.collect(Read::Count, None, false, 0).await?.map(|chunk| chunk.count)) },
        )
    }

    fn between(&self, keys: &impl RangeBounds<K>, reverse: bool, limit: usize) -> Query<Vec<(K, V)>> {
        let bound = |bound: Bound<&K>| {
            Ok(match bound {
                Bound::Included(key) => Bound::Included(key_bytes(&self.asker.store, &self.serdes.key, key)?),
                Bound::Excluded(key) => Bound::Excluded(key_bytes(&self.asker.store, &self.serdes.key, key)?),
                Bound::Unbounded => Bound::Unbounded,
            })
        };
        let range =
            bound(keys.start_bound()).and_then(|from| Ok(Read::Range(from, bound(keys.end_bound())?)));
        self.entries(range, reverse, limit)
    }

    fn entries(&self, read: Result<Read, QueryError>, reverse: bool, limit: usize) -> Query<Vec<(K, V)>> {
        let (asker, serdes) = (self.asker.clone(), self.serdes.clone());
        Query::new(async move {
            let store = asker.store.clone();
            asker.collect(read?, None, reverse, limit).await?.try_map(|chunk| serdes.entries(&store, chunk))
        })
    }
}

/// The bytes of a key; a null has none.
pub(super) fn key_bytes<K>(store: &str, serde: &SerdeHandle<K>, key: &K) -> Result<Vec<u8>, QueryError> {
    let mut bytes = Vec::new();
    let encoded = match serde.encode(key, &mut bytes) {
        Ok(true) => Ok(bytes),
        Ok(false) => Err(DataError::Null),
        Err(error) => Err(error),
    };
    encoded.map_err(|source| StoreError::Encode { store: store.to_owned(), source }.into())
}

impl<T> Answer<T> {
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: map(self.value), position: self.position }
    }

    pub(super) fn try_map<U, E>(self, map: impl FnOnce(T) -> Result<U, E>) -> Result<Answer<U>, E> {
        Ok(Answer { value: map(self.value)?, position: self.position })
    }
}

impl<K, V> Clone for Serdes<K, V> {
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), value: self.value.clone() }
    }
}

impl<K, V> Serdes<K, V> {
    pub(super) fn value(&self, store: &str, bytes: &[u8]) -> Result<V, QueryError> {
        Ok(decode_timestamped(store, &self.value, bytes)?.0)
    }

    pub(super) fn entries(&self, store: &str, chunk: Chunk) -> Result<Vec<(K, V)>, QueryError> {
        let decode = |(key, value): (Vec<u8>, Vec<u8>)| {
            let key = self
                .key
                .decode(Some(&key))
                .map_err(|error| StoreError::Corrupt { store: store.to_owned(), what: error.to_string() })?;
            Ok((key, self.value(store, &value)?))
        };
        chunk.entries.into_iter().map(decode).collect()
    }
}
