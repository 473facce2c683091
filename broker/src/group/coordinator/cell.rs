//! A group where it lives: behind its lock, with the requests that wait in it.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::group::aggregate::Group;
use crate::group::classic::{JoinAnswer, SyncAnswer, Ticket};
use crate::group::ids::GroupId;
use crate::group::time::Millis;

/// Shared by the map of groups, the requests that work on the group, and its stores under way.
#[derive(Debug)]
pub(super) struct GroupCell {
    pub(super) id: GroupId,
    /// One lock per group: groups do not wait for each other. Not tokio's: it is held while the group decides and
    /// while its record is appended, so that the log has the records in the order of the decisions; never across
    /// an await.
    pub(super) locked: Mutex<Locked>,
}

#[derive(Debug)]
pub(super) struct Locked {
    pub(super) group: Group,
    /// The group's entry among the deadlines.
    pub(super) scheduled: Option<Millis>,
    /// Requests that wait for the group's answer. A client that has gone away is found out when it is answered.
    waiting: HashMap<Ticket, Waiter>,
    last_ticket: u64,
}

/// Where an answer goes.
#[derive(Debug)]
pub(super) enum Waiter {
    Join(oneshot::Sender<JoinAnswer>),
    Sync(oneshot::Sender<SyncAnswer>),
}

impl GroupCell {
    pub(super) fn new(id: GroupId, group: Group) -> Arc<Self> {
        let locked = Locked { group, scheduled: None, waiting: HashMap::new(), last_ticket: 0 };
        Arc::new(Self { id, locked: Mutex::new(locked) })
    }
}

impl Locked {
    pub(super) fn wait(&mut self, waiter: Waiter) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.waiting.insert(ticket, waiter);
        ticket
    }

    /// Whether the group can be forgotten.
    pub(super) fn is_vacant(&self) -> bool {
        self.waiting.is_empty() && self.group.is_vacant()
    }

    pub(super) fn answer_join(&mut self, ticket: Ticket, answer: JoinAnswer) {
        if let Some(Waiter::Join(waiter)) = self.waiting.remove(&ticket) {
            // The client may have gone away: then nobody wants to know.
            let _ = waiter.send(answer);
        }
    }

    pub(super) fn answer_sync(&mut self, ticket: Ticket, answer: SyncAnswer) {
        if let Some(Waiter::Sync(waiter)) = self.waiting.remove(&ticket) {
            // As above.
            let _ = waiter.send(answer);
        }
    }
}
