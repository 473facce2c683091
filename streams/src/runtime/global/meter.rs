//! What the thread of the global tables measures of itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::shared::Shared;
use super::Tables;
use crate::metrics::{Rate, RestoreMetrics, Spread, TaskMetrics, ThreadMetrics};

/// How long numbers may be old while records come.
const PUBLISH_EVERY: Duration = Duration::from_millis(500);

pub(super) struct Meter {
    /// Where whoever asks finds the numbers.
    shared: Arc<Shared>,
    started: Instant,
    /// Spent on waiting for records.
    waited: Duration,
    /// How long it took to put the tables on disk.
    commits: Spread,
    /// By table: what its records took of the thread's time, and how many there were of late.
    used: Vec<(Duration, Rate)>,
    /// When numbers were handed out last, and whether they have changed since.
    published: Duration,
    is_stale: bool,
}

impl Meter {
    pub(super) fn new(shared: Arc<Shared>, tables: usize) -> Self {
        Self {
            shared,
            started: Instant::now(),
            waited: Duration::ZERO,
            commits: Spread::default(),
            used: vec![(Duration::ZERO, Rate::default()); tables],
            published: Duration::ZERO,
            is_stale: true,
        }
    }

    /// Waits for something to do.
    pub(super) fn waiting<T>(&mut self, wait: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        self.shared.global_waits(self.waited, true);
        let outcome = wait();
        self.waited += since.elapsed();
        self.shared.global_waits(self.waited, false);
        outcome
    }

    /// Records of a table were taken in from `since` on.
    pub(super) fn taken_in(&mut self, table: usize, since: Instant) {
        self.used[table].0 += since.elapsed();
        self.is_stale = true;
    }

    /// The tables were put on disk from `since` on.
    pub(super) fn committed(&mut self, since: Instant) {
        self.commits.add(since.elapsed());
        self.is_stale = true;
    }

    /// Hands out the numbers if they have changed, unless that was just done and more records are on their way.
    pub(super) fn publish(&mut self, tables: &Tables, is_idle: bool) {
        let now = self.started.elapsed();
        let is_due = is_idle || now.saturating_sub(self.published) >= PUBLISH_EVERY;
        if !self.is_stale || !is_due {
            return;
        }
        (self.published, self.is_stale) = (now, false);
        let of_table = |(metrics, (busy, rate)): (TaskMetrics, &mut (Duration, Rate))| {
            let rate = rate.at(now, metrics.records);
            TaskMetrics { busy: *busy, rate, commits: self.commits.count, ..metrics }
        };
        let tasks = tables.metrics().zip(&mut self.used).map(of_table).collect();
        let restores: Vec<RestoreMetrics> = tables.restores().collect();
        let metrics = ThreadMetrics::new(now, self.waited, Duration::ZERO, self.commits, tasks, restores);
        self.shared.global_measured(metrics);
    }
}
