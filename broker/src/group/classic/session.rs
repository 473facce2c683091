//! Signs of life.

use super::state::State;
use super::{ClassicGroup, GroupError, MemberId, Now, Sender};

impl ClassicGroup {
    /// A heartbeat: the member lives, and learns whether the group still stands as it knows it.
    pub(crate) fn heartbeat(&mut self, sender: &Sender, now: Now) -> Result<(), GroupError> {
        self.check_sender(sender)?;
        match self.state {
            State::Empty | State::Dead => Err(GroupError::UnknownMemberId),
            State::PreparingRebalance(_) => {
                self.touch(&sender.member_id, now);
                Err(GroupError::RebalanceInProgress)
            }
            State::CompletingRebalance | State::Stable => {
                self.touch(&sender.member_id, now);
                Ok(())
            }
        }
    }

    /// Whether an offset may be committed by this sender, whose session it prolongs (Kafka:
    /// `ClassicGroup.validateOffsetCommit`). Negative generations come from consumers without group management
    /// and from operators: they may commit while the group has no members.
    pub(crate) fn check_commit(&mut self, sender: &Sender, now: Now) -> Result<(), GroupError> {
        self.check_alive()?;
        if sender.generation < 0 && self.state == State::Empty {
            return Ok(());
        }
        let is_anonymous = sender.member_id.as_str().is_empty() && sender.instance_id.is_none();
        if sender.generation < 0 && is_anonymous {
            return Err(GroupError::UnknownMemberId);
        }
        self.check_sender(sender)?;
        match self.state {
            State::CompletingRebalance => Err(GroupError::RebalanceInProgress),
            _ => {
                self.touch(&sender.member_id, now);
                Ok(())
            }
        }
    }

    /// The member was heard of.
    pub(super) fn touch(&mut self, id: &MemberId, now: Now) {
        let deadline = self.members.change(id, |member| {
            let deadline = now.ticks + member.session_timeout;
            member.deadline = Some(deadline);
            deadline
        });
        deadline.into_iter().for_each(|at| self.wake_by(at));
    }
}
