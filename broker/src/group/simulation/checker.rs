//! What must hold in every history.

use std::collections::HashMap;

use super::client::{Client, Phase, REBALANCE_TIMEOUT, Request, Response, SESSION_TIMEOUT};
use super::coordinator::{Coordinator, Record, Waiting};
use crate::group::aggregate::Group;
use crate::group::classic::{GroupRecord, JoinAnswer, Joined, State};
use crate::group::ids::MemberId;
use crate::group::time::Millis;

/// No request waits longer than the longest of the times that members were promised, and a little for the disk.
const WAIT_MAX: Millis = REBALANCE_TIMEOUT + SESSION_TIMEOUT + 1_000;

#[derive(Default)]
pub(super) struct Checker {
    /// The newest generation that was given out since the last restart.
    generation: i32,
    /// Whose assignment a generation has, since the last restart.
    nonces: HashMap<i32, String>,
    /// The place in the log of the newest commit that was acknowledged.
    acknowledged: Option<i64>,
}

type Verdict = Result<(), String>;

impl Checker {
    /// The coordinator answers a client.
    pub(super) fn answers(
        &mut self,
        coordinator: &Coordinator,
        waiting: &Waiting,
        response: &Response,
    ) -> Verdict {
        match (&waiting.request, response) {
            (Request::Join(_), Response::Join(JoinAnswer::Joined(joined))) => {
                self.joined(coordinator, joined)
            }
            (Request::Sync(sync), Response::Sync(Ok(synced))) => {
                let assignment = String::from_utf8_lossy(&synced.assignment).into_owned();
                let sender = &sync.sender;
                self.current(sender.generation, "an assignment")?;
                let identity = sender
                    .instance_id
                    .as_ref()
                    .map_or(sender.member_id.as_str(), |instance| instance.as_str());
                self.assigned(sender.generation, &assignment, identity)?;
                durable_with(coordinator, sender.generation, &sender.member_id, &assignment)
            }
            (Request::Commit(sender, value), Response::Commit(Ok(()))) => {
                if sender.generation > self.generation {
                    return Err(format!(
                        "a commit of generation {} that was never given out",
                        sender.generation
                    ));
                }
                let is_it = |record: &Record| matches!(record, Record::Offset(stored) if stored == value);
                let place = coordinator.log.iter().position(is_it).map(|at| at as i64);
                self.acknowledged = self.acknowledged.max(place);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn joined(&mut self, coordinator: &Coordinator, joined: &Joined) -> Verdict {
        self.current(joined.generation, "a place")?;
        self.generation = joined.generation;
        let state = coordinator.group.as_ref().map(|group| group.classic.state());
        if state == Some(State::Stable) && !has_durable(coordinator, joined.generation, &joined.member_id) {
            return Err(format!("{} is in generation {}, not durable", joined.member_id, joined.generation));
        }
        Ok(())
    }

    /// Nothing of an older generation is given out after a newer one began.
    fn current(&self, generation: i32, what: &str) -> Verdict {
        if generation < self.generation {
            return Err(format!("{what} in generation {generation} after {} began", self.generation));
        }
        Ok(())
    }

    /// All members of a generation have the word of one leader, each its own part.
    fn assigned(&mut self, generation: i32, assignment: &str, identity: &str) -> Verdict {
        let Some((nonce, assignee)) = assignment.split_once('|') else {
            return Err(format!("{identity} has no assignment in generation {generation}: {assignment:?}"));
        };
        if assignee != identity {
            return Err(format!("{identity} has the assignment of {assignee} in generation {generation}"));
        }
        let first = self.nonces.entry(generation).or_insert_with(|| nonce.to_owned());
        if first != nonce {
            return Err(format!("generation {generation} has two assignments, {first} and {nonce}"));
        }
        Ok(())
    }

    /// The coordinator is back: what was acknowledged is there.
    pub(super) fn restarted(&mut self, group: &Group) -> Verdict {
        self.nonces.clear();
        self.generation = group.classic.generation();
        for member in group.classic.members() {
            let assignment = String::from_utf8_lossy(&member.assignment).into_owned();
            if let Some((nonce, _)) = assignment.split_once('|') {
                self.nonces.insert(self.generation, nonce.to_owned());
            }
        }
        self.keeps_commits(group)
    }

    fn keeps_commits(&self, group: &Group) -> Verdict {
        let kept = group.offsets.get("topic", 0).map(|committed| committed.stored_at);
        if kept < self.acknowledged {
            return Err(format!("commit at {:?} was acknowledged and is lost: {kept:?}", self.acknowledged));
        }
        Ok(())
    }

    pub(super) fn nobody_waits_too_long(&self, coordinator: &Coordinator, now: Millis) -> Verdict {
        match coordinator.waiting.values().find(|waiting| now > waiting.since + WAIT_MAX) {
            Some(waiting) => Err(format!("since {} ms waits at {now} ms: {waiting:?}", waiting.since)),
            None => Ok(()),
        }
    }

    /// After a time without faults all members are in one stable generation.
    pub(super) fn settled(&self, coordinator: &Coordinator, clients: &[Client]) -> Verdict {
        let Some(group) = &coordinator.group else { return Err("the coordinator is down".into()) };
        self.keeps_commits(group)?;
        if group.classic.state() != State::Stable || group.classic.members().count() != clients.len() {
            return Err(format!("{} clients did not settle: {:?}", clients.len(), group.classic));
        }
        for client in clients {
            if client.phase != Phase::Stable || client.generation != group.classic.generation() {
                return Err(format!("{client:?} is not in generation {}", group.classic.generation()));
            }
            if !client.assignment.ends_with(&format!("|{}", client.identity())) {
                return Err(format!("{client:?} has not its own assignment"));
            }
        }
        Ok(())
    }
}

fn durable_with(coordinator: &Coordinator, generation: i32, id: &MemberId, assignment: &str) -> Verdict {
    let is_stored = |record: &GroupRecord| {
        record.generation == generation
            && record
                .members
                .iter()
                .any(|member| member.id == *id && member.assignment == assignment.as_bytes())
    };
    if durable_groups(coordinator).any(is_stored) {
        return Ok(());
    }
    Err(format!("{id} is told {assignment}, which is not durable"))
}

fn has_durable(coordinator: &Coordinator, generation: i32, id: &MemberId) -> bool {
    let is_stored = |record: &GroupRecord| {
        record.generation == generation && record.members.iter().any(|member| member.id == *id)
    };
    durable_groups(coordinator).any(is_stored)
}

/// The newest first.
fn durable_groups(coordinator: &Coordinator) -> impl Iterator<Item = &GroupRecord> {
    coordinator.log[..coordinator.durable].iter().rev().filter_map(|record| match record {
        Record::Group(record) => Some(record),
        Record::Offset(_) => None,
    })
}
