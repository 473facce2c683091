//! What a worker measures of itself. It reads no clock: the observer does, once a turn and a few times a commit, and nothing is
//! decided by what it says.

use std::sync::Arc;
use std::time::Duration;

use super::super::input::Input;
use super::super::link::Link;
use super::{Restoring, Running, Worker};
use crate::metrics::{
    HotKey, KEYS_TOLD, PartitionMetrics, Rate, RestoreMetrics, Spread, TaskMetrics, ThreadMetrics,
};
use crate::task::TaskId;

/// How long (by the observer's clock) numbers may be old while records pass.
const PUBLISH_EVERY: Duration = Duration::from_millis(500);

/// The thread's own numbers.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// How long commits took that went through.
    commits: Spread,
    /// Spent on waiting for the cluster's answers in commits.
    blocked: Duration,
    /// Spent on waiting for records.
    waited: Duration,
    /// When numbers were handed out last, and whether they have changed since.
    published: Duration,
    is_stale: bool,
}

/// How a task has used its thread.
#[derive(Debug, Default)]
pub(super) struct Used {
    pub(super) busy: Duration,
    pub(super) commits: u64,
    rate: Rate,
}

impl Meter {
    /// The numbers that were handed out speak of other tasks.
    pub(super) fn tasks_changed(&mut self) {
        self.is_stale = true;
    }
}

impl<L: Link> Worker<L> {
    /// What the observer's clock says.
    pub(super) fn elapsed(&self) -> Duration {
        self.observer.elapsed()
    }

    /// The turn of a task has ended that began at `since`. Returns when.
    pub(super) fn turn_ended(&mut self, index: usize, since: Duration) -> Duration {
        let now = self.elapsed();
        self.running[index].used.busy += now.saturating_sub(since);
        self.meter.is_stale = true;
        now
    }

    /// Does something that waits for answers of the cluster.
    pub(super) fn blocked<T>(&mut self, wait: impl FnOnce(&mut Self) -> T) -> T {
        let since = self.elapsed();
        let outcome = wait(self);
        self.meter.blocked += self.elapsed().saturating_sub(since);
        outcome
    }

    /// A commit went through that began at `since`.
    pub(super) fn committed(&mut self, since: Duration) {
        self.meter.commits.add(self.elapsed().saturating_sub(since));
        self.meter.is_stale = true;
    }

    /// Waits for something to do.
    pub(crate) fn idle<T>(&mut self, wait: impl FnOnce(&mut L) -> T) -> T {
        if std::mem::take(&mut self.meter.is_stale) || !self.restoring.is_empty() {
            self.publish();
        }
        let since = self.elapsed();
        self.observer.waits(self.meter.waited, true);
        let outcome = wait(&mut self.link);
        self.meter.waited += self.elapsed().saturating_sub(since);
        self.observer.waits(self.meter.waited, false);
        outcome
    }

    /// Hands out the numbers if they are old.
    pub(super) fn publish_in_time(&mut self) {
        if self.elapsed().saturating_sub(self.meter.published) >= PUBLISH_EVERY {
            self.publish();
        }
    }

    fn publish(&mut self) {
        let now = self.elapsed();
        self.meter.published = now;
        let Self { running, link, .. } = self;
        let tasks = running.iter_mut().map(|running| running.metrics(now, link)).collect();
        let restores = self.restoring.iter().flat_map(Restoring::metrics).collect();
        let Meter { commits, blocked, waited, .. } = self.meter;
        self.observer.measured(ThreadMetrics::new(now, waited, blocked, commits, tasks, restores));
    }
}

impl Running {
    fn metrics(&mut self, now: Duration, link: &impl Link) -> TaskMetrics {
        let Used { busy, commits, rate } = &mut self.used;
        let metrics = self.task.metrics();
        let rate = rate.at(now, metrics.records);
        let lag = |input: &Input| link.lag(&input.topic, input.partition);
        let partitions = self.inputs.iter().map(|input| partition(metrics.task, input, lag(input))).collect();
        TaskMetrics { busy: *busy, commits: *commits, rate, partitions, ..metrics }
    }
}

/// What is told of a partition of which the broker has so many records beyond what was fetched.
fn partition(task: TaskId, input: &Input, beyond: Option<i64>) -> PartitionMetrics {
    let (traffic, waiting) = (input.queue.traffic(), input.queue.waiting_records());
    PartitionMetrics {
        task,
        topic: Arc::clone(&input.topic),
        partition: input.partition,
        records: traffic.records,
        bytes: traffic.bytes,
        lag: beyond.map(|beyond| beyond.max(0) as u64 + waiting),
        lag_seconds: None,
        last_timestamp: traffic.last_timestamp,
        top_keys: HotKey::told(traffic.keys.top(KEYS_TOLD)),
    }
}

impl Restoring {
    fn metrics(&self) -> impl Iterator<Item = RestoreMetrics> {
        self.missing.iter().map(|missing| RestoreMetrics::of(&missing.progress))
    }
}
