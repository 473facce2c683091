use std::collections::VecDeque;

use millstream_wire::batch::Batches;
use serde::Serialize;
use uuid::Uuid;

use super::super::link::{FetchedRange, TopicPartition};
use super::super::worker::{ApplyError, apply};
use crate::metrics::text;
use crate::store::backend::{Checkpoint, KeyValueBackend};
use crate::task::TaskId;

/// How far the copy of a store has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StandbyStore {
    /// The task whose state it is.
    pub task: TaskId,
    /// The store.
    pub store: String,
    /// The changelog partition that is followed.
    #[serde(serialize_with = "text")]
    pub changelog: TopicPartition,
    /// The first offset of the changelog that is not in the copy.
    pub position: i64,
    /// Where the changelog ended when it was last heard of; of a source topic, what the group has committed.
    pub end: i64,
}

impl StandbyStore {
    /// Offsets that the copy is behind.
    pub fn lag(&self) -> i64 {
        (self.end - self.position).max(0)
    }
}

/// What is known of a changelog beside its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Where it ends.
    End(i64),
    /// Where the group stands in a source topic, beyond which there is no past of the task.
    Committed(i64),
}

/// A store that follows its changelog.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(crate) store: String,
    pub(crate) changelog: TopicPartition,
    /// The changelog's topic id, to which positions are tied.
    changelog_id: Uuid,
    /// The first offset that is not in the store.
    pub(crate) next: i64,
    heard: Heard,
    /// What was fetched and not yet written: one range as a rule, since fetching pauses while one waits.
    waiting: VecDeque<FetchedRange>,
    /// Whether the link was told to fetch nothing more.
    pub(crate) held: bool,
}

impl Follower {
    pub(crate) fn new(
        store: String,
        changelog: TopicPartition,
        changelog_id: Uuid,
        next: i64,
        heard: Heard,
    ) -> Self {
        Self { store, changelog, changelog_id, next, heard, waiting: VecDeque::new(), held: false }
    }

    /// Takes in a fetched range.
    pub(crate) fn push(&mut self, range: FetchedRange) {
        self.waiting.push_back(range);
    }

    pub(crate) fn hear(&mut self, heard: Heard) {
        self.heard = heard;
    }

    /// Whether it follows a topic that the task reads.
    pub(crate) fn follows_source(&self) -> bool {
        matches!(self.heard, Heard::Committed(_))
    }

    /// Whether fetched records wait, to be written now or once the group has committed them.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether fetched records can be written now.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_waiting() && self.next < self.limit()
    }

    /// The offset before which records are written.
    fn limit(&self) -> i64 {
        match self.heard {
            Heard::End(_) => i64::MAX,
            Heard::Committed(offset) => offset,
        }
    }

    /// Writes the first range that waits, as far as the limit.
    pub(crate) fn write(&mut self, backend: &mut dyn KeyValueBackend, now: i64) -> Result<(), ApplyError> {
        let Some(range) = self.waiting.front() else { return Ok(()) };
        if range.offset > self.next {
            // What lay between has been deleted, and so may have been the tombstones of what is here.
            let (changelog, next, begins) = (&self.changelog, self.next, range.offset);
            tracing::warn!(store = self.store, %changelog, next, begins, "the copy is emptied: its changelog begins later");
            backend.clear().map_err(ApplyError::Store)?;
            self.next = range.offset;
        }
        let changelog_id = self.changelog_id;
        let tie = |next_offset| Checkpoint { next_offset, written_at: now, changelog_id };
        let (_, next) = apply(backend, range, self.next, self.limit(), tie)?;
        self.next = next;
        if next >= end_of(range) {
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// How far it has come.
    pub(crate) fn status(&self, task: TaskId) -> StandbyStore {
        let (Heard::End(end) | Heard::Committed(end)) = self.heard;
        StandbyStore {
            task,
            store: self.store.clone(),
            changelog: self.changelog.clone(),
            position: self.next,
            end: end.max(self.next),
        }
    }
}

/// The offset after the last whole batch.
fn end_of(range: &FetchedRange) -> i64 {
    let batches = Batches::new(&range.bytes).map_while(Result::ok);
    batches.last().map_or(range.offset, |batch| batch.header.next_offset().0)
}
