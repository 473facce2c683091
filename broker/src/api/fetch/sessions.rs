//! The fetch sessions of all clients: a bounded number of slots.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use kafka_protocol::ResponseError;
use parking_lot::Mutex;

use crate::api::fetch::collect::Wanted;
use crate::api::fetch::session::{MAX_SESSION_PARTITIONS, Session};
use crate::log::Partition;

/// A session that was used within this time does not make room for another
/// (`FetchSession.MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS`).
const SAFE_FROM_EVICTION: Duration = Duration::from_secs(120);

/// Sessions by id. A client that gets none is served all the same, with longer requests.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    /// max.incremental.fetch.session.cache.slots.
    slots: usize,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<i32, Slot>,
    last_id: i32,
}

#[derive(Debug)]
struct Slot {
    /// Away while a connection fetches: a client fetches from a session on one connection at a time.
    session: Option<Box<Session>>,
    last_used: Instant,
}

/// A session in the hands of a connection; it goes back to its slot when this is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    sessions: Arc<FetchSessions>,
    id: i32,
    /// There until it is dropped.
    session: Box<Session>,
}

impl FetchSessions {
    pub(crate) fn new(slots: i32) -> Self {
        Self { slots: usize::try_from(slots).unwrap_or(0), table: Mutex::default() }
    }

    /// How many there are.
    pub(crate) fn open(&self) -> usize {
        self.table.lock().sessions.len()
    }

    /// Opens a session, if there is a slot for it.
    pub(super) fn create(
        self: &Arc<Self>,
        wanted: &[(Wanted, Option<Arc<Partition>>)],
        by_id: bool,
    ) -> Option<Lease> {
        if wanted.is_empty() || wanted.len() > MAX_SESSION_PARTITIONS {
            return None;
        }
        let mut table = self.table.lock();
        if !table.make_room(self.slots) {
            return None;
        }
        let id = table.next_id();
        table.sessions.insert(id, Slot { session: None, last_used: Instant::now() });
        let session = Box::new(Session::new(id, by_id, wanted));
        Some(Lease { sessions: self.clone(), id, session })
    }

    /// Takes a session up again.
    pub(super) fn resume(self: &Arc<Self>, id: i32, epoch: i32, by_id: bool) -> Result<Lease, ResponseError> {
        let mut table = self.table.lock();
        let slot = table.sessions.get_mut(&id).ok_or(ResponseError::FetchSessionIdNotFound)?;
        slot.last_used = Instant::now();
        // Away: this request came twice, or its client is lost in its own requests.
        let session = slot.session.as_mut().ok_or(ResponseError::InvalidFetchSessionEpoch)?;
        if session.is_by_id() != by_id {
            return Err(ResponseError::FetchSessionTopicIdError);
        }
        if !session.advance(epoch) {
            return Err(ResponseError::InvalidFetchSessionEpoch);
        }
        let session = slot.session.take().ok_or(ResponseError::InvalidFetchSessionEpoch)?;
        Ok(Lease { sessions: self.clone(), id, session })
    }

    pub(super) fn remove(&self, id: i32) {
        if id != 0 {
            self.table.lock().sessions.remove(&id);
        }
    }
}

impl Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let session = std::mem::take(&mut self.session);
        if let Some(slot) = self.sessions.table.lock().sessions.get_mut(&self.id) {
            slot.session = Some(session);
        }
    }
}

impl Table {
    /// Frees the slot of the session that was not used for longest, if it may be.
    fn make_room(&mut self, slots: usize) -> bool {
        if self.sessions.len() < slots {
            return true;
        }
        let oldest = self.sessions.iter().min_by_key(|(_, slot)| slot.last_used);
        match oldest.map(|(id, slot)| (*id, slot.last_used.elapsed())) {
            Some((id, quiet)) if quiet > SAFE_FROM_EVICTION => self.sessions.remove(&id).is_some(),
            _ => false,
        }
    }

    fn next_id(&mut self) -> i32 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.sessions.contains_key(&self.last_id) {
                return self.last_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::fetch::collect::TopicKey;

    fn wanted() -> Vec<(Wanted, Option<Arc<Partition>>)> {
        let wanted = Wanted {
            topic: TopicKey::Name("a".into()),
            index: 0,
            fetch_offset: 0,
            max_bytes: 1,
            leader_epoch: -1,
            last_fetched_epoch: -1,
        };
        vec![(wanted, None)]
    }

    #[test]
    fn when_the_slots_run_out_the_next_client_gets_none_until_one_has_been_quiet() {
        let sessions = Arc::new(FetchSessions::new(2));
        let first = sessions.create(&wanted(), false).unwrap().id();
        assert!(sessions.create(&wanted(), false).is_some());
        assert!(sessions.create(&wanted(), false).is_none());
        let long_ago = Instant::now().checked_sub(SAFE_FROM_EVICTION * 2).unwrap();
        sessions.table.lock().sessions.get_mut(&first).unwrap().last_used = long_ago;
        assert!(sessions.create(&wanted(), false).is_some());
        assert!(matches!(sessions.resume(first, 1, false), Err(ResponseError::FetchSessionIdNotFound)));
    }

    #[test]
    fn a_session_is_resumed_in_turn_and_never_twice_at_once() {
        let sessions = Arc::new(FetchSessions::new(2));
        let id = sessions.create(&wanted(), false).unwrap().id();
        assert!(matches!(sessions.resume(id, 2, false), Err(ResponseError::InvalidFetchSessionEpoch)));
        assert!(matches!(sessions.resume(id, 1, true), Err(ResponseError::FetchSessionTopicIdError)));
        let held = sessions.resume(id, 1, false).unwrap();
        assert!(matches!(sessions.resume(id, 2, false), Err(ResponseError::InvalidFetchSessionEpoch)));
        drop(held);
        assert!(sessions.resume(id, 2, false).is_ok());
    }
}
