//! What metrics tell of groups.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::GroupCoordinator;
use crate::group::classic::State;
use crate::group::ids::GroupId;

/// The states of groups that there are, by the names that Kafka shows.
pub(crate) const STATES: [&str; 4] = ["Empty", "PreparingRebalance", "CompletingRebalance", "Stable"];

/// A group at a glance.
#[derive(Debug)]
pub(crate) struct GroupLook {
    pub(crate) id: GroupId,
    pub(crate) state: &'static str,
    pub(crate) members: usize,
    /// Committed last. A power cut may take back what was not told to the client yet.
    pub(crate) offsets: Vec<(Arc<str>, i32, i64)>,
}

/// Groups at a glance.
#[derive(Debug)]
pub(crate) struct GroupLooks {
    /// By name.
    pub(crate) groups: Vec<GroupLook>,
    /// Of all groups that could be looked at.
    pub(crate) by_state: Vec<(&'static str, usize)>,
    /// Groups that are not told: too many, or stuck.
    pub(crate) unseen: usize,
    /// Offsets of groups that are told.
    pub(crate) unseen_offsets: usize,
}

impl GroupCoordinator {
    /// Looks at all groups and tells so many of them, with so many of their offsets. One that is locked, which it is while its
    /// record is written, is waited for until `until`, and then left out.
    pub(crate) fn look(&self, groups_max: usize, offsets_max: usize, until: Instant) -> GroupLooks {
        let mut cells = self.cells();
        cells.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        let mut by_state: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut groups, mut room, mut unseen_offsets) = (Vec::new(), offsets_max, 0);
        let mut seen = 0;
        for cell in &cells {
            let Some(locked) = cell.locked.try_lock().or_else(|| cell.locked.try_lock_until(until)) else {
                continue;
            };
            let classic = &locked.group.classic;
            if classic.state() == State::Dead {
                seen += 1;
                continue;
            }
            *by_state.entry(classic.state().name()).or_default() += 1;
            if groups.len() == groups_max {
                continue;
            }
            seen += 1;
            let mut all = locked.group.offsets.topics().flat_map(|(topic, partitions)| {
                let current = partitions.iter().filter(|(_, committed)| self.is_current(topic, committed));
                current.map(|(partition, committed)| (Arc::clone(topic), *partition, committed.offset))
            });
            let offsets: Vec<_> = all.by_ref().take(room).collect();
            room -= offsets.len();
            unseen_offsets += all.count();
            let (state, members) = (classic.state().name(), classic.members().count());
            groups.push(GroupLook { id: cell.id.clone(), state, members, offsets });
        }
        let by_state = STATES.map(|state| (state, by_state.get(state).copied().unwrap_or(0))).into();
        GroupLooks { groups, by_state, unseen: cells.len() - seen, unseen_offsets }
    }
}
