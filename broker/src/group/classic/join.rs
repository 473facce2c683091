//! JoinGroup.

use tracing::{debug, info};

use super::action::{Action, Actions, Join, JoinAnswer, Joined, Ticket};
use super::member::{Member, metadata_bytes};
use super::state::{JoinPhase, State};
use super::store::Then;
use super::{ClassicGroup, GroupError, MemberId, Now};
use crate::group::limits::{
    GROUP_METADATA_BYTES_MAX, MEMBER_PROTOCOLS_MAX, NEW_MEMBER_JOIN_TIMEOUT, PENDING_MEMBERS_MAX,
};

/// A refusal, with the member id that its answer carries.
type Refused = (GroupError, Option<MemberId>);

impl ClassicGroup {
    /// A client wants to be a member of the next generation. The answer may come much later.
    pub(crate) fn join(&mut self, join: Join, ticket: Ticket, now: Now, out: &mut Actions) {
        if let Err((error, member_id)) = self.try_join(join, ticket, now, out) {
            out.push(Action::AnswerJoin(ticket, JoinAnswer::Refused { error, member_id }));
        }
    }

    fn try_join(&mut self, join: Join, ticket: Ticket, now: Now, out: &mut Actions) -> Result<(), Refused> {
        let refuse = |error| Err((error, join.member_id.clone()));
        if !(self.limits.session_timeout_min..=self.limits.session_timeout_max)
            .contains(&join.session_timeout)
        {
            return refuse(GroupError::InvalidSessionTimeout);
        }
        if let Err(error) = self.check_alive() {
            return refuse(error);
        }
        if !self.has_room_for(&join) {
            return Err(self.turn_away(&join, now, out));
        }
        if !self.supports(&join) {
            return refuse(GroupError::InconsistentGroupProtocol);
        }
        match join.member_id.clone() {
            None => self.join_new(join, ticket, now, out),
            Some(id) => self.join_known(id, join, ticket, now, out),
        }
    }

    /// While members join, those that wait are counted and not those that are in: where the limit was lowered,
    /// the last to join again are the ones who have to go.
    fn has_room_for(&self, join: &Join) -> bool {
        let known = join.member_id.as_ref().and_then(|id| self.members.get(id));
        let former_bytes = known.map_or(0, Member::metadata_bytes);
        let bytes = self.members.metadata_bytes() - former_bytes + metadata_bytes(&join.protocols);
        let has_place = match self.state {
            State::Empty | State::Dead => true,
            State::PreparingRebalance(_) => {
                known.is_some_and(|member| member.awaiting_join.is_some())
                    || self.members.awaiting_join() < self.limits.members_max
            }
            State::CompletingRebalance | State::Stable => {
                known.is_some() || self.members.len() < self.limits.members_max
            }
        };
        has_place && bytes <= GROUP_METADATA_BYTES_MAX
    }

    fn turn_away(&mut self, join: &Join, now: Now, out: &mut Actions) -> Refused {
        debug!(group = %self.id, "the group is full, a member is turned away");
        if let Some(id) = &join.member_id {
            self.remove_member(id, out);
            self.complete_join_if_all_joined(now, out);
        }
        (GroupError::GroupMaxSizeReached, None)
    }

    fn supports(&self, join: &Join) -> bool {
        if join.protocol_type.is_empty()
            || join.protocols.is_empty()
            || join.protocols.len() > MEMBER_PROTOCOLS_MAX
        {
            return false;
        }
        self.members.is_empty()
            || (self.protocol_type.as_ref() == Some(&join.protocol_type)
                && self.members.share_one_of(&join.protocols))
    }

    /// A client that has no member id yet.
    fn join_new(&mut self, join: Join, ticket: Ticket, now: Now, out: &mut Actions) -> Result<(), Refused> {
        let holder = join.instance_id.as_ref().and_then(|instance| self.members.static_id(instance)).cloned();
        if let Some(old) = holder {
            self.replace_static(&old, join, ticket, now, out);
        } else if join.requires_known_id && join.instance_id.is_none() {
            let id = join.fresh_id;
            self.await_member(id.clone(), now.ticks + join.session_timeout);
            return Err((GroupError::MemberIdRequired, Some(id)));
        } else {
            self.add_member(join.fresh_id.clone(), join, ticket, now, out);
        }
        Ok(())
    }

    /// An id is given out: the group waits for it as for a member, until it lapses.
    fn await_member(&mut self, id: MemberId, lapses_at: u64) {
        if self.pending.len() >= PENDING_MEMBERS_MAX {
            self.pending.shift_remove_index(0);
        }
        self.pending.insert(id, lapses_at);
        self.wake_by(lapses_at);
    }

    /// A client that was given its member id.
    fn join_known(
        &mut self,
        id: MemberId,
        join: Join,
        ticket: Ticket,
        now: Now,
        out: &mut Actions,
    ) -> Result<(), Refused> {
        if join.instance_id.is_none() && self.pending.shift_remove(&id).is_some() {
            self.add_member(id, join, ticket, now, out);
            return Ok(());
        }
        if let Err(error) = self.check_member(&id, join.instance_id.as_ref()) {
            return Err((error, Some(id)));
        }
        let is_same = self.members.get(&id).is_some_and(|member| member.protocols == join.protocols);
        let needs_rebalance = match self.state {
            State::Empty | State::Dead => return Err((GroupError::UnknownMemberId, Some(id))),
            State::PreparingRebalance(_) => true,
            // The same again: the answer to its first JoinGroup was lost, perhaps.
            State::CompletingRebalance => !is_same,
            // The leader asks for a rebalance where it sees a change that the members' metadata does not show,
            // such as new partitions.
            State::Stable => self.is_leader(&id) || !is_same,
        };
        if needs_rebalance {
            self.join_again(&id, join, ticket, now, out);
        } else {
            self.touch(&id, now);
            out.push(Action::AnswerJoin(ticket, JoinAnswer::Joined(self.joined(&id))));
        }
        Ok(())
    }

    fn add_member(&mut self, id: MemberId, join: Join, ticket: Ticket, now: Now, out: &mut Actions) {
        if let State::PreparingRebalance(JoinPhase::Initial { member_added, .. }) = &mut self.state {
            *member_added = true;
        }
        if self.members.is_empty() {
            self.protocol_type = Some(join.protocol_type.clone());
        }
        self.leader.get_or_insert_with(|| id.clone());
        let reason = reason("a member joins", &join);
        let mut member = Member::joining(id.clone(), join);
        let deadline = now.ticks + NEW_MEMBER_JOIN_TIMEOUT;
        member.deadline = Some(deadline);
        self.members.insert(member);
        self.members.await_join(&id, ticket);
        self.wake_by(deadline);
        self.rebalance_or_complete(&reason, now, out);
    }

    fn join_again(&mut self, id: &MemberId, join: Join, ticket: Ticket, now: Now, out: &mut Actions) {
        let reason = reason("a member joins again", &join);
        self.members.update(id, join);
        self.wait_for_join(id, ticket, out);
        self.rebalance_or_complete(&reason, now, out);
    }

    fn wait_for_join(&mut self, id: &MemberId, ticket: Ticket, out: &mut Actions) {
        if let Some(former) = self.members.await_join(id, ticket) {
            // The client has sent its JoinGroup twice and waits for the second.
            let error = GroupError::RebalanceInProgress;
            out.push(Action::AnswerJoin(former, JoinAnswer::Refused { error, member_id: Some(id.clone()) }));
        }
    }

    /// A static member comes back without its id: it takes its place under a new one, and whoever still uses
    /// the old one is fenced.
    fn replace_static(&mut self, old: &MemberId, join: Join, ticket: Ticket, now: Now, out: &mut Actions) {
        let id = join.fresh_id.clone();
        let leader_before = self.leader.clone();
        info!(group = %self.id, %old, new = %id, "a static member comes back");
        self.answer_waiting(old, GroupError::FencedInstanceId, out);
        self.members.rename(old, id.clone());
        if self.is_leader(old) {
            self.leader = Some(id.clone());
        }
        let may_skip_assignment = join.may_skip_assignment;
        let reason = reason("a static member comes back", &join);
        self.members.update(&id, join);
        self.touch(&id, now);
        let keeps_protocol = self.members.elect_protocol() == self.protocol_name;
        if self.state == State::Stable && keeps_protocol {
            let joined = self.joined_in_place(&id, may_skip_assignment, leader_before);
            self.store(Then::AnswerJoin { ticket, joined }, out);
        } else {
            self.wait_for_join(&id, ticket, out);
            self.rebalance_or_complete(&reason, now, out);
        }
    }

    /// The answer to a static member whose return changes nothing. A leader that knows `skip_assignment` is
    /// told who it is; an older one is told its former id, lest it assigns (KIP-814).
    fn joined_in_place(&self, id: &MemberId, may_skip: bool, leader_before: Option<MemberId>) -> Joined {
        if may_skip {
            Joined { skip_assignment: self.is_leader(id), ..self.joined(id) }
        } else {
            Joined { leader: leader_before, members: Vec::new(), ..self.joined(id) }
        }
    }

    /// The member's place in the present generation.
    pub(super) fn joined(&self, id: &MemberId) -> Joined {
        let protocol = self.protocol_name.as_ref();
        let members = if self.is_leader(id) {
            self.members.iter().map(|member| member.for_leader(protocol)).collect()
        } else {
            Vec::new()
        };
        Joined {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            member_id: id.clone(),
            skip_assignment: false,
            members,
        }
    }
}

fn reason(what: &str, join: &Join) -> String {
    let why = join.reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or("not given");
    format!("{what} (client id {:.249}, its reason: {why})", join.client_id)
}
