//! LeaveGroup, and every other way out of a group.

use tracing::info;

use super::action::{Action, Actions, JoinAnswer, Leaving};
use super::{ClassicGroup, GroupError, MemberId, Now};

impl ClassicGroup {
    /// Members leave, all in one go: the others rebalance once. One result for each, in their order.
    pub(crate) fn leave(
        &mut self,
        leaving: &[Leaving],
        now: Now,
        out: &mut Actions,
    ) -> Result<Vec<Result<(), GroupError>>, GroupError> {
        self.check_alive()?;
        let before = self.members.len();
        let results = leaving.iter().map(|member| self.leave_one(member, out)).collect();
        if self.members.len() < before {
            self.rebalance_or_complete("members leave", now, out);
        } else {
            // An id that was given back holds nobody up any more.
            self.complete_join_if_all_joined(now, out);
        }
        Ok(results)
    }

    fn leave_one(&mut self, leaving: &Leaving, out: &mut Actions) -> Result<(), GroupError> {
        let id = match &leaving.member_id {
            Some(id) if self.pending.shift_remove(id).is_some() => return Ok(()),
            Some(id) => {
                self.check_member(id, leaving.instance_id.as_ref())?;
                id.clone()
            }
            // An operator removes a static member by the name it configured.
            None => {
                let holder =
                    leaving.instance_id.as_ref().and_then(|instance| self.members.static_id(instance));
                holder.cloned().ok_or(GroupError::UnknownMemberId)?
            }
        };
        let reason = leaving.reason.as_deref().unwrap_or("not given");
        info!(group = %self.id, member = %id, reason, "a member leaves");
        self.remove_member(&id, out);
        Ok(())
    }

    /// Takes the member out and tells its waiting requests. Its partitions are someone else's only after the
    /// rebalance that the caller starts.
    pub(super) fn remove_member(&mut self, id: &MemberId, out: &mut Actions) {
        self.answer_waiting(id, GroupError::UnknownMemberId, out);
        if self.members.remove(id).is_some() && self.is_leader(id) {
            self.leader = self.members.first(|_| true);
        }
    }

    /// Whoever waits under this member id is refused.
    pub(super) fn answer_waiting(&mut self, id: &MemberId, error: GroupError, out: &mut Actions) {
        if let Some(ticket) = self.members.take_join(id) {
            out.push(Action::AnswerJoin(ticket, JoinAnswer::Refused { error, member_id: Some(id.clone()) }));
        }
        if let Some(ticket) = self.members.change(id, |member| member.awaiting_sync.take()).flatten() {
            out.push(Action::AnswerSync(ticket, Err(error)));
        }
    }
}
