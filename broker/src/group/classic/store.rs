//! Records on their way to the log, and what waits for them.

use bytes::Bytes;
use hashbrown::HashMap;

use super::action::{Action, Actions, GroupRecord, JoinAnswer, Joined, StoreId, Ticket};
use super::state::State;
use super::{ClassicGroup, GroupError, MemberId, Now};

/// What happens when a record is durable.
#[derive(Debug)]
pub(super) enum Then {
    Nothing,
    /// The generation becomes stable with this assignment.
    Stabilise {
        generation: i32,
        assignments: HashMap<MemberId, Bytes>,
    },
    /// A static member has taken its place.
    AnswerJoin {
        ticket: Ticket,
        joined: Joined,
    },
}

/// Bounded by the requests that wait: a continuation holds a ticket, or the assignment of the one generation.
#[derive(Debug, Default)]
pub(super) struct Stores {
    last_id: u64,
    waiting: HashMap<StoreId, Then>,
}

impl Stores {
    fn add(&mut self, then: Then) -> StoreId {
        self.last_id += 1;
        let id = StoreId(self.last_id);
        if !matches!(then, Then::Nothing) {
            self.waiting.insert(id, then);
        }
        id
    }

    /// Whether the assignment of this generation is on its way.
    pub(super) fn stabilises(&self, of: i32) -> bool {
        let stabilises =
            |then: &Then| matches!(then, Then::Stabilise { generation, .. } if *generation == of);
        self.waiting.values().any(stabilises)
    }
}

impl ClassicGroup {
    pub(super) fn store(&mut self, then: Then, out: &mut Actions) {
        let record = self.record(&then);
        out.push(Action::Store(self.stores.add(then), record));
    }

    /// A record that was handed out is durable, or will never be.
    pub(crate) fn stored(&mut self, id: StoreId, fate: Result<(), GroupError>, now: Now, out: &mut Actions) {
        match self.stores.waiting.remove(&id) {
            None | Some(Then::Nothing) => {}
            Some(Then::Stabilise { generation, assignments }) => {
                // Another rebalance may have begun meanwhile: it has answered those who waited.
                if self.state == State::CompletingRebalance && generation == self.generation {
                    self.stabilise(assignments, fate, now, out);
                }
            }
            Some(Then::AnswerJoin { ticket, joined }) => {
                out.push(Action::AnswerJoin(ticket, self.answer_in_place(joined, fate)));
            }
        }
    }

    /// A generation that has passed meanwhile is not given out any more.
    fn answer_in_place(&self, joined: Joined, fate: Result<(), GroupError>) -> JoinAnswer {
        let member_id = Some(joined.member_id.clone());
        match fate {
            Err(error) => JoinAnswer::Refused { error, member_id: None },
            Ok(()) if joined.generation != self.generation => {
                JoinAnswer::Refused { error: GroupError::RebalanceInProgress, member_id }
            }
            Ok(()) => JoinAnswer::Joined(joined),
        }
    }

    /// The group as it is now, with the assignment that is about to become its own.
    fn record(&self, then: &Then) -> GroupRecord {
        let protocol = self.protocol_name.as_ref();
        let assignment = |member: &super::Member| match then {
            Then::Stabilise { assignments, .. } => assignments.get(&member.id).cloned().unwrap_or_default(),
            Then::Nothing | Then::AnswerJoin { .. } => member.assignment.clone(),
        };
        GroupRecord {
            protocol_type: self.protocol_type.clone(),
            generation: self.generation,
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            state_since_ms: self.state_since_ms,
            members: self.members.iter().map(|member| member.record(protocol, assignment(member))).collect(),
        }
    }
}
