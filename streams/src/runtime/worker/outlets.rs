//! Tasks that end in outlets: they rest while those have no room, and are committed only when those have settled.
//!
//! A commit asks each outlet to make safe what it has. Nobody waits for the answer: the task rests, is left out of the commits of its
//! thread, and is committed as soon as its outlets have settled. Only one that leaves is waited for, since nobody will ask later.

use super::super::link::Link;
use super::{Running, Worker, WorkerError};
use crate::task::TaskId;

/// How soon (ms) a task that rests is looked at again.
pub(super) const LOOK_MS: i64 = 10;

/// How often a task that leaves is looked at before it goes without a commit: five seconds, as Connect's
/// `task.shutdown.graceful.timeout.ms`.
const LAST_LOOKS: u32 = 500;

impl<L: Link> Worker<L> {
    /// Has a commit made when a task has settled that the last ones have left out. Returns when (ms) to look again.
    pub(super) fn look_at_outlets(&mut self, now: i64) -> Result<i64, WorkerError> {
        let Self { running, link, .. } = self;
        let mut again_at = i64::MAX;
        for running in running.iter_mut().filter(|running| running.unsettled) {
            if running.task.settle(link)? {
                running.commit_requested = true;
            } else {
                again_at = now + LOOK_MS;
            }
        }
        Ok(again_at)
    }

    /// Asks the outlets of all that is to be committed to make safe what they have, and waits for those of tasks that leave.
    pub(super) fn settle_outlets(&mut self, leaves: impl Fn(TaskId) -> bool) -> Result<(), WorkerError> {
        let Self { running, link, .. } = self;
        for running in running.iter_mut().filter(|running| running.uncommitted) {
            running.unsettled = !running.task.settle(link)?;
        }
        for _ in 0..LAST_LOOKS {
            let mut waited_for =
                running.iter_mut().filter(|running| running.unsettled && leaves(running.task.id()));
            let mut any = false;
            for running in &mut waited_for {
                running.unsettled = !running.task.settle(link)?;
                any |= running.unsettled;
            }
            if !any {
                return Ok(());
            }
            link.rest(LOOK_MS);
        }
        for running in running.iter().filter(|running| running.unsettled && leaves(running.task.id())) {
            let after_ms = LOOK_MS * i64::from(LAST_LOOKS);
            tracing::warn!(task = %running.task.id(), after_ms, "the task goes without a commit: its outlets have not made safe what they were given, and the next owner writes it again");
        }
        Ok(())
    }
}

impl Running {
    /// Whether a commit takes what it has done.
    pub(super) fn is_committable(&self) -> bool {
        self.uncommitted && !self.unsettled
    }

    /// Whether it may process: its outlets have room, and none is being settled.
    pub(super) fn may_go_on(&mut self) -> Result<bool, WorkerError> {
        Ok(!self.unsettled && self.task.has_room()?)
    }
}
