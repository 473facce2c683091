//! SyncGroup: the leader brings the assignment, everyone fetches their part.

use bytes::Bytes;
use hashbrown::HashMap;
use tracing::{info, warn};

use super::action::{Action, Actions, Sync, Synced, Ticket};
use super::state::State;
use super::store::Then;
use super::{ClassicGroup, GroupError, MemberId, Now};

impl ClassicGroup {
    /// A member asks for its assignment. The answer waits for the leader's, and for that to be stored.
    pub(crate) fn sync(&mut self, sync: Sync, ticket: Ticket, now: Now, out: &mut Actions) {
        if let Err(error) = self.try_sync(sync, ticket, now, out) {
            out.push(Action::AnswerSync(ticket, Err(error)));
        }
    }

    fn try_sync(
        &mut self,
        sync: Sync,
        ticket: Ticket,
        now: Now,
        out: &mut Actions,
    ) -> Result<(), GroupError> {
        self.check_sender(&sync.sender)?;
        self.check_protocol(&sync)?;
        match self.state {
            State::Empty | State::Dead => return Err(GroupError::UnknownMemberId),
            State::PreparingRebalance(_) => return Err(GroupError::RebalanceInProgress),
            State::CompletingRebalance => self.sync_completing(sync, ticket, out),
            State::Stable => self.sync_stable(&sync.sender.member_id, ticket, now, out),
        }
        Ok(())
    }

    /// Versions before 5 do not say which protocol they mean.
    fn check_protocol(&self, sync: &Sync) -> Result<(), GroupError> {
        let differs = |said: &Option<_>, is: &Option<_>| said.is_some() && said != is;
        if differs(&sync.protocol_type, &self.protocol_type)
            || differs(&sync.protocol_name, &self.protocol_name)
        {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn sync_completing(&mut self, sync: Sync, ticket: Ticket, out: &mut Actions) {
        let id = sync.sender.member_id;
        let former = self.members.change(&id, |member| {
            member.synced = true;
            member.awaiting_sync.replace(ticket)
        });
        if let Some(former) = former.flatten() {
            // The client has sent its SyncGroup twice and waits for the second.
            out.push(Action::AnswerSync(former, Err(GroupError::RebalanceInProgress)));
        }
        // A leader that repeats itself does not replace what is already on its way to the log.
        if self.is_leader(&id) && !self.stores.stabilises(self.generation) {
            let assignments: HashMap<MemberId, Bytes> = sync.assignments.into_iter().collect();
            info!(group = %self.id, generation = self.generation, leader = %id, "assignment from the leader");
            self.store(Then::Stabilise { generation: self.generation, assignments }, out);
        }
    }

    fn sync_stable(&mut self, id: &MemberId, ticket: Ticket, now: Now, out: &mut Actions) {
        let assignment = self.members.change(id, |member| {
            member.synced = true;
            member.assignment.clone()
        });
        self.touch(id, now);
        out.push(Action::AnswerSync(ticket, Ok(self.synced(assignment.unwrap_or_default()))));
    }

    fn synced(&self, assignment: Bytes) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment,
        }
    }

    /// The assignment of the generation is stored, or could not be.
    pub(super) fn stabilise(
        &mut self,
        mut assignments: HashMap<MemberId, Bytes>,
        fate: Result<(), GroupError>,
        now: Now,
        out: &mut Actions,
    ) {
        if let Err(error) = fate {
            warn!(group = %self.id, generation = self.generation, %error, "the assignment could not be stored");
            self.abandon_assignment(error, now, out);
            self.rebalance_or_complete("the assignment could not be stored", now, out);
            return;
        }
        self.members
            .change_all(|member| member.assignment = assignments.remove(&member.id).unwrap_or_default());
        self.enter(State::Stable, now);
        for (id, ticket) in self.take_syncs() {
            self.sync_stable(&id, ticket, now, out);
        }
    }

    /// Those who wait for their assignment will not get it from this generation.
    pub(super) fn abandon_assignment(&mut self, error: GroupError, now: Now, out: &mut Actions) {
        self.members.change_all(|member| member.assignment = Bytes::new());
        for (id, ticket) in self.take_syncs() {
            self.touch(&id, now);
            out.push(Action::AnswerSync(ticket, Err(error)));
        }
    }

    fn take_syncs(&mut self) -> Vec<(MemberId, Ticket)> {
        let mut waiting = Vec::new();
        self.members.change_all(|member| {
            waiting.extend(member.awaiting_sync.take().map(|ticket| (member.id.clone(), ticket)));
        });
        waiting
    }
}
