use std::collections::BTreeSet;

use super::{Group, Readiness};
use crate::task::TaskId;

/// Gives every task to exactly one candidate: loads differ by at most one, those of tasks with state as well; a task stays with
/// its owner unless balance forbids it, else moves to where its state is the most complete, else to where the fewest tasks of its
/// sub-topology run.
///
/// The result is a function of its arguments: members in the order given, so that every leader decides alike.
pub(crate) fn balance(group: &Group<'_>) -> Assigned {
    let mut assigned = vec![BTreeSet::new(); group.candidates.len()];
    if assigned.is_empty() {
        return assigned;
    }
    for stateful in [true, false] {
        let of_kind = |task: &&TaskId| group.is_stateful(**task) == stateful;
        let tasks: BTreeSet<TaskId> = group.tasks.keys().filter(of_kind).copied().collect();
        let mut plan = Plan::new(group, assigned, tasks.len());
        let unowned = plan.keep_where_they_run(tasks);
        let stateless = plan.move_to_their_state(unowned);
        plan.spread(stateless);
        assigned = plan.assigned;
    }
    assigned
}

/// What each candidate gets, in their order.
pub(crate) type Assigned = Vec<BTreeSet<TaskId>>;

struct Plan<'a> {
    group: &'a Group<'a>,
    assigned: Assigned,
    /// What every candidate may have.
    floor: usize,
    /// How many candidates may have one more.
    extras: usize,
}

impl<'a> Plan<'a> {
    /// To what is assigned already come `more` tasks.
    fn new(group: &'a Group<'a>, assigned: Assigned, more: usize) -> Self {
        let tasks = assigned.iter().map(BTreeSet::len).sum::<usize>() + more;
        let floor = tasks / assigned.len();
        let taken = assigned.iter().filter(|tasks| tasks.len() > floor).count();
        let extras = tasks % assigned.len() - taken;
        Self { group, assigned, floor, extras }
    }

    /// Two passes: only when everyone has kept its floor do the extras go round, so that an early candidate cannot take
    /// the extra place of one that owns more.
    fn keep_where_they_run(&mut self, tasks: BTreeSet<TaskId>) -> BTreeSet<TaskId> {
        let mut left = tasks;
        for limit in [self.floor, self.floor + 1] {
            for (index, candidate) in self.group.candidates.iter().enumerate() {
                for task in &candidate.owned {
                    if self.assigned[index].len() < limit && self.has_room(index) && left.remove(task) {
                        self.give(index, *task);
                    }
                }
            }
        }
        left
    }

    /// Tasks that few are ready to run choose before those that many are.
    fn move_to_their_state(&mut self, tasks: BTreeSet<TaskId>) -> BTreeSet<TaskId> {
        let group = self.group;
        let homes = |task: TaskId| group.processes().filter(move |process| group.has_any(*process, task));
        let ready = |task: TaskId| {
            homes(task).filter(|process| group.readiness(*process, task) == Readiness::CaughtUp).count()
        };
        let mut by_choice: Vec<TaskId> = tasks.into_iter().collect();
        by_choice.sort_by_key(|task| (ready(*task), *task));
        let mut left = BTreeSet::new();
        for task in by_choice {
            let home = self.best(task, |index| {
                let process = group.process_of(index);
                let copied_here = group.candidates[index].standbys.contains(&task);
                group.has_any(process, task).then(|| (group.readiness(process, task), !copied_here))
            });
            match home {
                Some(index) => self.give(index, task),
                None => {
                    left.insert(task);
                }
            }
        }
        left
    }

    fn spread(&mut self, tasks: BTreeSet<TaskId>) {
        for task in tasks {
            if let Some(index) = self.best(task, |_| Some(())) {
                self.give(index, task);
            }
        }
    }

    /// Of the candidates with room that `fit`, the best one; of those that are as good the least loaded.
    fn best<F: Ord>(&self, task: TaskId, fit: impl Fn(usize) -> Option<F>) -> Option<usize> {
        let same_subtopology = |index: usize| {
            let others = self.assigned[index].iter();
            others.filter(|other| other.subtopology == task.subtopology).count()
        };
        let with_room = (0..self.assigned.len()).filter(|&index| self.has_room(index));
        let fitting = with_room.filter_map(|index| {
            let load = (self.assigned[index].len(), same_subtopology(index), self.load_of_process(index));
            Some((fit(index)?, load, index))
        });
        fitting.min().map(|(_, _, index)| index)
    }

    /// So that two threads of one process do not both get an extra while another process has none.
    fn load_of_process(&self, index: usize) -> usize {
        let threads = self.group.members(self.group.process_of(index));
        threads.iter().map(|thread| self.assigned[*thread].len()).sum()
    }

    fn has_room(&self, index: usize) -> bool {
        let load = self.assigned[index].len();
        load < self.floor || (load == self.floor && self.extras > 0)
    }

    fn give(&mut self, index: usize, task: TaskId) {
        if self.assigned[index].len() == self.floor {
            self.extras -= 1;
        }
        self.assigned[index].insert(task);
    }
}
