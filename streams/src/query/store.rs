use std::ops::{Bound, RangeBounds};
use std::sync::Arc;
use std::time::Duration;

use millstream_wire::murmur2::partition_for_key;

use super::asker::{Ask, Asker, Place};
use super::{Owners, Query, QueryError};
use crate::data::DataError;
use crate::serde::SerdeHandle;
use crate::store::KeyValueStore;
use crate::store::backend::end_of_prefix;
use crate::store::chunk::{Chunk, Read};
use crate::store::error::StoreError;
use crate::store::typed::{decode_timestamped, types};

/// A key-value store of a running application: what [`Streams::store`](crate::Streams::store) opens.
///
/// Unless it is [`routed`](Self::routed) it has what the tasks of this process have, and waits for nothing but its threads.
///
/// Answers are as fresh as the last processed batch. Entries are ordered by the bytes of their keys, as in Kafka's stores: texts
/// by their UTF-8, numbers by their big-endian bytes, so that negative ones come last.
pub struct StoreView<K: 'static, V: 'static> {
    asker: Asker,
    serdes: Serdes<K, V>,
    /// `None`: the hash of the key's bytes.
    partitioner: Option<Partitioner<K>>,
}

/// Where a key is among so many partitions, if its hash does not say.
pub(super) type Partitioner<K> = Arc<dyn Fn(&K, i32) -> i32 + Send + Sync>;

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
        let serdes = Serdes { key: store.key.clone(), value: store.value.clone() };
        Ok(Self { asker, serdes, partitioner: None })
    }

    /// The same store in all instances of the application, whichever has a key: asked over HTTP where the group's metadata says that
    /// it is, which takes that the others [listen](crate::runtime::AppBuilder::query_listen). A key is in the partition that the
    /// hash of its bytes gives, unless the store is [`partitioned_by`](Self::partitioned_by) something else; all are asked for it
    /// where the topology's own partitioners choose, or the topics that the tasks read are not equally wide. Ranges ask all
    /// instances and are merged in the order of the keys, chunk by chunk. While tasks move or an instance does not answer it is
    /// tried again, up to the [`timeout`](Self::timeout).
    pub fn routed(mut self) -> Self {
        self.asker.routed = true;
        self
    }

    /// How long a routed query may wait for instances and rebalances (10 s); a long answer waits as long for each of its chunks.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.asker.patience = timeout;
        self
    }

    /// Has a standby answer a routed query if who runs the task does not, one that is at most so many records behind (KIP-535).
    /// Answers then say how far behind they may be: [`Answer::staleness`](super::Answer::staleness).
    pub fn stale_ok(mut self, max_records: u64) -> Self {
        self.asker.stale = Some(max_records);
        self
    }

    /// The same store, for one that asks over HTTP.
    pub(super) fn if_stale(&self, max_records: Option<u64>) -> Self {
        Self { asker: self.asker.served(max_records), ..self.clone() }
    }

    /// Says in which of so many partitions a key is, where the topics that the store is made of are not partitioned by the hash of
    /// the key (the `StreamPartitioner` of `queryMetadataForKey`).
    pub fn partitioned_by(mut self, partition: impl Fn(&K, i32) -> i32 + Send + Sync + 'static) -> Self {
        self.partitioner = Some(Arc::new(partition));
        self
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
        let key = key.to_owned();
        let bytes = self.bytes(&key);
        let (asker, serdes, partitioner) =
            (self.asker.clone(), self.serdes.clone(), self.partitioner.clone());
        Query::new(async move {
            let (store, bytes) = (asker.store.clone(), bytes?);
            let place = place(&asker, partitioner, key, &serdes.key, &bytes);
            let read = Read::Get(bytes);
            let told = asker.collect(Ask { read, after: None, reverse: false, limit: 1, place }).await?;
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
        self.entries(Ok((with_prefix(prefix.as_ref()), None)), false, limit)
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
        self.asker.clone().count()
    }

    fn between(&self, keys: &impl RangeBounds<K>, reverse: bool, limit: usize) -> Query<Vec<(K, V)>> {
        self.entries(self.with_keys(keys).map(|read| (read, None)), reverse, limit)
    }

    /// What asks for the entries between two keys.
    pub(super) fn with_keys(&self, keys: &impl RangeBounds<K>) -> Result<Read, QueryError> {
        let bound = |bound: Bound<&K>| {
            Ok(match bound {
                Bound::Included(key) => Bound::Included(self.bytes(key)?),
                Bound::Excluded(key) => Bound::Excluded(self.bytes(key)?),
                Bound::Unbounded => Bound::Unbounded,
            })
        };
        bound(keys.start_bound()).and_then(|from| Ok(Read::Range(from, bound(keys.end_bound())?)))
    }

    pub(super) fn bytes(&self, key: &K) -> Result<Vec<u8>, QueryError> {
        key_bytes(&self.asker.store, &self.serdes.key, key)
    }

    /// What is asked for, the entries behind a key only if there is one.
    pub(super) fn entries(
        &self,
        asked: Result<(Read, Option<Vec<u8>>), QueryError>,
        reverse: bool,
        limit: usize,
    ) -> Query<Vec<(K, V)>> {
        let (asker, serdes) = (self.asker.clone(), self.serdes.clone());
        Query::new(async move {
            let store = asker.store.clone();
            let (read, after) = asked?;
            let told = asker.collect(Ask { read, after, reverse, limit, place: None }).await?;
            told.try_map(|chunk| serdes.entries(&store, chunk))
        })
    }
}

/// What asks for the entries whose keys begin with these bytes.
pub(super) fn with_prefix(prefix: &[u8]) -> Read {
    let end = end_of_prefix(prefix).map_or(Bound::Unbounded, Bound::Excluded);
    Read::Range(Bound::Included(prefix.to_vec()), end)
}

/// Where a key is: as the program says, or by the hash of its bytes, as Kafka's producers and ours have it. `None`: neither says.
pub(super) fn place<K: Send + 'static>(
    asker: &Asker,
    partitioner: Option<Partitioner<K>>,
    key: K,
    serde: &SerdeHandle<K>,
    bytes: &[u8],
) -> Option<Place> {
    match partitioner {
        Some(partitioner) => Some(Box::new(move |width| partitioner(&key, width))),
        None if asker.is_scattered() => None,
        None => {
            let hashed = bytes[..bytes.len() - serde.unpartitioned_suffix().min(bytes.len())].to_vec();
            Some(Box::new(move |width| partition_for_key(&hashed, width)))
        }
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

impl<K, V> Clone for StoreView<K, V> {
    fn clone(&self) -> Self {
        let Self { asker, serdes, partitioner } = self;
        Self { asker: asker.clone(), serdes: serdes.clone(), partitioner: partitioner.clone() }
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
