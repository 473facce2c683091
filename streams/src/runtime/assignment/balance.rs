use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::task::TaskId;

/// A stream thread that wants work: one member of the group.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// The process it belongs to. State lies with the process, so any of its threads can take a task over without a restore.
    pub(crate) process: Uuid,
    /// What it runs now.
    pub(crate) owned: BTreeSet<TaskId>,
    /// What its process has on disk.
    pub(crate) on_disk: BTreeSet<TaskId>,
}

/// Gives every task to exactly one candidate: loads differ by at most one, a task stays with its owner unless balance
/// forbids it, else moves to where its state lies, else to where the fewest tasks of its sub-topology run.
///
/// The result is a function of its arguments: members in the order given, so that every leader decides alike.
pub(crate) fn balance(tasks: &BTreeSet<TaskId>, candidates: &[Candidate]) -> Vec<BTreeSet<TaskId>> {
    if candidates.is_empty() {
        return Vec::new();
    }
    let mut plan = Plan::new(tasks.len(), candidates);
    let unowned = plan.keep_where_they_run(tasks);
    let stateless = plan.move_to_their_state(unowned);
    plan.spread(stateless);
    plan.assigned
}

struct Plan<'a> {
    candidates: &'a [Candidate],
    assigned: Vec<BTreeSet<TaskId>>,
    /// What every candidate may have.
    floor: usize,
    /// How many candidates may have one more.
    extras: usize,
}

impl<'a> Plan<'a> {
    fn new(tasks: usize, candidates: &'a [Candidate]) -> Self {
        Self {
            candidates,
            assigned: vec![BTreeSet::new(); candidates.len()],
            floor: tasks / candidates.len(),
            extras: tasks % candidates.len(),
        }
    }

    /// Two passes: only when everyone has kept its floor do the extras go round, so that an early candidate cannot take
    /// the extra place of one that owns more.
    fn keep_where_they_run(&mut self, tasks: &BTreeSet<TaskId>) -> BTreeSet<TaskId> {
        let mut left = tasks.clone();
        let candidates = self.candidates;
        for limit in [self.floor, self.floor + 1] {
            for (index, candidate) in candidates.iter().enumerate() {
                for task in &candidate.owned {
                    if self.assigned[index].len() < limit && self.has_room(index) && left.remove(task) {
                        self.give(index, *task);
                    }
                }
            }
        }
        left
    }

    fn move_to_their_state(&mut self, tasks: BTreeSet<TaskId>) -> BTreeSet<TaskId> {
        let mut left = BTreeSet::new();
        for task in tasks {
            let home = self.least_loaded(task, |candidate| candidate.on_disk.contains(&task));
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
            if let Some(index) = self.least_loaded(task, |_| true) {
                self.give(index, task);
            }
        }
    }

    fn least_loaded(&self, task: TaskId, fits: impl Fn(&Candidate) -> bool) -> Option<usize> {
        let same_subtopology = |index: usize| {
            let others = self.assigned[index].iter();
            others.filter(|other| other.subtopology == task.subtopology).count()
        };
        (0..self.candidates.len())
            .filter(|&index| self.has_room(index) && fits(&self.candidates[index]))
            .min_by_key(|&index| {
                (self.assigned[index].len(), same_subtopology(index), self.load_of_process(index))
            })
    }

    /// So that two threads of one process do not both get an extra while another process has none.
    fn load_of_process(&self, index: usize) -> usize {
        let process = self.candidates[index].process;
        let threads = self.candidates.iter().zip(&self.assigned);
        threads.filter(|(candidate, _)| candidate.process == process).map(|(_, tasks)| tasks.len()).sum()
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

/// Who owns what, by task; of two that claim a task the first has it.
pub(super) fn owners(candidates: &[Candidate]) -> BTreeMap<TaskId, usize> {
    let mut owners = BTreeMap::new();
    for (index, candidate) in candidates.iter().enumerate() {
        for task in &candidate.owned {
            owners.entry(*task).or_insert(index);
        }
    }
    owners
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    fn task() -> impl Strategy<Value = TaskId> {
        (0u32..3, 0i32..8).prop_map(|(subtopology, partition)| TaskId { subtopology, partition })
    }

    /// Candidates whose claims overlap, and that claim tasks that no longer exist.
    pub(in super::super) fn group() -> impl Strategy<Value = (BTreeSet<TaskId>, Vec<Candidate>)> {
        let candidate = (0u128..4, btree_set(task(), 0..8), btree_set(task(), 0..8)).prop_map(
            |(process, owned, on_disk)| Candidate { process: Uuid::from_u128(process), owned, on_disk },
        );
        (btree_set(task(), 0..24), vec(candidate, 1..6))
    }

    fn kept(assigned: &[BTreeSet<TaskId>], candidates: &[Candidate]) -> usize {
        let owners = owners(candidates);
        let tasks = assigned
            .iter()
            .enumerate()
            .flat_map(|(index, tasks)| tasks.iter().map(move |task| (index, task)));
        tasks.filter(|(index, task)| owners.get(*task) == Some(index)).count()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_task_has_one_owner_and_loads_differ_by_one((tasks, candidates) in group()) {
            let assigned = balance(&tasks, &candidates);
            let mut all: Vec<TaskId> = assigned.iter().flatten().copied().collect();
            all.sort();
            prop_assert_eq!(all, tasks.into_iter().collect::<Vec<_>>());
            let loads: Vec<usize> = assigned.iter().map(BTreeSet::len).collect();
            prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= 1, "{loads:?}");
        }

        #[test]
        fn what_was_decided_stays((tasks, mut candidates) in group()) {
            let first = balance(&tasks, &candidates);
            for (candidate, tasks) in candidates.iter_mut().zip(&first) {
                candidate.owned.clone_from(tasks);
            }
            prop_assert_eq!(balance(&tasks, &candidates), first);
        }

        #[test]
        fn a_member_that_joins_takes_only_its_share((tasks, mut candidates) in group()) {
            let settled = balance(&tasks, &candidates);
            for (candidate, tasks) in candidates.iter_mut().zip(settled) {
                candidate.owned = tasks;
            }
            candidates.push(Candidate { process: Uuid::from_u128(9), owned: BTreeSet::new(), on_disk: BTreeSet::new() });
            let after = balance(&tasks, &candidates);
            let moved = tasks.len() - kept(&after, &candidates);
            prop_assert_eq!(moved, after.last().unwrap().len());
        }
    }

    #[test]
    fn a_task_goes_where_its_state_is() {
        let task = TaskId { subtopology: 0, partition: 0 };
        let idle =
            Candidate { process: Uuid::from_u128(1), owned: BTreeSet::new(), on_disk: BTreeSet::new() };
        let home = Candidate { process: Uuid::from_u128(2), on_disk: [task].into(), ..idle.clone() };
        let assigned = balance(&[task].into(), &[idle, home]);
        assert_eq!(assigned, [BTreeSet::new(), [task].into()]);
    }
}
