//! Committing, at least once: what was processed is in the changelogs and sinks before the offsets say so.

use std::collections::HashMap;

use uuid::Uuid;

use super::super::link::{Committed, GroupOffset, Link, LinkError, TopicPartition};
use super::super::offset_metadata::OffsetMetadata;
use super::{Running, Worker, WorkerError, away};
use crate::store::backend::{Checkpoint, Position};
use crate::task::TaskId;
use crate::topology::TopicName;

/// How soon (ms) a commit is tried again that a rebalance has put off.
const RETRY_MS: i64 = 100;

impl<L: Link> Worker<L> {
    /// When the next commit is due; `None`: there is nothing to commit.
    pub(super) fn commit_due(&self) -> Option<i64> {
        let mut uncommitted = self.running.iter().filter(|running| running.uncommitted).peekable();
        uncommitted.peek()?;
        if uncommitted.any(|running| running.commit_requested) {
            return Some(self.last_commit);
        }
        Some(self.last_commit.saturating_add(self.config.commit_interval_ms))
    }

    /// Commits everything that was processed:
    ///
    /// 1. the caches go to the changelogs and, through the nodes below, to the sinks;
    /// 2. all of that is acknowledged, by outlets first: the tasks of those that have not settled are left out;
    /// 3. the group has the offsets;
    /// 4. the stores have the data, in one batch with the changelog positions that the acknowledgements gave.
    ///
    /// A crash between two steps leaves a store behind its changelog, which a restore mends, and offsets behind the output,
    /// which is what "at least once" allows.
    ///
    /// Returns what the group said; `None`: nothing.
    pub(crate) fn commit(&mut self, now: i64) -> Result<Option<Committed>, WorkerError> {
        self.commit_leaving(now, |_| false)
    }

    /// The same, also saying for the tasks that leave when their owner let go of them.
    pub(super) fn commit_leaving(
        &mut self,
        now: i64,
        leaves: impl Fn(TaskId) -> bool,
    ) -> Result<Option<Committed>, WorkerError> {
        self.last_commit = now;
        let began = self.elapsed();
        let Self { running, link, .. } = self;
        running.iter_mut().for_each(|running| running.commit_requested = false);
        for Running { task, .. } in running.iter_mut().filter(|running| running.uncommitted) {
            task.flush(link)?;
            task.end_turn(now);
        }
        self.blocked(|worker| worker.settle_outlets(&leaves))?;
        self.blocked(|worker| worker.link.flush())?;
        let outcome = self.blocked(|worker| worker.commit_offsets(now, leaves));
        match &outcome {
            Ok(Committed::Yes) => {
                self.write_stores()?;
                for running in self.running.iter_mut().filter(|running| !running.unsettled) {
                    running.used.commits += u64::from(running.uncommitted);
                    running.uncommitted = false;
                    running.trouble.over();
                }
                self.purge(now);
                self.committed(began);
            }
            Ok(Committed::Later) => {
                self.write_stores()?;
                self.retry(now);
            }
            // Somebody else's records may lie between ours in the changelogs: the acknowledged offsets explain nothing.
            Ok(Committed::Fenced) => self.retry(now),
            Err(error) => {
                self.bear(error, now)?;
                self.write_stores()?;
                self.retry(now);
            }
        }
        Ok(outcome.ok())
    }

    /// The group could not be told: what was processed stays uncommitted, as long as `task.timeout.ms` allows.
    fn bear(&mut self, error: &LinkError, now: i64) -> Result<(), WorkerError> {
        for running in self.running.iter_mut().filter(|running| running.uncommitted) {
            running.trouble.met(running.task.id(), error.clone(), now, self.config.task_timeout_ms)?;
        }
        Ok(())
    }

    fn retry(&mut self, now: i64) {
        self.last_commit = now + RETRY_MS - self.config.commit_interval_ms;
    }

    fn commit_offsets(&mut self, now: i64, leaves: impl Fn(TaskId) -> bool) -> Result<Committed, LinkError> {
        let mut offsets = Vec::new();
        for running in &self.running {
            let leaves = leaves(running.task.id());
            if running.is_committable() || leaves && !running.uncommitted {
                offsets.extend(running.group_offsets(away::stamp(now, leaves)));
            }
        }
        if offsets.is_empty() {
            return Ok(Committed::Yes);
        }
        self.link.commit(&offsets)
    }

    fn write_stores(&mut self) -> Result<(), WorkerError> {
        let Self { running, link, config, last_commit, observer, .. } = self;
        for running in running.iter_mut().filter(|running| running.is_committable()) {
            let offsets: HashMap<TopicPartition, i64> = running.offsets().collect();
            let partition = running.task.id().partition;
            let read = |changelog: &TopicName| {
                let topic = changelog.resolve(&config.application_id).into();
                offsets.get(&TopicPartition { topic, partition }).map_or(Position::Unchanged, |next_offset| {
                    let (next_offset, written_at) = (*next_offset, *last_commit);
                    Position::At(Checkpoint { next_offset, written_at, changelog_id: Uuid::nil() })
                })
            };
            running.task.write(|store| match &store.changelog {
                // It holds what has been read, neither less nor more.
                Some(changelog) if store.changelog_is_source => read(changelog),
                Some(changelog) => link.position(changelog, partition),
                None => Position::Unchanged,
            })?;
            observer.stands(running.task.id(), running.task.stores().standing());
        }
        Ok(())
    }

    /// Lets the broker drop what has been read from repartition topics, and committed: nobody reads it again.
    fn purge(&mut self, now: i64) {
        if now - self.last_purge < self.config.purge_interval_ms {
            return;
        }
        self.last_purge = now;
        let mut before = Vec::new();
        for running in self.running.iter().filter(|running| !running.unsettled) {
            let part = self.topology.part(running.task.id().subtopology);
            let internal = |topic: &str| {
                let mut sources = part.sources.iter().filter(|source| source.is_internal());
                sources.any(|source| source.resolve(&self.config.application_id) == topic)
            };
            before.extend(running.offsets().filter(|(partition, _)| internal(&partition.topic)));
        }
        if !before.is_empty() {
            self.link.purge(before);
        }
    }
}

impl Running {
    /// What the group is told, and keeps for the next owner of the task.
    fn group_offsets(
        &self,
        mut metadata: OffsetMetadata,
    ) -> impl Iterator<Item = (TopicPartition, GroupOffset)> {
        metadata.entries.extend(self.task.notes().map(|(name, value)| (name.to_owned(), value)));
        self.inputs.iter().filter_map(move |input| {
            let partition = TopicPartition { topic: input.topic.clone(), partition: input.partition };
            let partition_time = self.task.partition_time(input.id);
            let metadata = OffsetMetadata { partition_time, ..metadata.clone() };
            Some((partition, GroupOffset { offset: input.queue.next_offset()?, metadata }))
        })
    }

    /// Per partition the first offset that was not processed.
    pub(super) fn offsets(&self) -> impl Iterator<Item = (TopicPartition, i64)> {
        self.inputs.iter().filter_map(|input| {
            let partition = TopicPartition { topic: input.topic.clone(), partition: input.partition };
            Some((partition, input.queue.next_offset()?))
        })
    }
}
