use std::collections::BTreeSet;

use super::balance::Assigned;
use super::{Group, Readiness};
use crate::task::TaskId;

/// Who runs what until those that shall run it have its state (KIP-441).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Movements {
    /// What each candidate runs for now.
    pub(crate) active: Assigned,
    /// What each candidate gets a copy of, to take it over when that has caught up.
    pub(crate) warm_ups: Assigned,
    /// Whether `active` is not what it shall be.
    pub(crate) are_pending: bool,
}

/// Leaves the tasks of `target` whose new owners are far behind where their state is, and has at most `max_warm_ups` of the new
/// owners fetch it. A task whose state nobody has moves at once.
pub(crate) fn movements(group: &Group<'_>, target: Assigned, max_warm_ups: usize) -> Movements {
    let mut active = target.clone();
    let mut moving: Vec<(usize, TaskId)> = Vec::new();
    for (index, tasks) in target.iter().enumerate() {
        for task in tasks {
            if group.readiness(group.process_of(index), *task) == Readiness::CaughtUp {
                continue;
            }
            if let Some(stand_in) = stand_in(group, &active, *task) {
                active[index].remove(task);
                active[stand_in].insert(*task);
                moving.push((index, *task));
            }
        }
    }
    let are_pending = !moving.is_empty();
    // What has begun goes on.
    moving.sort_by_key(|(index, task)| (!group.candidates[*index].standbys.contains(task), *task));
    let mut warm_ups = vec![BTreeSet::new(); target.len()];
    for (index, task) in moving.into_iter().take(max_warm_ups) {
        warm_ups[index].insert(task);
    }
    Movements { active, warm_ups, are_pending }
}

/// Who runs a task meanwhile: its owner, else one of those that have caught up.
fn stand_in(group: &Group<'_>, active: &Assigned, task: TaskId) -> Option<usize> {
    if let Some(owner) = group.owners.get(&task) {
        return Some(*owner);
    }
    let ready = |index: &usize| group.readiness(group.process_of(*index), task) == Readiness::CaughtUp;
    let copied_at = |index: usize| group.candidates[index].standbys.contains(&task);
    (0..active.len()).filter(ready).min_by_key(|index| (!copied_at(*index), active[*index].len(), *index))
}
