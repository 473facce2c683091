//! Where a task, which never waits, and what writes its records meet.

use std::collections::VecDeque;
use std::time::Instant;

use millstream::outlet::{OutletCounts, Place, Refused};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::held::Held;
use crate::record::Record;

/// Between a stream thread and a writer.
#[derive(Debug, Default)]
pub(super) struct Desk {
    /// Held for a moment by either, never across a wait: a plain lock.
    state: Mutex<State>,
    /// Told when there is something for the writer.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Given, and not yet seen by the writer.
    given: VecDeque<(Record, Option<Place>, usize)>,
    /// How many were given in all.
    number: u64,
    /// So many are to be made safe.
    asked: u64,
    /// So many are safe, or refused.
    safe: u64,
    refused: Vec<Refused>,
    /// The task has gone.
    is_left: bool,
    /// Why the writer cannot go on.
    failure: Option<String>,
    counts: OutletCounts,
}

/// What a writer is to do.
pub(super) struct Orders {
    /// So many are to be made safe.
    pub(super) asked: u64,
    /// Nobody gives anything more.
    pub(super) is_left: bool,
}

/// Why a writer has ended.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct Ended(pub(super) String);

/// Of the task.
impl Desk {
    pub(super) fn give(&self, record: Record, from: Option<Place>, bytes: usize) {
        let mut state = self.state.lock();
        state.given.push_back((record, from, bytes));
        state.number += 1;
        drop(state);
        self.wake.notify_one();
    }

    /// Asks for all that was given to be made safe; whether it is.
    pub(super) fn settle(&self) -> Result<bool, Ended> {
        let mut state = self.state.lock();
        if let Some(why) = &state.failure {
            return Err(Ended(why.clone()));
        }
        let is_new = state.asked < state.number;
        state.asked = state.number;
        let is_safe = state.safe == state.number;
        drop(state);
        if is_new {
            self.wake.notify_one();
        }
        Ok(is_safe)
    }

    pub(super) fn failure(&self) -> Option<Ended> {
        self.state.lock().failure.clone().map(Ended)
    }

    pub(super) fn take_refused(&self) -> Vec<Refused> {
        std::mem::take(&mut self.state.lock().refused)
    }

    pub(super) fn counts(&self) -> OutletCounts {
        self.state.lock().counts
    }

    /// The task goes; whether all that it gave is safe.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.state.lock();
        state.is_left = true;
        let is_safe = state.safe == state.number;
        drop(state);
        self.wake.notify_one();
        is_safe
    }
}

/// Of the writer.
impl Desk {
    /// Takes over what was given.
    pub(super) fn collect(&self, held: &mut Held<Option<Place>>) -> Orders {
        let mut state = self.state.lock();
        for (record, from, bytes) in state.given.drain(..) {
            held.give(record, from, bytes);
        }
        Orders { asked: state.asked, is_left: state.is_left }
    }

    pub(super) fn count(&self, count: impl FnOnce(&mut OutletCounts)) {
        count(&mut self.state.lock().counts);
    }

    pub(super) fn refuse(&self, refused: Vec<Refused>) {
        let mut state = self.state.lock();
        state.counts.refused += refused.len() as u64;
        state.refused.extend(refused);
    }

    pub(super) fn is_safe(&self, safe: u64) {
        self.state.lock().safe = safe;
    }

    pub(super) fn fail(&self, why: String) {
        self.state.lock().failure.get_or_insert(why);
    }

    /// Waits for something to do, no longer than until then.
    pub(super) async fn wait(&self, until: Option<Instant>) {
        let time = async {
            match until {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.wake.notified() => {}
            () = time => {}
        }
    }
}
