use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};

use super::QueryError;
use crate::runtime::TopicPartition;
use crate::store::chunk::{Chunk, Page};

/// How far a store had come when it answered: of each partition that its tasks read, the offset of the first record that the
/// answer knows nothing of (KIP-796; Kafka's `Position` has the offset of the last one that it knows). A partition of which
/// nothing has been read since the task began is missing. A standby reads changelogs, so of its answers it is theirs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Position(BTreeMap<TopicPartition, i64>);

impl Position {
    /// The first offset that is not in the answer.
    pub fn of(&self, topic: &str, partition: i32) -> Option<i64> {
        self.0.get(&TopicPartition::new(topic, partition)).copied()
    }

    /// The partitions in order, with the first offset of each that is not in the answer.
    pub fn iter(&self) -> impl Iterator<Item = (&TopicPartition, i64)> {
        self.0.iter().map(|(partition, offset)| (partition, *offset))
    }

    /// Learns from the answer of other tasks: of what two have read, it knows what both knew.
    pub(crate) fn extend(&mut self, others: impl IntoIterator<Item = (TopicPartition, i64)>) {
        for (partition, offset) in others {
            let known = self.0.entry(partition).or_insert(offset);
            *known = (*known).min(offset);
        }
    }

    /// What both this and a later part of the same answer know.
    fn meet(&mut self, later: &Self) {
        self.0.retain(|partition, _| later.0.contains_key(partition));
        for (partition, offset) in &mut self.0 {
            *offset = later.0.get(partition).map_or(*offset, |later| (*offset).min(*later));
        }
    }
}

impl FromIterator<(TopicPartition, i64)> for Position {
    fn from_iter<I: IntoIterator<Item = (TopicPartition, i64)>>(reached: I) -> Self {
        let mut position = Self::default();
        position.extend(reached);
        position
    }
}

impl IntoIterator for Position {
    type Item = (TopicPartition, i64);
    type IntoIter = std::collections::btree_map::IntoIter<TopicPartition, i64>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// How much a standby did not know yet when it answered (KIP-535).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Staleness {
    /// Records of the store's changelog that it had not read; where several have answered, of the one that was furthest behind.
    pub records: u64,
    /// How long ago it was last known to have everything, of the one of which that is longest ago; `None`: one of them had yet to
    /// come so far.
    pub age: Option<Duration>,
}

impl Staleness {
    /// What is as stale as the staler of two.
    fn with(self, other: Self) -> Self {
        let age = self.age.zip(other.age).map(|(one, other)| one.max(other));
        Self { records: self.records.max(other.records), age }
    }

    /// The same of answers of which some come from running tasks.
    fn of_both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.with(other)),
            (one, other) => one.or(other),
        }
    }
}

/// What was asked for, and what it stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer<T> {
    /// What was asked for.
    pub value: T,
    /// How far the tasks that have answered had come. In an answer that came in several chunks: what all
    /// of them know.
    pub position: Position,
    /// How far behind it may be; `None`: it comes from running tasks alone.
    pub staleness: Option<Staleness>,
    /// Whether it ends for its size, before what was asked for does: only what goes out as one JSON does.
    pub(super) cut: bool,
}

impl<T> Answer<T> {
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Answer<U> {
        let Self { value, position, staleness, cut } = self;
        Answer { value: map(value), position, staleness, cut }
    }

    pub(super) fn try_map<U, E>(self, map: impl FnOnce(T) -> Result<U, E>) -> Result<Answer<U>, E> {
        let Self { value, position, staleness, cut } = self;
        Ok(Answer { value: map(value)?, position, staleness, cut })
    }
}

impl Answer<Chunk> {
    /// Makes one of what tasks or instances say to the same page.
    pub(crate) fn merge(told: impl IntoIterator<Item = Self>, page: &Page) -> Self {
        let (mut merged, mut chunks) = (Self::default(), Vec::new());
        for Self { value, position, staleness, cut: _ } in told {
            merged.position.extend(position);
            merged.staleness = Staleness::of_both(merged.staleness, staleness);
            chunks.push(value);
        }
        merged.value = Chunk::merge(chunks, page);
        merged
    }

    /// Takes in the next page.
    pub(crate) fn continue_with(&mut self, next: Self) {
        let Self { value, position, staleness, cut: _ } = next;
        self.position.meet(&position);
        self.staleness = Staleness::of_both(self.staleness, staleness);
        self.value.count = value.count;
        self.value.entries.extend(value.entries);
        self.value.behind = value.behind;
    }
}

/// A question on its way. It is a future of the plain value; [`answer`](Self::answer) is one that says too what the value stands
/// for. Dropping it gives the question up. It works from any executor.
///
/// ```no_run
/// # use millstream::prelude::*;
/// # const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
/// # async fn ask(app: &Streams) -> Result<(), millstream::query::QueryError> {
/// let counts = app.store(COUNTS)?;
/// let count: Option<i64> = counts.get("whale").await?;
/// let answer = counts.get("whale").answer().await?;
/// println!("{:?}, all lines before {:?}", answer.value, answer.position.of("lines", 0));
/// # Ok(()) }
/// ```
#[must_use = "nothing is asked before it is awaited"]
pub struct Query<T>(BoxFuture<'static, Result<Answer<T>, QueryError>>);

impl<T: 'static> Query<T> {
    pub(super) fn new(asked: impl Future<Output = Result<Answer<T>, QueryError>> + Send + 'static) -> Self {
        Self(asked.boxed())
    }

    /// The value, and how far the tasks had come that it is of.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn answer(self) -> Result<Answer<T>, QueryError> {
        self.0.await
    }
}

impl<T> Future for Query<T> {
    type Output = Result<T, QueryError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_unpin(cx).map_ok(|answer| answer.value)
    }
}

impl<T> fmt::Debug for Query<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Query")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_in_chunks_knows_what_all_of_them_know() {
        let chunk = |reached: &[(i32, i64)], behind: Option<&[u8]>| {
            let at = |(partition, offset): &(i32, i64)| (TopicPartition::new("in", *partition), *offset);
            let value = Chunk { behind: behind.map(<[u8]>::to_vec), ..Chunk::default() };
            Answer { value, position: reached.iter().map(at).collect(), ..Answer::default() }
        };
        let mut answer = chunk(&[(0, 5), (1, 9)], Some(b"a"));
        answer.continue_with(chunk(&[(0, 8), (1, 7), (2, 3)], Some(b"b")));
        let known = |answer: &Answer<Chunk>| [0, 1, 2].map(|partition| answer.position.of("in", partition));
        assert_eq!(known(&answer), [Some(5), Some(7), None], "the first knows nothing of the third");
        assert_eq!(answer.value.behind.as_deref(), Some(&b"b"[..]));
        answer.continue_with(chunk(&[(0, 9)], None));
        assert_eq!((known(&answer), answer.value.behind), ([Some(5), None, None], None));
    }
}
