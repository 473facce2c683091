//! For how long a task was nowhere: its last owner writes the time beside the offsets, its next one reads it.
//!
//! The time away begins with the last owner's last commit and ends when the next owner has the task's stores complete and asks
//! for records. An owner that lets go in good order says so in that commit, which it makes even if it had nothing to commit;
//! of one that vanished the last commit may be older than its last record, by `commit.interval.ms` under load and by more where
//! nothing was to be processed. Both times are wall clocks, so two machines may be apart by what their clocks are.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;

use super::super::link::{GroupOffset, TopicPartition};
use super::super::offset_metadata::OffsetMetadata;
use crate::metrics::seconds;
use crate::task::TaskId;

/// When the offset was committed: wall clock in milliseconds.
const COMMITTED_AT: &str = "millstream.committed.at";

/// The same, in the commit by which the owner let go of the task.
const LET_GO_AT: &str = "millstream.let.go.at";

/// A task that has come to this thread and runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Arrival {
    /// The task.
    pub task: TaskId,
    /// How long it ran nowhere: from the last commit of its last owner until its stores were complete here.
    #[serde(serialize_with = "seconds")]
    pub away: Duration,
    /// Whether its last owner let go of it in good order. Otherwise it vanished, and `away` includes the time from its last
    /// commit to its end.
    pub was_let_go: bool,
}

/// What the last owner of a task left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Departure {
    at: i64,
    let_go: bool,
}

impl Departure {
    /// Reads it from what the group keeps of the task's partitions; `None`: nobody has said anything.
    pub(super) fn read(
        committed: &HashMap<TopicPartition, GroupOffset>,
        inputs: &[TopicPartition],
    ) -> Option<Self> {
        let known = inputs.iter().filter_map(|input| {
            let entries = &committed.get(input)?.metadata.entries;
            let at = *entries.get(COMMITTED_AT)?;
            Some(Self { at, let_go: entries.get(LET_GO_AT) == Some(&at) })
        });
        known.max_by_key(|departure| departure.at)
    }

    pub(super) fn arrival(self, task: TaskId, now: i64) -> Arrival {
        let away = Duration::from_millis(now.saturating_sub(self.at).max(0).unsigned_abs());
        Arrival { task, away, was_let_go: self.let_go }
    }
}

/// What the nodes of the task have had kept, and those of a program in Java.
pub(super) fn notes(metadata: &OffsetMetadata) -> impl Iterator<Item = (&str, i64)> {
    let entries = metadata.entries.iter().map(|(name, value)| (name.as_str(), *value));
    entries.filter(|(name, _)| ![COMMITTED_AT, LET_GO_AT].contains(name))
}

/// What a commit at `now` says; `lets_go`: it is the last of this owner.
pub(super) fn stamp(now: i64, lets_go: bool) -> OffsetMetadata {
    let mut metadata = OffsetMetadata::default();
    metadata.entries.insert(COMMITTED_AT.to_owned(), now);
    if lets_go {
        metadata.entries.insert(LET_GO_AT.to_owned(), now);
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: TaskId = TaskId { subtopology: 0, partition: 0 };

    fn arrival(commits: &[(&str, i64, bool)]) -> Option<Arrival> {
        let partition = |topic: &str| TopicPartition::new(topic, 0);
        let committed = commits.iter().map(|(topic, at, lets_go)| {
            (partition(topic), GroupOffset { offset: 1, metadata: stamp(*at, *lets_go) })
        });
        let inputs = ["a", "b"].map(partition);
        Some(Departure::read(&committed.collect(), &inputs)?.arrival(TASK, 100))
    }

    #[test]
    fn the_last_commit_of_any_input_counts() {
        let away = |millis, was_let_go| {
            Some(Arrival { task: TASK, away: Duration::from_millis(millis), was_let_go })
        };
        assert_eq!(arrival(&[]), None);
        assert_eq!(arrival(&[("other", 1, true)]), None);
        assert_eq!(arrival(&[("a", 30, false), ("b", 40, true)]), away(60, true));
        // The next owner has committed since.
        assert_eq!(arrival(&[("a", 50, false), ("b", 40, true)]), away(50, false));
        // Clocks differ.
        assert_eq!(arrival(&[("a", 101, true)]), away(0, true));
    }

    #[test]
    fn what_others_commit_says_nothing_of_time() {
        let mut metadata = OffsetMetadata::default();
        metadata.entries.insert("last.emitted".to_owned(), 5);
        assert_eq!(notes(&metadata).collect::<Vec<_>>(), [("last.emitted", 5)]);
        assert_eq!(notes(&stamp(1, true)).count(), 0);
        let partition = TopicPartition::new("a", 0);
        let committed = HashMap::from([(partition.clone(), GroupOffset { offset: 1, metadata })]);
        assert_eq!(Departure::read(&committed, &[partition]), None);
    }
}
