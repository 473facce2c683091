use std::marker::PhantomData;
use std::ops::{Bound, ControlFlow, RangeBounds};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::QueryError;
use crate::runtime::{LocalTasks, Mail, Mailbox};
use crate::serde::SerdeHandle;
use crate::store::backend::Direction;
use crate::store::error::StoreError;
use crate::store::typed::TypedStore;
use crate::task::Task;
use crate::topology::{Subtopology, Topology};

/// Entries that one visit of the owner reads; longer ranges come in several visits, with batches processed in between.
const CHUNK: usize = 1_000;

/// The stream threads of an application: whoever owns the tasks.
#[derive(Clone)]
pub struct Owners {
    pub(crate) threads: Arc<[Mailbox]>,
    /// The thread that fills the global tables.
    pub(crate) global: Arc<[Mailbox]>,
    pub(crate) topology: Topology,
}

/// A key-value store of a running application, as far as its tasks run in this process.
///
/// Answers are as fresh as the last processed batch. They work from any executor.
pub struct LocalStore<K: 'static, V: 'static> {
    name: Arc<str>,
    /// The sub-topology that has the store.
    part: u32,
    key: SerdeHandle<K>,
    owners: Owners,
    value: PhantomData<fn() -> V>,
}

/// What one thread answers, from each of its tasks that have the store; or why it cannot.
type Answer<T> = Result<Vec<T>, QueryError>;

impl<K, V> LocalStore<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    pub(super) fn open(name: Option<&str>, key: SerdeHandle<K>, owners: Owners) -> Result<Self, QueryError> {
        let name = name.unwrap_or_default();
        let mut owners = owners;
        let has_store = |part: &&Subtopology| part.stores.iter().any(|spec| spec.name == name);
        let topology = owners.topology.clone();
        let part = topology.subtopologies().iter().find(has_store).or_else(|| {
            owners.threads = Arc::clone(&owners.global);
            topology.globals().iter().find(has_store)
        });
        let part = part.ok_or_else(|| QueryError::UnknownStore(name.to_owned()))?.id;
        Ok(Self { name: name.into(), part, key, owners, value: PhantomData })
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of a key; `None`: no task here has it.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn get<Q>(&self, key: &Q) -> Result<Option<V>, QueryError>
    where
        Q: ToOwned<Owned = K> + ?Sized,
    {
        let key = key.to_owned();
        let found = self.ask(move |store| store.get(&key)).await?;
        Ok(found.into_iter().flatten().map(|(value, _)| value).next())
    }

    /// The entries between two keys, in the order of the keys' bytes, at most `limit` of them.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn range(&self, range: impl RangeBounds<K>, limit: usize) -> Result<Vec<(K, V)>, QueryError> {
        let range = (range.start_bound().cloned(), range.end_bound().cloned());
        self.collect(limit, move |store, after, wanted| chunk(store, &range, after, wanted)).await
    }

    /// Every entry, in the order of the keys' bytes.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn all(&self) -> Result<Vec<(K, V)>, QueryError> {
        self.range(.., usize::MAX).await
    }

    /// Roughly how many entries the tasks here have.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn approximate_count(&self) -> Result<u64, QueryError> {
        let counts = self.ask(|store| Ok(store.approximate_len())).await?;
        Ok(counts.into_iter().sum())
    }

    /// Asks for a chunk of every task, merges what all of them have told about, and goes on behind it. `read` is given the key
    /// to go on behind, and how many entries are wanted.
    pub(super) async fn collect<F>(&self, limit: usize, read: F) -> Result<Vec<(K, V)>, QueryError>
    where
        F: Fn(&TypedStore<K, V>, Option<&K>, usize) -> Result<Vec<(K, V)>, StoreError>,
        F: Clone + Send + 'static,
    {
        let mut collected = Vec::new();
        let mut after = None;
        loop {
            let wanted = CHUNK.min(limit - collected.len());
            let (read, behind) = (read.clone(), after.take());
            let chunks = self.ask(move |store| read(store, behind.as_ref(), wanted)).await?;
            let complete = chunks.iter().all(|chunk| chunk.len() < wanted);
            let mut merged = self.merge(chunks)?;
            // What lies behind the first `wanted` may interleave with what a full chunk has left out.
            if !complete {
                merged.truncate(wanted);
            }
            merged.truncate(limit - collected.len());
            let last = merged.last().map(|(key, _)| key.clone());
            collected.append(&mut merged);
            match last {
                Some(last) if !complete && collected.len() < limit => after = Some(last),
                _ => return Ok(collected),
            }
        }
    }

    fn merge(&self, chunks: Vec<Vec<(K, V)>>) -> Result<Vec<(K, V)>, QueryError> {
        let mut entries = Vec::new();
        for (key, value) in chunks.into_iter().flatten() {
            let mut bytes = Vec::new();
            let encoded = self.key.encode(&key, &mut bytes);
            encoded.map_err(|source| StoreError::Encode { store: self.name.to_string(), source })?;
            entries.push((bytes, (key, value)));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(entries.into_iter().map(|(_, entry)| entry).collect())
    }

    /// Runs `read` on the store of every task here, on the threads that own them.
    pub(super) async fn ask<T, F>(&self, read: F) -> Result<Vec<T>, QueryError>
    where
        T: Send + 'static,
        F: Fn(&TypedStore<K, V>) -> Result<T, StoreError> + Clone + Send + 'static,
    {
        let mut answers = Vec::new();
        for thread in self.owners.threads.iter() {
            let (reply, answer) = oneshot::channel();
            let (name, part, read) = (Arc::clone(&self.name), self.part, read.clone());
            let query = move |tasks: &LocalTasks<'_>| {
                // Nobody listens any more when the query was given up.
                let _ = reply.send(answer_of(tasks, part, &name, read));
            };
            thread.send(Mail::Query(Box::new(query))).await.map_err(|_| QueryError::Stopped)?;
            answers.push(answer);
        }
        let mut found = Vec::new();
        for answer in answers {
            found.extend(answer.await.map_err(|_| QueryError::Stopped)??);
        }
        if found.is_empty() {
            return Err(QueryError::NotHere(self.name.to_string()));
        }
        Ok(found)
    }
}

/// Half an answer would look like a whole one: while a task of the store is not ready there is none.
fn answer_of<K: 'static, V: 'static, T>(
    tasks: &LocalTasks<'_>,
    part: u32,
    name: &str,
    read: impl Fn(&TypedStore<K, V>) -> Result<T, StoreError>,
) -> Answer<T> {
    if !tasks.settled || tasks.restoring.iter().any(|task| task.subtopology == part) {
        return Err(QueryError::Rebalancing(name.to_owned()));
    }
    let owners = tasks.running.iter().filter(|task| task.id().subtopology == part);
    let read = |task: &&Task| {
        let store = task.store::<K, V>(name).ok_or_else(|| QueryError::OtherTypes(name.to_owned()))?;
        Ok(read(&store.borrow())?)
    };
    owners.map(read).collect()
}

fn chunk<K: Clone, V: Clone>(
    store: &TypedStore<K, V>,
    (from, to): &(Bound<K>, Bound<K>),
    after: Option<&K>,
    wanted: usize,
) -> Result<Vec<(K, V)>, StoreError> {
    let mut entries = Vec::new();
    let from = after.map_or_else(|| from.as_ref(), Bound::Excluded);
    store.range(from, to.as_ref(), Direction::Forward, |key, value, _timestamp| {
        if entries.len() < wanted {
            entries.push((key, value));
        }
        if entries.len() < wanted { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(entries)
}
