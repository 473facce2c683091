use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::owners::{Question, Told};
use super::{Owners, Query, QueryError, routed};
use crate::store::chunk::{MAX_ENTRIES, Page, Read};
use crate::topology::{StoreSpec, StoreTypes, Subtopology};

/// How long a chunk of a routed answer may take unless the program says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of keys and values that one JSON has at most, but for those of a chunk.
const MAX_SERVED_BYTES: usize = 8 << 20;

/// Asks for a store as bytes: what the typed stores have in common.
#[derive(Clone)]
pub(crate) struct Asker {
    pub(crate) store: Arc<str>,
    /// The sub-topology that has the store.
    part: u32,
    owners: Owners,
    /// Whether every instance is asked, or this one alone.
    pub(super) routed: bool,
    /// How long a chunk of a routed answer may take.
    pub(super) patience: Duration,
    /// How many records behind a standby may be to answer; `None`: standbys are not asked.
    pub(super) stale: Option<u64>,
    /// Bytes of keys and values behind which an answer ends; the chunk that exceeds them is the last.
    pub(super) max_bytes: usize,
}

/// What is asked through an [`Asker`].
pub(super) struct Ask {
    pub(super) read: Read,
    /// The key to begin behind.
    pub(super) after: Option<Vec<u8>>,
    pub(super) reverse: bool,
    pub(super) limit: usize,
    /// The one partition that can have it; `None`: any, or nobody can say.
    pub(super) place: Option<Place>,
}

/// Where a key is among so many partitions.
pub(super) type Place = Box<dyn FnOnce(i32) -> i32 + Send>;

impl Asker {
    /// A store of the topology, of these types; says what it is.
    pub(super) fn open(
        name: Option<&str>,
        types: StoreTypes,
        owners: Owners,
    ) -> Result<(Self, StoreSpec), QueryError> {
        let name = name.unwrap_or_default();
        let topology = owners.topology.clone();
        let parts = || topology.subtopologies().iter().chain(topology.globals());
        let spec = |part: &'_ Subtopology| part.stores.iter().find(|spec| spec.name == name).cloned();
        let found = parts().find_map(|part| Some((part.id, spec(part)?)));
        let Some((part, spec)) = found else {
            return Err(QueryError::unknown(name, owners.stores()));
        };
        let graph = topology.graph();
        let has = graph.store_named(name).map(|store| graph.store(store).1.types);
        if let Some(has) = has.filter(|has| has.id != types.id) {
            let (has, asked) = (has.to_string(), types.to_string());
            return Err(QueryError::OtherTypes { store: name.to_owned(), has, asked });
        }
        let asker = Self {
            store: name.into(),
            part,
            owners,
            routed: false,
            patience: PATIENCE,
            stale: None,
            max_bytes: usize::MAX,
        };
        Ok((asker, spec))
    }

    /// The same store, for an answer that is shown as JSON; `stale` as the field.
    pub(super) fn served(&self, stale: Option<u64>) -> Self {
        Self { stale, max_bytes: MAX_SERVED_BYTES, ..self.clone() }
    }

    /// Whether a partitioner of the program's chooses the tasks that have a key, so that its hash does not say which.
    pub(super) fn is_scattered(&self) -> bool {
        self.owners.topology.is_scattered(self.part)
    }

    /// At most as many entries as are wanted, chunk by chunk.
    pub(super) async fn collect(self, ask: Ask) -> Result<Told, QueryError> {
        // Every process has all of a global table.
        if !self.routed || self.owners.is_global(self.part) {
            return Self { routed: false, ..self }.chunks(ask).await;
        }
        // It takes timers and sockets, and the program's executor may have none.
        let runtime = self.owners.runtime.clone();
        let mut asking = AbortOnDrop(runtime.spawn(self.chunks(ask)));
        (&mut asking.0).await.unwrap_or(Err(QueryError::Stopped))
    }

    /// Roughly how many entries there are.
    pub(super) fn count(self) -> Query<u64> {
        let ask = Ask { read: Read::Count, after: None, reverse: false, limit: 0, place: None };
        Query::new(async move { Ok(self.collect(ask).await?.map(|chunk| chunk.count)) })
    }

    async fn chunks(self, ask: Ask) -> Result<Told, QueryError> {
        let Ask { read, after, reverse, limit, place } = ask;
        let Self { store, part, owners, routed, patience, stale, max_bytes } = self;
        let page = Page { after, reverse, limit: limit.min(MAX_ENTRIES) };
        let mut question = Question { store, part, tasks: None, stale, read, page };
        if routed {
            let (width, of_store) = routed::width(&owners, &question, Instant::now() + patience).await?;
            question.tasks = Some(match place.zip(of_store) {
                Some((place, width)) => vec![check(&question.store, place(width), width)?],
                None => (0..width).collect(),
            });
        }
        let asking = async |question: &Arc<Question>| match routed {
            true => routed::ask(&owners, question, Instant::now() + patience).await,
            false => owners.ask(question).await,
        };
        let mut asked = Arc::new(question);
        let mut collected = asking(&asked).await?;
        let mut bytes = size(&collected);
        while let Some(after) = collected.value.behind.clone() {
            let left = limit.saturating_sub(collected.value.entries.len());
            collected.cut = left > 0 && bytes >= max_bytes;
            if left == 0 || collected.cut {
                break;
            }
            let page = Page { after: Some(after), reverse, limit: left.min(MAX_ENTRIES) };
            asked = Arc::new(Question { page, ..Arc::unwrap_or_clone(asked) });
            let told = asking(&asked).await?;
            bytes += size(&told);
            collected.continue_with(told);
        }
        collected.value.entries.truncate(limit);
        Ok(collected)
    }
}

fn size(told: &Told) -> usize {
    told.value.entries.iter().map(|(key, value)| key.len() + value.len()).sum()
}

/// A partition that a program has computed.
fn check(store: &str, partition: i32, width: i32) -> Result<i32, QueryError> {
    let known = (0..width).contains(&partition);
    known.then_some(partition).ok_or_else(|| QueryError::NoPartition {
        store: store.to_owned(),
        partition,
        width,
    })
}

/// A query that nobody waits for is given up.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
