//! From one generation to the next.

use tracing::info;

use super::action::{Action, Actions, JoinAnswer};
use super::state::{JoinPhase, State};
use super::store::Then;
use super::{ClassicGroup, GroupError, Millis, Now};

impl ClassicGroup {
    /// The membership has changed: start a rebalance, or see whether the running one waited for just this.
    pub(super) fn rebalance_or_complete(&mut self, reason: &str, now: Now, out: &mut Actions) {
        if self.state.can_rebalance() {
            self.prepare_rebalance(reason, now, out);
        } else {
            self.complete_join_if_all_joined(now, out);
        }
    }

    fn prepare_rebalance(&mut self, reason: &str, now: Now, out: &mut Actions) {
        info!(group = %self.id, state = self.state.name(), generation = self.generation, reason, "rebalance");
        if self.state == State::CompletingRebalance {
            self.abandon_assignment(GroupError::RebalanceInProgress, now, out);
        }
        self.sync_deadline = None;
        if self.state == State::Empty {
            let delay = self.limits.initial_rebalance_delay;
            let remaining = self.members.rebalance_timeout().saturating_sub(delay);
            self.await_initial(delay, remaining, now);
        } else {
            self.await_rejoin(now);
            self.complete_join_if_all_joined(now, out);
        }
    }

    fn await_initial(&mut self, delay: Millis, remaining: Millis, now: Now) {
        let ends_at = now.ticks + delay;
        let phase = JoinPhase::Initial { ends_at, delay, remaining, member_added: false };
        self.enter(State::PreparingRebalance(phase), now);
        self.wake_by(ends_at);
    }

    fn await_rejoin(&mut self, now: Now) {
        let ends_at = now.ticks + self.members.rebalance_timeout();
        self.enter(State::PreparingRebalance(JoinPhase::Rejoin { ends_at }), now);
        self.wake_by(ends_at);
    }

    /// The first members have been waited for: once more where others came meanwhile, but not beyond the
    /// rebalance time-out.
    pub(super) fn extend_initial_delay(&mut self, delay: Millis, remaining: Millis, now: Now) {
        let next = self.limits.initial_rebalance_delay.min(remaining);
        self.await_initial(next, remaining.saturating_sub(delay), now);
    }

    /// An empty group waits out its delay even when all that are known have joined.
    pub(super) fn complete_join_if_all_joined(&mut self, now: Now, out: &mut Actions) {
        let waits_for_all = matches!(self.state, State::PreparingRebalance(JoinPhase::Rejoin { .. }));
        let all_joined = self.members.awaiting_join() == self.members.len() && self.pending.is_empty();
        if waits_for_all && all_joined {
            self.complete_join(now, out);
        }
    }

    /// Whoever has joined makes the next generation; a static member stays in it though it is away.
    pub(super) fn complete_join(&mut self, now: Now, out: &mut Actions) {
        for absent in self.members.ids(|member| member.awaiting_join.is_none() && !member.is_static()) {
            info!(group = %self.id, member = %absent, "a member did not join the rebalance in time");
            self.remove_member(&absent, out);
        }
        if self.members.is_empty() {
            self.complete_empty(now, out);
        } else if self.elect_joined_leader() {
            self.complete_generation(now, out);
        } else {
            // Static members alone, all away: nobody could assign. Their sessions end this wait.
            self.await_rejoin(now);
        }
    }

    /// A leader that did not join gives way to a member that did.
    fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |id| self.members.get(id).is_some_and(|member| member.awaiting_join.is_some());
        if !self.leader.as_ref().is_some_and(has_joined) {
            let joined = self.members.first(|member| member.awaiting_join.is_some());
            self.leader = joined.or(self.leader.take());
        }
        self.members.awaiting_join() > 0
    }

    fn complete_empty(&mut self, now: Now, out: &mut Actions) {
        self.generation = next_generation(self.generation);
        self.protocol_name = None;
        self.leader = None;
        self.enter(State::Empty, now);
        info!(group = %self.id, generation = self.generation, "the group is empty");
        self.store(Then::Nothing, out);
    }

    fn complete_generation(&mut self, now: Now, out: &mut Actions) {
        self.generation = next_generation(self.generation);
        self.protocol_name = self.members.elect_protocol();
        self.enter(State::CompletingRebalance, now);
        info!(
            group = %self.id, generation = self.generation, members = self.members.len(),
            protocol = self.protocol_name.as_deref(), "generation complete"
        );
        for id in self.members.ids(|_| true) {
            if let Some(ticket) = self.members.take_join(&id) {
                out.push(Action::AnswerJoin(ticket, JoinAnswer::Joined(self.joined(&id))));
            }
            self.members.change(&id, |member| {
                member.is_new = false;
                member.synced = false;
            });
            self.touch(&id, now);
        }
        let deadline = now.ticks + self.members.rebalance_timeout();
        self.sync_deadline = Some(deadline);
        self.wake_by(deadline);
    }
}

/// Generations are never negative: -1 means "none" in the protocol.
fn next_generation(generation: i32) -> i32 {
    generation.checked_add(1).unwrap_or(1)
}
