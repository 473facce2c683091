//! What happens when nobody says anything.

use tracing::info;

use super::action::Actions;
use super::state::{JoinPhase, State};
use super::{ClassicGroup, Millis, Now};

impl ClassicGroup {
    /// Lets everything lapse whose time has come.
    pub(crate) fn tick(&mut self, now: Now, out: &mut Actions) {
        self.lapse_pending(now, out);
        self.expire_members(now, out);
        self.end_join_phase(now, out);
        self.expire_unsynced(now, out);
        self.wake_at = self.first_deadline();
    }

    /// Ids that were given out and never used.
    fn lapse_pending(&mut self, now: Now, out: &mut Actions) {
        let before = self.pending.len();
        self.pending.retain(|_, lapses_at| *lapses_at > now.ticks);
        if self.pending.len() < before {
            self.complete_join_if_all_joined(now, out);
        }
    }

    /// Members that were not heard of for their session time-out.
    fn expire_members(&mut self, now: Now, out: &mut Actions) {
        self.members.change_all(|member| {
            if member.is_excused() {
                member.deadline = member.deadline.filter(|at| *at > now.ticks);
            }
        });
        let expired = self.members.ids(|member| member.deadline.is_some_and(|at| at <= now.ticks));
        for id in &expired {
            info!(group = %self.id, member = %id, "the member's session timed out");
            self.remove_member(id, out);
        }
        if !expired.is_empty() {
            self.rebalance_or_complete("sessions of members timed out", now, out);
        }
    }

    fn end_join_phase(&mut self, now: Now, out: &mut Actions) {
        match self.state {
            State::PreparingRebalance(JoinPhase::Initial { ends_at, delay, remaining, member_added })
                if ends_at <= now.ticks =>
            {
                if member_added && remaining > 0 {
                    self.extend_initial_delay(delay, remaining, now);
                } else {
                    self.complete_join(now, out);
                }
            }
            State::PreparingRebalance(JoinPhase::Rejoin { ends_at }) if ends_at <= now.ticks => {
                self.complete_join(now, out);
            }
            _ => {}
        }
    }

    /// Members of the generation that never asked for their assignment: their partitions would lie idle.
    fn expire_unsynced(&mut self, now: Now, out: &mut Actions) {
        if self.sync_deadline.is_none_or(|at| at > now.ticks) {
            return;
        }
        self.sync_deadline = None;
        let missing = self.members.ids(|member| !member.synced);
        for id in &missing {
            info!(group = %self.id, member = %id, "the member did not fetch its assignment in time");
            self.remove_member(id, out);
        }
        if !missing.is_empty() {
            self.rebalance_or_complete("members did not fetch their assignment", now, out);
        }
    }

    fn first_deadline(&self) -> Option<Millis> {
        let phase = match self.state {
            State::PreparingRebalance(JoinPhase::Initial { ends_at, .. } | JoinPhase::Rejoin { ends_at }) => {
                Some(ends_at)
            }
            _ => None,
        };
        let sessions = self.members.iter().filter_map(|member| member.deadline);
        let pending = self.pending.values().copied();
        sessions.chain(pending).chain(phase).chain(self.sync_deadline).min()
    }
}
