//! What the membership asks for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;

use super::{Done, Shell, commit, sizes_of};
use crate::consumer::coordinator::Member;
use crate::consumer::desk::Missing;
use crate::consumer::event::{Event, Revoked};
use crate::consumer::group::assignor::Subscription;
use crate::consumer::group::membership::{Action, Answer};
use crate::consumer::group::requests;
use crate::consumer::shared::Shared;
use crate::{Error, TopicPartition};

/// How long the leader waits for the metadata of topics that it did not know.
const METADATA_WAIT: Duration = Duration::from_secs(5);

impl Shell {
    pub(super) fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            self.act(action);
        }
        *self.shared.member.lock() = self.member();
    }

    fn act(&mut self, action: Action) {
        let (shared, member) = (Arc::clone(&self.shared), self.member());
        match action {
            Action::Find(ticket) => self.push(async move { Done::Found(ticket, find(&shared).await) }),
            Action::Join(ticket) => self.join(ticket, member),
            Action::Plan(ticket) => self.plan(ticket),
            Action::Sync(ticket) => {
                let plan = std::mem::take(&mut self.plan);
                let assignor = self.assignor.as_ref().map_or_else(String::new, |a| a.name().to_owned());
                if let Some(node) = self.node.clone() {
                    self.push(async move {
                        Done::Synced(ticket, requests::sync(&shared, &node, &member, &assignor, plan).await)
                    });
                }
            }
            Action::Heartbeat => self.push(async move {
                Done::Beat(member.generation, requests::heartbeat(&shared, &member).await)
            }),
            Action::Leave(id) => self.push(async move {
                let member = Member { id, ..member };
                let reason = "max.poll.interval.ms passed without a poll";
                tracing::warn!(reason, "leaving the group; poll more often, or raise max.poll.interval.ms");
                if let Err(error) = requests::leave(&shared, &member, reason).await {
                    tracing::debug!(%error, "could not leave the group");
                }
                Done::Left
            }),
            Action::Revoke(partitions) => self.revoke(partitions),
            Action::Lose(partitions) => {
                self.revocation += 1;
                self.shared.update(|desk| {
                    desk.remove(&partitions);
                    desk.tell(Event::Lost(partitions));
                });
            }
            Action::Assign(partitions) => {
                if let Some(assignor) = &self.assignor {
                    assignor.on_assignment(&self.assignment, self.membership.generation());
                }
                self.shared.update(|desk| {
                    desk.add(&partitions, Missing::Committed);
                    desk.tell(Event::Assigned(partitions));
                });
            }
            Action::Fail(code) => {
                let group = shared.config.group_id.clone().unwrap_or_default();
                let error = Error::broker(code, format!("membership in group {group}"));
                self.shared.update(|desk| desk.fail(error));
            }
        }
    }

    fn join(&mut self, ticket: u64, member: Member) {
        let shared = Arc::clone(&self.shared);
        let subscription = Subscription {
            topics: self.names.clone(),
            user_data: None,
            owned: self.membership.owned().to_vec(),
            generation: member.generation,
            rack: Some(shared.config.client.client_rack.clone()).filter(|rack| !rack.is_empty()),
            instance_id: member.instance_id.clone(),
        };
        self.assigned_sizes = None;
        self.members.clear();
        let Some(node) = self.node.clone() else { return };
        self.push(async move {
            Done::Joined(ticket, requests::join(&shared, &node, &member, &subscription).await)
        });
    }

    /// The leader assigns on a thread that may block, when it knows the topics of all members.
    fn plan(&mut self, ticket: u64) {
        self.pin();
        let Some(assignor) = self.assignor.clone() else { return };
        let (shared, members) = (Arc::clone(&self.shared), self.members.clone());
        self.push(async move {
            let topics: Vec<Arc<str>> = members.values().flat_map(|member| member.topics.clone()).collect();
            let deadline = Instant::now() + METADATA_WAIT;
            // Topics that do not exist are left out of the assignment.
            join_all(topics.iter().map(|topic| shared.cluster.topic(topic, deadline))).await;
            let sizes = sizes_of(&shared.cluster.snapshot(), &topics);
            let assigned = tokio::task::spawn_blocking(move || assignor.assign(&sizes, &members)).await;
            Done::Planned(ticket, assigned.unwrap_or_else(|panic| Err(assignor_panicked(&panic))))
        });
    }

    fn revoke(&mut self, partitions: Vec<TopicPartition>) {
        self.revocation += 1;
        let number = self.revocation;
        let (event, released) = Revoked::new(partitions.clone());
        self.shared.update(|desk| {
            desk.leaving(&partitions);
            desk.tell(Event::Revoked(event));
        });
        let (shared, member) = (Arc::clone(&self.shared), self.member());
        self.push(async move {
            let _ = released.await;
            if shared.config.auto_commit {
                let offsets = shared.desk().processed(Some(&partitions));
                if let Err(error) = commit(&shared, &member, offsets).await {
                    tracing::warn!(%error, "the last commit before a rebalance failed; records will be read again");
                }
            }
            Done::Released(number)
        });
    }
}

async fn find(shared: &Shared) -> Answer<()> {
    let Some(coordinator) = &shared.coordinator else { return Answer::Lost };
    requests::answer(coordinator.node(&shared.cluster).await.map(|_| ()))
}

fn assignor_panicked(panic: &tokio::task::JoinError) -> Error {
    Error::Misuse(format!("the assignor panicked: {panic}").into())
}
