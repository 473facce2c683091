use std::cmp::Reverse;
use std::collections::BTreeMap;

use uuid::Uuid;

use super::balance::Assigned;
use super::{Group, Readiness};
use crate::task::TaskId;

/// Gives every task with state `copies` standbys, as far as there are processes: never where the task runs, spread over the values
/// of the tags `spread_over` (KIP-708), where a copy lies already, and evenly.
///
/// `held` is what candidates have copies of for another reason; it is in the result, and counts as no standby.
pub(crate) fn standbys(
    group: &Group<'_>,
    active: &Assigned,
    held: Assigned,
    copies: usize,
    spread_over: &[String],
) -> Assigned {
    let stateful = group.tasks.keys().filter(|task| group.is_stateful(**task)).count();
    let processes = group.processes().count().max(1);
    let mut places =
        Places { group, spread_over, fair: (stateful * copies).div_ceil(processes), given: held };
    let mut runs_at = BTreeMap::new();
    for (index, tasks) in active.iter().enumerate() {
        runs_at.extend(tasks.iter().map(|task| (*task, group.process_of(index))));
    }
    for (task, runs_at) in runs_at.into_iter().filter(|(task, _)| group.is_stateful(*task)) {
        let mut taken = vec![runs_at];
        for _ in 0..copies {
            let Some(process) = places.best(task, &taken) else { break };
            taken.push(process);
            places.give(process, task, active);
        }
    }
    places.given
}

struct Places<'a> {
    group: &'a Group<'a>,
    spread_over: &'a [String],
    /// Standbys that a process gets before others must have as many.
    fair: usize,
    given: Assigned,
}

/// What makes a process a bad place for a standby, the worst first.
type Drawbacks = (usize, bool, Nearness, Readiness, usize);

/// How a process knows the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Nearness {
    /// It keeps a copy now.
    StandsBy,
    /// It runs the task, which is about to move.
    Runs,
    Other,
}

impl Places<'_> {
    fn best(&self, task: TaskId, taken: &[Uuid]) -> Option<Uuid> {
        let has_copy =
            |process: Uuid| self.group.members(process).iter().any(|at| self.given[*at].contains(&task));
        let free = self.group.processes().filter(|process| !taken.contains(process) && !has_copy(*process));
        free.min_by_key(|process| (self.drawbacks(task, *process, taken), *process))
    }

    fn drawbacks(&self, task: TaskId, process: Uuid, taken: &[Uuid]) -> Drawbacks {
        let value = |process: Uuid, tag: &str| self.group.tag(process, tag).map(str::to_owned);
        let shared = |tag: &&String| {
            let mine = value(process, tag);
            taken.iter().any(|other| value(*other, tag) == mine)
        };
        let nearness = if self.group.stands_by(process, task) {
            Nearness::StandsBy
        } else if self.group.runs(process, task) {
            Nearness::Runs
        } else {
            Nearness::Other
        };
        let load = self.load(process);
        let conflicts = self.spread_over.iter().filter(shared).count();
        (conflicts, load >= self.fair, nearness, self.group.readiness(process, task), load)
    }

    fn load(&self, process: Uuid) -> usize {
        self.group.members(process).iter().map(|member| self.given[*member].len()).sum()
    }

    /// To the thread that has the copy already, else to the one with the least to do.
    fn give(&mut self, process: Uuid, task: TaskId, active: &Assigned) {
        let members = self.group.members(process).iter().copied();
        let thread = members.min_by_key(|index| {
            let copied = self.group.candidates[*index].standbys.contains(&task);
            (Reverse(copied), self.given[*index].len() + active[*index].len(), *index)
        });
        if let Some(thread) = thread {
            self.given[thread].insert(task);
        }
    }
}
