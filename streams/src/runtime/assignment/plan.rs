use std::collections::{BTreeMap, BTreeSet};

use super::balance::Assigned;
use super::movements::Movements;
use super::{Candidate, Group, Tasks, balance, hand_over, movements, standbys};

/// What the operator wants of the assignment, by Kafka Streams' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placement {
    /// `num.standby.replicas`.
    pub(crate) standbys: usize,
    /// `acceptable.recovery.lag`: changelog offsets that a process may be behind and still be given a task.
    pub(crate) acceptable_lag: i64,
    /// `max.warmup.replicas`: copies that are made at a time, beyond the standbys, for tasks to move to.
    pub(crate) max_warm_ups: usize,
    /// `probing.rebalance.interval.ms`: how often the group looks whether such copies have caught up.
    pub(crate) probing_interval_ms: u64,
    /// `rack.aware.assignment.tags`: a task and its standbys lie where these tags differ, as far as that goes.
    pub(crate) spread_over: Vec<String>,
    /// `client.tag.`: where this process is.
    pub(crate) tags: BTreeMap<String, String>,
}

impl Default for Placement {
    fn default() -> Self {
        Self {
            standbys: 0,
            acceptable_lag: 10_000,
            max_warm_ups: 2,
            probing_interval_ms: 600_000,
            spread_over: Vec::new(),
            tags: BTreeMap::new(),
        }
    }
}

/// What the group is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// What each candidate runs.
    pub(crate) active: Assigned,
    /// What each candidate keeps a copy of.
    pub(crate) standbys: Assigned,
    /// The copies among them whose tasks come as soon as their owners have let go.
    pub(crate) awaited: Assigned,
    /// Whether tasks are given to nobody until their owners have let go of them: another round follows by itself.
    pub(crate) withholds: bool,
    /// Whether tasks wait for their state to be where they shall run: the group looks again after a while.
    pub(crate) wants_probing: bool,
}

/// Decides for the whole group. A function of its arguments, so that every leader decides alike.
pub(crate) fn plan(tasks: &Tasks, candidates: &[Candidate], placement: &Placement) -> Plan {
    let group = Group::new(tasks, candidates, placement.acceptable_lag);
    let target = balance(&group);
    let Movements { active: target, warm_ups, are_pending } =
        movements(&group, target, placement.max_warm_ups);
    let mut standbys = standbys(&group, &target, warm_ups, placement.standbys, &placement.spread_over);
    let (active, withholds) = hand_over(target.clone(), &group);
    let mut awaited = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        // A copy stays until the task itself comes.
        let to_come: BTreeSet<_> = target[index].difference(&active[index]).copied().collect();
        awaited.push(to_come.intersection(&candidate.standbys).copied().collect());
        standbys[index].extend(&awaited[index]);
    }
    Plan { active, standbys, awaited, withholds, wants_probing: are_pending }
}
