//! Who reads what: decided by the member that leads the group, by an assignor that all members share.

mod balance;
mod cooperative_sticky;
mod range;
mod round_robin;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

pub use self::cooperative_sticky::CooperativeSticky;
pub use self::range::Range;
pub use self::round_robin::RoundRobin;
use crate::{Result, TopicPartition};

/// How partitions change hands (`ConsumerPartitionAssignor.RebalanceProtocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RebalanceProtocol {
    /// Every member gives everything up before the group assigns anew.
    Eager,
    /// Members keep what stays theirs; what moves is given up first and assigned in a second round (KIP-429).
    Cooperative,
}

/// What a member says when it joins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Topics it reads.
    pub topics: Vec<Arc<str>>,
    /// Bytes of the assignor's own.
    pub user_data: Option<Bytes>,
    /// What it holds.
    pub owned: Vec<TopicPartition>,
    /// The generation in which it got that; -1 for none.
    pub generation: i32,
    /// `client.rack`.
    pub rack: Option<String>,
    /// `group.instance.id`: names the member over its restarts.
    pub instance_id: Option<String>,
}

/// What a member gets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Assignment {
    /// Its partitions.
    pub partitions: Vec<TopicPartition>,
    /// Bytes of the assignor's own.
    pub user_data: Option<Bytes>,
}

/// The topics of the group as its leader sees them: partitions by topic.
pub type TopicSizes = BTreeMap<Arc<str>, i32>;

/// Members by id, in the order of their ids: an assignor must come to the same result from the same input.
pub type Members = BTreeMap<String, Subscription>;

/// Decides who reads what. Plug in your own with [`ConsumerConfig::assignors`](crate::ConsumerConfig::assignors); user
/// data travels with subscription and assignment, as `ConsumerPartitionAssignor` has it.
pub trait Assignor: std::fmt::Debug + Send + Sync {
    /// The name by which members agree on it.
    fn name(&self) -> &str;

    /// How partitions change hands.
    fn protocol(&self) -> RebalanceProtocol {
        RebalanceProtocol::Eager
    }

    /// Bytes to join with; called before every join.
    fn user_data(&self, topics: &[Arc<str>], owned: &[TopicPartition]) -> Option<Bytes> {
        let _ = (topics, owned);
        None
    }

    /// Assigns, on the leader. Runs on a thread that may block, so it can create topics first. `topics` holds what
    /// the subscribed topics look like now; a topic that does not exist is missing.
    ///
    /// # Errors
    /// The leader then leaves the group with this error.
    fn assign(&self, topics: &TopicSizes, members: &Members) -> Result<BTreeMap<String, Assignment>>;

    /// Called on every member with what it got, before the events of the rebalance.
    fn on_assignment(&self, assignment: &Assignment, generation: i32) {
        let _ = (assignment, generation);
    }
}

/// An assignment of partitions alone, empty for members without any.
fn assignments(
    members: &Members,
    by_member: BTreeMap<&str, Vec<TopicPartition>>,
) -> BTreeMap<String, Assignment> {
    let mut by_member = by_member;
    let assigned = |member: &String| {
        let partitions = by_member.remove(member.as_str()).unwrap_or_default();
        (member.clone(), Assignment { partitions, user_data: None })
    };
    members.keys().map(assigned).collect()
}

/// Members in the order in which partitions are dealt: static ones by instance id, so that a restart changes
/// nothing, then the others (`AbstractPartitionAssignor.MemberInfo`).
fn dealt_to<'m>(members: &'m Members, topic: &str) -> Vec<&'m str> {
    let mut subscribed: Vec<(&String, &Subscription)> = members
        .iter()
        .filter(|(_, member)| member.topics.iter().any(|subscribed| &**subscribed == topic))
        .collect();
    subscribed.sort_by_key(|(id, member)| {
        (member.instance_id.is_none(), member.instance_id.clone(), (*id).clone())
    });
    subscribed.into_iter().map(|(id, _)| id.as_str()).collect()
}
