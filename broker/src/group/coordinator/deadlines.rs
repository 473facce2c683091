//! When which group is to be looked at: one entry per group, one task for all.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::group::ids::GroupId;
use crate::group::time::{Clock, Millis};

/// At most one entry per group that has a deadline.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// Held for a look-up or an insertion.
    queue: Mutex<BTreeSet<(Millis, GroupId)>>,
    /// An entry came before the first.
    earlier: Arc<Notify>,
}

impl Deadlines {
    /// Moves a group's entry.
    pub(super) fn reschedule(&self, id: &GroupId, from: Option<Millis>, to: Option<Millis>) {
        let mut queue = self.queue.lock();
        if let Some(from) = from {
            queue.remove(&(from, id.clone()));
        }
        let Some(to) = to else { return };
        let comes_first = queue.first().is_none_or(|(first, _)| to < *first);
        queue.insert((to, id.clone()));
        drop(queue);
        if comes_first {
            self.earlier.notify_one();
        }
    }

    /// The next group whose time has come; waits for it.
    pub(super) async fn next(&self, clock: &Clock) -> (Millis, GroupId) {
        loop {
            let first = self.take_due(clock);
            match first {
                Ok(due) => return due,
                Err(None) => self.earlier.notified().await,
                Err(Some(at)) => {
                    let wake = tokio::time::sleep_until(clock.instant(at).into());
                    tokio::select! {
                        () = wake => {}
                        () = self.earlier.notified() => {}
                    }
                }
            }
        }
    }

    /// Takes the first entry if it is due, or says when it will be.
    fn take_due(&self, clock: &Clock) -> Result<(Millis, GroupId), Option<Millis>> {
        let mut queue = self.queue.lock();
        match queue.first() {
            None => Err(None),
            Some((at, _)) if *at > clock.now().ticks => Err(Some(*at)),
            Some(_) => queue.pop_first().ok_or(None),
        }
    }
}
