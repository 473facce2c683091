//! Keeping the place in the group while nothing is written: at rest, while the target is out, while partitions change hands.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use millstream_client::{Event, Offset, TopicPartition};

use super::SinkRun;
use super::patience::{POLL, reached};
use crate::herder::State;
use crate::runtime::RunError;
use crate::runtime::meter::{Doing, Stage};
use crate::sink::SinkTask;

/// A target that takes nothing for so long keeps nothing in memory: other tasks of the worker may want it.
const HELD_MAX: Duration = Duration::from_secs(10);

impl SinkRun {
    /// Rests until it is told something else.
    pub(super) async fn rest(&mut self, task: &mut dyn SinkTask) -> Result<(), RunError> {
        self.commit(task, None).await?;
        self.environment.reporter.state(State::Paused, None).await;
        self.linger(task, None).await
    }

    /// Leaves the target, which takes nothing since then, alone until then, or until it is told something.
    pub(super) async fn wait_out(
        &mut self,
        task: &mut dyn SinkTask,
        since: Instant,
        until: Instant,
    ) -> Result<(), RunError> {
        let started = Instant::now();
        let mut until = until;
        if self.holds_memory() {
            if started >= since + HELD_MAX {
                self.give_memory_back()?;
            } else {
                until = until.min(since + HELD_MAX);
            }
        }
        self.linger(task, Some(until)).await?;
        self.environment.reporter.meter.spent(Stage::Write, Doing::Blocked, started);
        Ok(())
    }

    /// Reads nothing until then, or until it is told something.
    async fn linger(&mut self, task: &mut dyn SinkTask, until: Option<Instant>) -> Result<(), RunError> {
        let mut control = self.seat.control.clone();
        loop {
            self.rebalance(task).await?;
            self.seat.consumer.pause(&self.seat.assigned());
            tokio::select! {
                biased;
                _ = control.changed() => break,
                () = reached(until.map(Into::into)) => break,
                event = self.seat.consumer.poll(POLL) => self.seat.events.extend(event?),
            }
        }
        self.seat.read_on();
        Ok(())
    }

    /// Deals with what the group decided while something else was waited for; records wait for later.
    pub(super) async fn rebalance(&mut self, task: &mut dyn SinkTask) -> Result<(), RunError> {
        while let Some(event) = self.seat.next_rebalance() {
            self.rebalanced(task, event).await?;
        }
        Ok(())
    }

    fn holds_memory(&self) -> bool {
        !self.chunks.is_empty() || self.waiting_for_memory.is_some() || !self.seat.events.is_empty()
    }

    /// Forgets what was fetched and not written, and reads it again when its turn comes.
    fn give_memory_back(&mut self) -> Result<(), RunError> {
        let mut again: BTreeMap<TopicPartition, i64> = self.lanes.put_back().into_iter().collect();
        let waiting =
            self.waiting_for_memory.iter().chain(self.seat.events.iter().filter_map(|event| match event {
                Event::Fetched(fetched) => Some(fetched),
                _ => None,
            }));
        for fetched in waiting {
            again.entry(fetched.partition.clone()).or_insert(fetched.offset);
        }
        self.read_again(again)
    }

    /// What was fetched of these partitions is void: they are read on at these offsets.
    pub(super) fn read_again(
        &mut self,
        offsets: impl IntoIterator<Item = (TopicPartition, i64)>,
    ) -> Result<(), RunError> {
        for (partition, offset) in offsets {
            if self.seat.assigned.contains_key(&partition) {
                self.seat.consumer.seek(&partition, Offset(offset))?;
            }
            self.chunks.forget(std::slice::from_ref(&partition));
            self.drop_fetched(&partition);
        }
        Ok(())
    }
}
