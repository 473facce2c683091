//! What came of what the membership asked for.

use std::sync::Arc;
use std::time::Instant;

use super::{Done, Shell, sizes_of};
use crate::TopicPartition;
use crate::connection::Node;
use crate::consumer::group::membership::{Action, Answer, Joined};
use crate::consumer::group::requests::JoinOutcome;

impl Shell {
    pub(super) fn handle(&mut self, done: Done) {
        let now = Instant::now();
        let actions = match done {
            Done::Found(ticket, answer) => {
                self.note_node();
                self.membership.found(ticket, answer, now)
            }
            Done::Joined(ticket, outcome) => self.joined(ticket, outcome, now),
            Done::Planned(ticket, Ok(plan)) => {
                self.plan = plan;
                let topics = self.members.values().flat_map(|member| &member.topics);
                self.assigned_sizes = Some(sizes_of(&self.shared.cluster.snapshot(), topics));
                self.membership.planned(ticket)
            }
            Done::Planned(_, Err(error)) => {
                self.shared.update(|desk| desk.fail(error));
                self.membership.leave()
            }
            Done::Synced(ticket, answer) => {
                let partitions = match answer {
                    Answer::Done(assignment) => {
                        self.assignment = assignment;
                        Answer::Done(self.assignment.partitions.clone())
                    }
                    Answer::Refused(code) => Answer::Refused(code),
                    Answer::Lost => Answer::Lost,
                };
                self.membership.synced(ticket, partitions, now)
            }
            Done::Beat(generation, answer) => self.membership.heartbeat_answered(generation, answer, now),
            Done::Released(number) if number == self.revocation => self.let_go(),
            Done::Released(_) | Done::Left => Vec::new(),
            Done::Committed(result) => {
                self.committing = false;
                if let Err(error) = result {
                    tracing::warn!(%error, "an automatic commit failed; it is repeated at the next interval");
                }
                Vec::new()
            }
        };
        self.carry_out(actions);
    }

    fn joined(&mut self, ticket: u64, outcome: JoinOutcome, now: Instant) -> Vec<Action> {
        if let Some(id) = outcome.named {
            self.membership.named(id);
        }
        if let Answer::Done(Joined { generation, leads, .. }) = &outcome.answer {
            tracing::debug!(generation, leads, "joined the group");
            self.members = outcome.members;
            self.assignor = outcome.assignor;
        }
        self.membership.joined(ticket, outcome.answer, now)
    }

    fn let_go(&mut self) -> Vec<Action> {
        let before = self.membership.owned().to_vec();
        let actions = self.membership.released();
        let gone: Vec<TopicPartition> =
            before.into_iter().filter(|partition| !self.membership.owned().contains(partition)).collect();
        self.shared.update(|desk| desk.remove(&gone));
        actions
    }

    /// Follows the coordinator to the broker where it is now.
    fn note_node(&mut self) {
        let Some(coordinator) = &self.shared.coordinator else { return };
        let snapshot = self.shared.cluster.snapshot();
        let Some(broker) = coordinator.known().and_then(|node| snapshot.brokers.get(&node)) else { return };
        match &self.node {
            Some(node) => node.moved_to(broker.address.clone()),
            None => self.node = Some(Arc::new(Node::new(broker.address.clone()))),
        }
    }
}
