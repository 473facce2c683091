use crate::herder::{Config, State};
use std::sync::Arc;

/// Between two tries of what has failed, at first and at most, in ms.
const BACKOFF_MS: (u64, u64) = (5_000, 300_000);
/// After so long without a failure the next one counts as the first, in ms.
const FORGIVEN_MS: u64 = 600_000;

/// What this worker does with a task that it holds, or is about to let go of.
#[derive(Clone, Debug)]
pub(super) struct TaskRun {
    /// Of the lease under which it was begun.
    pub(super) epoch: u64,
    pub(super) phase: Phase,
    pub(super) said: Option<Said>,
    pub(super) failures: Failures,
    /// It is to begin anew, whatever it is doing.
    pub(super) restart: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    Idle,
    Running {
        spec: Spec,
        paused: bool,
    },
    /// It has failed or was halted: nothing runs, nothing starts before `Failures::retry_at_ms`.
    Ended {
        spec: Spec,
    },
    /// Until the shell tells that it has ended.
    Stopping {
        aborted: bool,
    },
}

/// All that a task is made from: one that runs from another must be restarted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spec {
    pub(super) connector: Arc<Config>,
    pub(super) config: Arc<Config>,
    pub(super) tasks: usize,
}

/// What this worker has last written of the state of a unit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) state: State,
    pub(super) why: Option<String>,
    pub(super) epoch: u64,
}

/// What this worker does with a connector that it holds.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectorRun {
    /// The version whose tasks it is being asked for, until they are read in the topic, and when that is given up.
    pub(super) splitting: Option<(i64, u64)>,
    /// Its tasks are to be written even if they are the same.
    pub(super) rewrite: bool,
    /// It is to be asked anew.
    pub(super) restart: bool,
    /// What it said instead of its tasks, and of which version.
    pub(super) fault: Option<(i64, String)>,
    pub(super) failures: Failures,
    /// The version of the tasks that the holder has already asked to be withdrawn.
    pub(super) withdrawn: Option<i64>,
    pub(super) said: Option<Said>,
}

/// How often something failed in a row, and when to try it again.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Failures {
    count: u32,
    last_ms: u64,
    pub(super) retry_at_ms: Option<u64>,
}

impl Failures {
    /// Another one: it waits twice as long as before.
    pub(super) fn add(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.last_ms) > FORGIVEN_MS {
            self.count = 0;
        }
        let (first, most) = BACKOFF_MS;
        let wait = first.saturating_mul(1 << self.count.min(16)).min(most);
        *self = Self { count: self.count + 1, last_ms: now_ms, retry_at_ms: Some(now_ms + wait) };
    }

    /// It waits until somebody asks for it.
    pub(super) fn never_again(&mut self) {
        self.retry_at_ms = None;
    }

    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        self.retry_at_ms.is_some_and(|at| now_ms >= at)
    }
}

impl TaskRun {
    pub(super) fn new(epoch: u64) -> Self {
        Self { epoch, phase: Phase::Idle, said: None, failures: Failures::default(), restart: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_waits_longer_and_longer_and_is_forgiven_at_last() {
        let mut failures = Failures::default();
        let mut waits = Vec::new();
        let mut now_ms = 1_000_000;
        for _ in 0..8 {
            failures.add(now_ms);
            let at = failures.retry_at_ms.unwrap();
            assert!(!failures.is_due(at - 1) && failures.is_due(at));
            waits.push((at - now_ms) / 1_000);
            now_ms = at;
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
        failures.add(now_ms + FORGIVEN_MS);
        assert_eq!(failures.retry_at_ms, Some(now_ms + FORGIVEN_MS + 5_000));
    }
}
