//! Fetch sessions (KIP-227): the broker remembers what a consumer reads, and is told the differences only.

use hashbrown::HashMap;
use uuid::Uuid;

use crate::TopicPartition;

/// What is asked of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) offset: i64,
    pub(super) leader_epoch: i32,
    pub(super) max_bytes: i32,
    /// Nil on brokers that know none. Another one is another topic of the same name.
    pub(super) topic_id: Uuid,
}

/// What to say in the next request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Differences {
    pub(super) session_id: i32,
    pub(super) epoch: i32,
    pub(super) changed: Vec<(TopicPartition, Ask)>,
    /// With the ids that the broker was told.
    pub(super) forgotten: Vec<(TopicPartition, Uuid)>,
}

/// One session with one broker (`FetchSessionHandler`).
#[derive(Debug, Default)]
pub(super) struct Session {
    /// 0: none yet, ask for one.
    id: i32,
    /// 0: a full request follows.
    epoch: i32,
    /// What the broker has been told.
    told: HashMap<TopicPartition, Ask>,
}

impl Session {
    /// The request that makes the broker read `wanted`.
    pub(super) fn next(&mut self, wanted: Vec<(TopicPartition, Ask)>) -> Differences {
        if self.epoch == 0 {
            self.told = wanted.iter().cloned().collect();
            return Differences { session_id: self.id, epoch: 0, changed: wanted, forgotten: Vec::new() };
        }
        let ids: HashMap<&TopicPartition, Uuid> =
            wanted.iter().map(|(partition, ask)| (partition, ask.topic_id)).collect();
        let told = self.told.iter().map(|(partition, ask)| (partition.clone(), ask.topic_id));
        let forgotten: Vec<(TopicPartition, Uuid)> =
            told.filter(|(partition, id)| ids.get(partition) != Some(id)).collect();
        drop(ids);
        for (partition, _) in &forgotten {
            self.told.remove(partition);
        }
        let changed: Vec<(TopicPartition, Ask)> =
            wanted.into_iter().filter(|(partition, ask)| self.told.get(partition) != Some(ask)).collect();
        self.told.extend(changed.iter().cloned());
        Differences { session_id: self.id, epoch: self.epoch, changed, forgotten }
    }

    /// The broker answered with this session id; 0 means that it keeps none.
    pub(super) fn answered(&mut self, id: i32) {
        self.epoch = match id {
            0 => 0,
            id if id != self.id => 1,
            _ => self.epoch.checked_add(1).unwrap_or(1),
        };
        self.id = id;
    }

    /// The session is in doubt or gone: begin a new one.
    pub(super) fn broken(&mut self, forgotten_by_broker: bool) {
        if forgotten_by_broker {
            self.id = 0;
        }
        self.epoch = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(partition: i32, offset: i64) -> (TopicPartition, Ask) {
        (
            TopicPartition::new("t", partition),
            Ask { offset, leader_epoch: 0, max_bytes: 100, topic_id: Uuid::nil() },
        )
    }

    #[test]
    fn only_differences_are_told() {
        let mut session = Session::default();
        let first = session.next(vec![ask(0, 5), ask(1, 5)]);
        assert_eq!((first.session_id, first.epoch, first.changed.len()), (0, 0, 2));
        session.answered(77);
        let second = session.next(vec![ask(0, 9), ask(1, 5)]);
        assert_eq!((second.session_id, second.epoch), (77, 1));
        assert_eq!(second.changed, [ask(0, 9)]);
        session.answered(77);
        let third = session.next(vec![ask(1, 5)]);
        assert_eq!((third.epoch, third.changed.len()), (2, 0));
        assert_eq!(third.forgotten, [(TopicPartition::new("t", 0), Uuid::nil())]);
        session.answered(77);
        assert_eq!(session.next(vec![ask(0, 9), ask(1, 5)]).changed, [ask(0, 9)], "told again");
    }

    #[test]
    fn a_topic_made_anew_takes_the_place_of_the_old_one() {
        let (old, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let of = |topic_id| (ask(0, 5).0, Ask { topic_id, ..ask(0, 5).1 });
        let mut session = Session::default();
        session.next(vec![of(old)]);
        session.answered(77);
        let next = session.next(vec![of(new)]);
        assert_eq!((next.changed, next.forgotten), (vec![of(new)], vec![(ask(0, 5).0, old)]));
        session.answered(77);
        let next = session.next(vec![of(new)]);
        assert!(next.changed.is_empty() && next.forgotten.is_empty());
    }

    #[test]
    fn a_broken_session_begins_anew() {
        let mut session = Session::default();
        session.next(vec![ask(0, 5)]);
        session.answered(77);
        session.broken(true);
        let full = session.next(vec![ask(0, 5)]);
        assert_eq!((full.session_id, full.epoch, full.changed.len()), (0, 0, 1));
        session.answered(0);
        assert_eq!(session.next(vec![ask(0, 5)]).epoch, 0, "a broker without room for sessions");
    }
}
