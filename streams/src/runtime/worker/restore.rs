use std::time::Duration;

use millstream_wire::batch::{BatchError, Batches};

use super::super::link::{ChangelogBounds, FetchedRange, TopicPartition};
use crate::store::backend::{Checkpoint, KeyValueBackend, Position};
use crate::store::changelog;
use crate::store::error::StoreError;
use crate::task::TaskId;

/// Bytes that one compressed changelog batch may unfold to.
const MAX_UNFOLDED: usize = 256 << 20;

/// Offsets to be read from which on a store is loaded rather than written to, batch by batch.
pub(super) const LOAD_FROM: i64 = 100_000;

/// What a store needs before its task can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RestorePlan {
    /// The store has everything.
    Complete,
    /// The changelog from here on is missing.
    Tail(i64),
    /// The store cannot be trusted; it is emptied and read anew.
    Rebuild { why: String, from: i64 },
}

/// The plan for a store. One that has entries and no position was cut off while it was first filled: what has been deleted since
/// may be among them.
pub(crate) fn plan_for(
    backend: &dyn KeyValueBackend,
    log: ChangelogBounds,
    now: i64,
) -> Result<RestorePlan, StoreError> {
    let position = backend.position();
    if position.is_none() && !backend.is_empty()? {
        let why = "it does not say how far it has come".to_owned();
        return Ok(RestorePlan::Rebuild { why, from: log.start });
    }
    Ok(plan(position, log, now))
}

/// Compares a store's position with its changelog. State is only given up with a reason.
pub(crate) fn plan(position: Option<Checkpoint>, log: ChangelogBounds, now: i64) -> RestorePlan {
    let Some(Checkpoint { next_offset, written_at, changelog_id }) = position else {
        return if log.start == log.end { RestorePlan::Complete } else { RestorePlan::Tail(log.start) };
    };
    let rebuild = |why| RestorePlan::Rebuild { why, from: log.start };
    let age = now.saturating_sub(written_at);
    if changelog_id != log.topic_id && !changelog_id.is_nil() && !log.topic_id.is_nil() {
        return rebuild("its changelog has been deleted and created anew".to_owned());
    }
    if next_offset > log.end {
        return rebuild(format!("it stands at {next_offset}, but its changelog ends at {}", log.end));
    }
    if next_offset < log.start {
        return rebuild(format!("it stands at {next_offset}, but its changelog begins at {}", log.start));
    }
    if next_offset == log.end {
        return RestorePlan::Complete;
    }
    if age > log.delete_retention_ms {
        let (age, kept) = (Duration::from_millis(age as u64), log.delete_retention_ms);
        return rebuild(format!(
            "it is {age:?} old and may have missed tombstones (delete.retention.ms={kept})"
        ));
    }
    RestorePlan::Tail(next_offset)
}

/// One store on its way to being complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreProgress {
    /// The task that waits for the store.
    pub task: TaskId,
    /// The store.
    pub store: String,
    /// The changelog partition that is read.
    pub changelog: TopicPartition,
    /// Where reading began.
    pub from: i64,
    /// The next offset to read.
    pub next: i64,
    /// Where it ends.
    pub end: i64,
    /// Records read, fewer than offsets where compaction has been at work.
    pub records: u64,
    /// Since the restore began.
    pub elapsed: Duration,
    /// The task has left before the store was complete: the last word of this restore (KIP-869).
    pub suspended: bool,
}

impl RestoreProgress {
    /// Offsets still to be read.
    pub fn remaining(&self) -> i64 {
        (self.end - self.next).max(0)
    }

    /// Records read per second.
    pub fn rate(&self) -> f64 {
        self.records as f64 / self.elapsed.as_secs_f64().max(0.001)
    }

    /// How long the rest takes at the speed so far; `None` before there is one.
    pub fn remaining_time(&self) -> Option<Duration> {
        let read = self.next - self.from;
        let per_offset = self.elapsed.as_secs_f64() / read as f64;
        (read > 0).then(|| Duration::from_secs_f64(per_offset * self.remaining() as f64))
    }

    /// Whether the store is complete.
    pub fn is_done(&self) -> bool {
        self.next >= self.end
    }
}

/// Why changelog bytes did not go into the store.
#[derive(Debug)]
pub(crate) enum ApplyError {
    Batch(BatchError),
    Store(StoreError),
}

impl From<BatchError> for ApplyError {
    fn from(error: BatchError) -> Self {
        Self::Batch(error)
    }
}

/// Writes the records of a fetched range that lie before `end` into the store, data and the position that `tie` makes of where
/// they end in one batch. Returns how many records there were and the offset after the last.
pub(crate) fn apply(
    backend: &mut dyn KeyValueBackend,
    range: &FetchedRange,
    next: i64,
    end: i64,
    tie: impl FnOnce(i64) -> Checkpoint,
) -> Result<(u64, i64), ApplyError> {
    let (mut records, mut next_offset) = (0, next);
    let (mut unfolded, mut value) = (Vec::new(), Vec::new());
    for batch in Batches::new(&range.bytes) {
        let batch = batch?;
        if !batch.header.is_control() {
            for record in batch.records(&mut unfolded, MAX_UNFOLDED)? {
                let record = record?;
                if (next..end).contains(&record.offset.0) {
                    changelog::stage(backend, &record, &mut value);
                    records += 1;
                }
            }
        }
        next_offset = next_offset.max(batch.header.next_offset().0.min(end));
    }
    backend.write(Position::At(tie(next_offset))).map_err(ApplyError::Store)?;
    Ok((records, next_offset))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::store::memory::MemoryBackend;

    const ID: Uuid = Uuid::from_u128(1);
    const LOG: ChangelogBounds =
        ChangelogBounds { start: 10, end: 20, delete_retention_ms: 1_000, topic_id: ID };

    fn plan_at(next_offset: i64, age: i64) -> RestorePlan {
        plan(Some(Checkpoint { next_offset, written_at: 0, changelog_id: ID }), LOG, age)
    }

    #[test]
    fn only_the_missing_tail_is_read() {
        assert_eq!(plan(None, LOG, 0), RestorePlan::Tail(10));
        assert_eq!(plan(None, ChangelogBounds { start: 3, end: 3, ..LOG }, 0), RestorePlan::Complete);
        assert_eq!(plan_at(15, 0), RestorePlan::Tail(15));
        assert_eq!(plan_at(10, 0), RestorePlan::Tail(10));
        assert_eq!(plan_at(20, i64::MAX), RestorePlan::Complete);
    }

    #[test]
    fn what_was_cut_off_before_it_had_a_position_is_rebuilt() {
        let mut backend = MemoryBackend::new();
        assert_eq!(plan_for(&backend, LOG, 0).unwrap(), RestorePlan::Tail(10));
        backend.stage(b"a", Some(b"1"));
        backend.write(Position::Unchanged).unwrap();
        assert!(matches!(plan_for(&backend, LOG, 0).unwrap(), RestorePlan::Rebuild { from: 10, .. }));
        let position = Checkpoint { next_offset: 15, written_at: 0, changelog_id: ID };
        backend.write(Position::At(position)).unwrap();
        assert_eq!(plan_for(&backend, LOG, 0).unwrap(), RestorePlan::Tail(15));
    }

    #[test]
    fn a_store_is_rebuilt_only_for_a_reason() {
        let why = |plan| match plan {
            RestorePlan::Rebuild { why, from: 10 } => why,
            other => panic!("{other:?}"),
        };
        assert!(why(plan_at(21, 0)).contains("ends at 20"));
        assert!(why(plan_at(9, 0)).contains("begins at 10"));
        assert!(why(plan_at(15, 1_001)).contains("tombstones"));
        let recreated = ChangelogBounds { topic_id: Uuid::from_u128(2), ..LOG };
        let position = Checkpoint { next_offset: 20, written_at: 0, changelog_id: ID };
        assert!(why(plan(Some(position), recreated, 0)).contains("deleted and created anew"));
        let position = Checkpoint { changelog_id: Uuid::nil(), ..position };
        assert_eq!(plan(Some(position), recreated, 0), RestorePlan::Complete);
        assert_eq!(plan_at(15, 1_000), RestorePlan::Tail(15));
    }
}
