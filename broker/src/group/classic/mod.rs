//! The classic group (KIP-134, KIP-345, KIP-394, KIP-800, KIP-814; Kafka's `ClassicGroup`) as a state machine
//! without clock, threads or files: events go in by method, `Action`s come out, `tick` is due at `wake_at`.
//!
//! Invariants:
//! - A ticket is answered once. It waits in a member or in `stores`, never in both, and nobody drops either
//!   without answering.
//! - The group is Stable only after the record with the assignment of its generation is durable.
//! - No assignment is ever given out that is not the one stored for the generation.

mod action;
mod describe;
mod join;
mod leave;
mod member;
mod members;
mod rebalance;
mod session;
mod state;
mod store;
mod sync;
mod tick;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use indexmap::IndexMap;

#[cfg(test)]
pub(crate) use self::action::Synced;
pub(crate) use self::action::{
    Action, Actions, GroupRecord, Join, JoinAnswer, Joined, JoinedMember, Leaving, MemberRecord, Sender,
    StoreId, Sync, SyncAnswer, Ticket,
};
pub(crate) use self::member::{Member, Protocol};
use self::members::Members;
pub(crate) use self::state::State;
use self::store::Stores;
use super::error::GroupError;
use super::ids::{GroupId, InstanceId, MemberId};
use super::limits::GroupLimits;
use super::time::{Millis, Now};

#[derive(Debug)]
pub(crate) struct ClassicGroup {
    /// For the log.
    id: GroupId,
    /// Shared by all groups.
    limits: Arc<GroupLimits>,
    state: State,
    /// When the group came into its state, milliseconds since 1970: offsets of an empty group expire by it.
    state_since_ms: i64,
    /// Counts completed rebalances; 0 before the first.
    generation: i32,
    /// "consumer", "connect", ...: all members have the same. None: the group was never joined.
    protocol_type: Option<Arc<str>>,
    /// What the generation's members agreed on.
    protocol_name: Option<Arc<str>>,
    /// Who assigns. A member, if there are members.
    leader: Option<MemberId>,
    members: Members,
    /// Ids given out and not yet seen again, with the time at which they lapse; at most `PENDING_MEMBERS_MAX`.
    pending: IndexMap<MemberId, Millis>,
    /// When members that have not asked for their assignment of this generation are dropped.
    sync_deadline: Option<Millis>,
    /// Records handed out whose fate something waits for.
    stores: Stores,
    /// Not later than the first deadline; may be earlier, then the tick finds nothing to do.
    wake_at: Option<Millis>,
}

impl ClassicGroup {
    pub(crate) fn new(id: GroupId, limits: Arc<GroupLimits>, now: Now) -> Self {
        Self {
            id,
            limits,
            state: State::Empty,
            state_since_ms: now.wall_ms,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: Members::default(),
            pending: IndexMap::new(),
            sync_deadline: None,
            stores: Stores::default(),
            wake_at: None,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    #[cfg(test)]
    pub(crate) fn generation(&self) -> i32 {
        self.generation
    }

    pub(crate) fn protocol_type(&self) -> Option<&Arc<str>> {
        self.protocol_type.as_ref()
    }

    pub(crate) fn protocol_name(&self) -> Option<&Arc<str>> {
        self.protocol_name.as_ref()
    }

    pub(crate) fn state_since_ms(&self) -> i64 {
        self.state_since_ms
    }

    /// When `tick` is due.
    pub(crate) fn wake_at(&self) -> Option<Millis> {
        self.wake_at
    }

    /// Whether the group holds nothing that anyone could ask for: it was never joined and no id is out.
    pub(crate) fn is_vacant(&self) -> bool {
        self.state == State::Empty && self.generation == 0 && self.has_no_pending()
    }

    /// Whether no id is out that a client could still come back with.
    pub(crate) fn has_no_pending(&self) -> bool {
        self.pending.is_empty()
    }

    /// The group is deleted. It must be empty.
    pub(crate) fn die(&mut self, now: Now) {
        debug_assert!(self.members.is_empty(), "a group with members is not deleted");
        self.enter(State::Dead, now);
        self.wake_at = None;
    }

    fn check_sender(&self, sender: &Sender) -> Result<(), GroupError> {
        self.check_alive()?;
        self.check_member(&sender.member_id, sender.instance_id.as_ref())?;
        if sender.generation == self.generation { Ok(()) } else { Err(GroupError::IllegalGeneration) }
    }

    fn check_alive(&self) -> Result<(), GroupError> {
        if self.state == State::Dead { Err(GroupError::CoordinatorNotAvailable) } else { Ok(()) }
    }

    fn check_member(&self, id: &MemberId, instance: Option<&InstanceId>) -> Result<(), GroupError> {
        if let Some(instance) = instance {
            match self.members.static_id(instance) {
                None => return Err(GroupError::UnknownMemberId),
                Some(holder) if holder != id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains(id) { Ok(()) } else { Err(GroupError::UnknownMemberId) }
    }

    fn is_leader(&self, id: &MemberId) -> bool {
        self.leader.as_ref() == Some(id)
    }

    fn enter(&mut self, state: State, now: Now) {
        self.state = state;
        self.state_since_ms = now.wall_ms;
    }

    fn wake_by(&mut self, at: Millis) {
        self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
    }
}
