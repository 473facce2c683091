//! The members of a classic group, with what is counted over all of them. No one else changes a member's
//! protocols or its waiting JoinGroup, so the counts never disagree with the members.

use std::sync::Arc;

use hashbrown::HashMap;
use indexmap::IndexMap;

use super::action::{Join, Ticket};
use super::member::{Member, Protocol};
use crate::group::ids::{InstanceId, MemberId};
use crate::group::time::Millis;

#[derive(Debug, Default)]
pub(crate) struct Members {
    /// In the order in which they joined, as far as none has left: the first is the next leader.
    by_id: IndexMap<MemberId, Member>,
    /// Who holds which instance id now.
    by_instance: HashMap<InstanceId, MemberId>,
    /// How many members know a protocol.
    supporters: HashMap<Arc<str>, usize>,
    /// Members whose JoinGroup waits.
    awaiting_join: usize,
    /// Bytes of all members' protocols, bounded by `GROUP_METADATA_BYTES_MAX`.
    metadata_bytes: usize,
}

impl Members {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn get(&self, id: &MemberId) -> Option<&Member> {
        self.by_id.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values()
    }

    pub(super) fn contains(&self, id: &MemberId) -> bool {
        self.by_id.contains_key(id)
    }

    pub(super) fn awaiting_join(&self) -> usize {
        self.awaiting_join
    }

    pub(super) fn metadata_bytes(&self) -> usize {
        self.metadata_bytes
    }

    pub(super) fn static_id(&self, instance: &InstanceId) -> Option<&MemberId> {
        self.by_instance.get(instance)
    }

    /// The longest time that any member needs to join again.
    pub(super) fn rebalance_timeout(&self) -> Millis {
        self.iter().map(|member| member.rebalance_timeout).max().unwrap_or(0)
    }

    pub(super) fn insert(&mut self, member: Member) {
        debug_assert!(member.awaiting_join.is_none(), "waiting is counted by await_join");
        self.count_protocols(&member);
        if let Some(instance) = &member.instance_id {
            self.by_instance.insert(instance.clone(), member.id.clone());
        }
        let former = self.by_id.insert(member.id.clone(), member);
        debug_assert!(former.is_none(), "a member id is given out once");
    }

    pub(super) fn remove(&mut self, id: &MemberId) -> Option<Member> {
        let member = self.by_id.swap_remove(id)?;
        self.uncount_protocols(&member);
        self.awaiting_join -= usize::from(member.awaiting_join.is_some());
        if let Some(instance) = &member.instance_id {
            self.by_instance.remove(instance);
        }
        Some(member)
    }

    /// Changes what is not counted.
    pub(super) fn change<T>(&mut self, id: &MemberId, change: impl FnOnce(&mut Member) -> T) -> Option<T> {
        self.by_id.get_mut(id).map(change)
    }

    /// Changes what is not counted, in all members.
    pub(super) fn change_all(&mut self, change: impl FnMut(&mut Member)) {
        self.by_id.values_mut().for_each(change);
    }

    /// Takes over what the member says about itself when it joins again.
    pub(super) fn update(&mut self, id: &MemberId, join: Join) {
        if let Some(mut member) = self.by_id.get(id).cloned() {
            self.uncount_protocols(&member);
            member.take_over(join);
            self.count_protocols(&member);
            self.by_id.insert(id.clone(), member);
        }
    }

    /// The static member comes back under another id; the one it had is gone.
    pub(super) fn rename(&mut self, old: &MemberId, new: MemberId) {
        if let Some(mut member) = self.remove(old) {
            member.awaiting_join = None;
            member.awaiting_sync = None;
            member.id = new;
            self.insert(member);
        }
    }

    /// Lets the member's JoinGroup wait. Returns the one that waited before: it needs an answer.
    pub(super) fn await_join(&mut self, id: &MemberId, ticket: Ticket) -> Option<Ticket> {
        let former = self.change(id, |member| member.awaiting_join.replace(ticket))?;
        self.awaiting_join += usize::from(former.is_none());
        former
    }

    /// The JoinGroup that waits, to be answered.
    pub(super) fn take_join(&mut self, id: &MemberId) -> Option<Ticket> {
        let ticket = self.change(id, |member| member.awaiting_join.take())??;
        self.awaiting_join -= 1;
        Some(ticket)
    }

    pub(super) fn ids(&self, condition: impl Fn(&Member) -> bool) -> Vec<MemberId> {
        self.iter().filter(|member| condition(member)).map(|member| member.id.clone()).collect()
    }

    pub(super) fn first(&self, condition: impl Fn(&Member) -> bool) -> Option<MemberId> {
        self.iter().find(|member| condition(member)).map(|member| member.id.clone())
    }

    /// Whether all members know one of these protocols.
    pub(super) fn share_one_of(&self, protocols: &[Protocol]) -> bool {
        protocols.iter().any(|protocol| self.all_know(&protocol.name))
    }

    /// The protocol of the next generation: among those that all members know, the one that most members like
    /// best; of several such, the one that comes first in the first member's list.
    pub(super) fn elect_protocol(&self) -> Option<Arc<str>> {
        let mut votes: IndexMap<&Arc<str>, usize> = IndexMap::new();
        for member in self.iter() {
            for common in member.protocols.iter().filter(|own| self.all_know(&own.name)) {
                votes.entry(&common.name).or_default();
            }
            let vote = member.protocols.iter().find(|own| self.all_know(&own.name));
            vote.into_iter().for_each(|vote| votes[&vote.name] += 1);
        }
        let most = votes.values().copied().max()?;
        votes.into_iter().find(|(_, count)| *count == most).map(|(name, _)| name.clone())
    }

    fn all_know(&self, protocol: &Arc<str>) -> bool {
        self.supporters.get(protocol).is_some_and(|count| *count == self.by_id.len())
    }

    fn count_protocols(&mut self, member: &Member) {
        self.metadata_bytes += member.metadata_bytes();
        for name in distinct(&member.protocols) {
            *self.supporters.entry(name.clone()).or_default() += 1;
        }
    }

    fn uncount_protocols(&mut self, member: &Member) {
        self.metadata_bytes -= member.metadata_bytes();
        for name in distinct(&member.protocols) {
            if let Some(count) = self.supporters.get_mut(name) {
                *count -= 1;
            }
        }
        self.supporters.retain(|_, count| *count > 0);
    }
}

/// Each name once: a client that lists a protocol twice supports it once.
fn distinct(protocols: &[Protocol]) -> impl Iterator<Item = &Arc<str>> {
    let is_first = |at: usize, name: &Arc<str>| protocols[..at].iter().all(|earlier| earlier.name != *name);
    protocols.iter().enumerate().filter(move |(at, own)| is_first(*at, &own.name)).map(|(_, own)| &own.name)
}
