use std::collections::VecDeque;
use std::time::Duration;

use millstream_wire::batch::Batches;
use serde::Serialize;
use uuid::Uuid;

use super::super::link::{FetchedRange, TopicPartition};
use super::super::worker::{ApplyError, apply};
use crate::metrics::{maybe_seconds, text};
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
    /// How long ago the copy was last known to have everything; `None`: it has yet to come so far. While it stands still, for the
    /// cluster is away or a restore goes first, this grows.
    #[serde(serialize_with = "maybe_seconds")]
    pub age: Option<Duration>,
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

/// A range that waits.
#[derive(Debug)]
struct Fetched {
    range: FetchedRange,
    /// Whether it does not begin where the one before ended: what lay between has been deleted, or what was there before was cut
    /// off, and other records lie in its place.
    is_torn: bool,
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
    /// When (ms) it was last known to have everything.
    complete_at: Option<i64>,
    /// What was fetched and not yet written: one range as a rule, since fetching pauses while one waits.
    waiting: VecDeque<Fetched>,
    /// Where what is fetched next begins, unless the changelog was cut.
    fetched_to: i64,
    /// Whether the link was told to fetch nothing more.
    pub(crate) held: bool,
}

impl Follower {
    pub(crate) fn new(store: String, changelog: TopicPartition, changelog_id: Uuid, next: i64) -> Self {
        Self {
            store,
            changelog,
            changelog_id,
            next,
            heard: Heard::End(next),
            complete_at: None,
            waiting: VecDeque::new(),
            fetched_to: next,
            held: false,
        }
    }

    /// Takes in a fetched range.
    pub(crate) fn push(&mut self, range: FetchedRange) {
        let is_torn = range.offset != self.fetched_to;
        self.fetched_to = end_of(&range);
        self.waiting.push_back(Fetched { range, is_torn });
    }

    /// Hears what was so at `at` (ms).
    pub(crate) fn hear(&mut self, heard: Heard, at: i64) {
        self.heard = heard;
        let (Heard::End(end) | Heard::Committed(end)) = heard;
        if self.next >= end {
            self.complete_at = self.complete_at.max(Some(at));
        }
    }

    /// Hears that its changelog ended there at `at` (ms). Of a source topic that is beyond what the group has committed.
    pub(crate) fn hear_end(&mut self, end: i64, at: i64) {
        if !self.follows_source() {
            self.hear(Heard::End(end), at);
        } else if self.next >= end {
            self.complete_at = self.complete_at.max(Some(at));
        }
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
        let limit = self.limit();
        let Some(Fetched { range, is_torn }) = self.waiting.front_mut() else { return Ok(()) };
        if std::mem::take(is_torn) {
            // With what lay between, tombstones of what is here may have gone; and what was cut off is no state of the task.
            let (changelog, next, begins) = (&self.changelog, self.next, range.offset);
            tracing::warn!(store = self.store, %changelog, next, begins, "the copy is emptied: its changelog was cut");
            backend.clear().map_err(ApplyError::Store)?;
            self.next = range.offset;
        }
        let changelog_id = self.changelog_id;
        let tie = |next_offset| Checkpoint { next_offset, written_at: now, changelog_id };
        let (_, next) = apply(backend, range, self.next, limit, tie)?;
        self.next = next;
        if next >= end_of(range) {
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// How far it has come.
    pub(crate) fn status(&self, task: TaskId, now: i64) -> StandbyStore {
        let age = |at: i64| Duration::from_millis(now.saturating_sub(at).max(0).unsigned_abs());
        let (Heard::End(end) | Heard::Committed(end)) = self.heard;
        StandbyStore {
            task,
            store: self.store.clone(),
            changelog: self.changelog.clone(),
            position: self.next,
            end: end.max(self.next),
            age: self.complete_at.map(age),
        }
    }
}

/// The offset after the last whole batch.
fn end_of(range: &FetchedRange) -> i64 {
    let batches = Batches::new(&range.bytes).map_while(Result::ok);
    batches.last().map_or(range.offset, |batch| batch.header.next_offset().0)
}
