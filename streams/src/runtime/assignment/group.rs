use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::task::TaskId;

/// A stream thread that wants work: one member of the group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The process it belongs to. State lies with the process, so any of its threads can take a task over without a restore.
    pub(crate) process: Uuid,
    /// What it runs now.
    pub(crate) owned: BTreeSet<TaskId>,
    /// The tasks whose state it keeps a copy of.
    pub(crate) standbys: BTreeSet<TaskId>,
    /// Those of them that were to come to it once their owners had let go.
    pub(crate) awaited: BTreeSet<TaskId>,
    /// What its process has on disk: the sum of the changelog offsets that a task's stores stand at (KIP-441).
    pub(crate) on_disk: BTreeMap<TaskId, i64>,
    /// Where its process is, in the operator's words (`client.tag.`, KIP-708).
    pub(crate) tags: BTreeMap<String, String>,
}

/// What a task has that moves with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing that is kept in a changelog.
    None,
    /// Stores whose changelogs end at offsets of this sum; `None`: the cluster did not say.
    Ending(Option<i64>),
}

/// The tasks of the topology.
pub(crate) type Tasks = BTreeMap<TaskId, State>;

/// The candidates, and what follows from what they say.
pub(crate) struct Group<'a> {
    pub(crate) tasks: &'a Tasks,
    pub(crate) candidates: &'a [Candidate],
    /// `acceptable.recovery.lag`.
    acceptable_lag: i64,
    /// Who owns what, by task; of two that claim a task the first has it.
    pub(crate) owners: BTreeMap<TaskId, usize>,
    processes: BTreeMap<Uuid, Process<'a>>,
}

/// A process of the application.
struct Process<'a> {
    members: Vec<usize>,
    /// The most that any of its threads says.
    on_disk: BTreeMap<TaskId, i64>,
    tags: &'a BTreeMap<String, String>,
}

/// What a process has of the state of a task: the less the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Readiness {
    /// It runs the task, or is so little behind that a restore is quickly done.
    CaughtUp,
    /// It is this many changelog offsets behind.
    Behind(i64),
}

impl<'a> Group<'a> {
    pub(crate) fn new(tasks: &'a Tasks, candidates: &'a [Candidate], acceptable_lag: i64) -> Self {
        let mut owners = BTreeMap::new();
        let mut processes: BTreeMap<Uuid, Process<'a>> = BTreeMap::new();
        for (index, candidate) in candidates.iter().enumerate() {
            for task in &candidate.owned {
                owners.entry(*task).or_insert(index);
            }
            let process = processes.entry(candidate.process).or_insert_with(|| Process {
                members: Vec::new(),
                on_disk: BTreeMap::new(),
                tags: &candidate.tags,
            });
            process.members.push(index);
            for (task, sum) in &candidate.on_disk {
                let known = process.on_disk.entry(*task).or_insert(*sum);
                *known = (*known).max(*sum);
            }
        }
        Self { tasks, candidates, acceptable_lag, owners, processes }
    }

    pub(crate) fn processes(&self) -> impl Iterator<Item = Uuid> {
        self.processes.keys().copied()
    }

    pub(crate) fn process_of(&self, index: usize) -> Uuid {
        self.candidates[index].process
    }

    /// The threads of a process.
    pub(crate) fn members(&self, process: Uuid) -> &[usize] {
        self.processes.get(&process).map_or(&[], |process| &process.members)
    }

    pub(crate) fn tag(&self, process: Uuid, name: &str) -> Option<&str> {
        self.processes.get(&process)?.tags.get(name).map(String::as_str)
    }

    pub(crate) fn is_stateful(&self, task: TaskId) -> bool {
        matches!(self.tasks.get(&task), Some(State::Ending(_)))
    }

    /// Whether anything of the task lies with the process.
    pub(crate) fn has_any(&self, process: Uuid, task: TaskId) -> bool {
        self.runs(process, task)
            || self.processes.get(&process).is_some_and(|known| known.on_disk.contains_key(&task))
    }

    /// Whether a thread of the process runs the task now.
    pub(crate) fn runs(&self, process: Uuid, task: TaskId) -> bool {
        self.owners.get(&task).is_some_and(|owner| self.process_of(*owner) == process)
    }

    /// Whether a thread of the process keeps a copy of the task's state now.
    pub(crate) fn stands_by(&self, process: Uuid, task: TaskId) -> bool {
        self.members(process).iter().any(|member| self.candidates[*member].standbys.contains(&task))
    }

    /// Whether the task has been let go of for a thread of the process.
    fn is_due(&self, process: Uuid, task: TaskId) -> bool {
        let awaits = |member: &usize| self.candidates[*member].awaited.contains(&task);
        !self.owners.contains_key(&task) && self.members(process).iter().any(awaits)
    }

    pub(crate) fn readiness(&self, process: Uuid, task: TaskId) -> Readiness {
        let Some(State::Ending(end)) = self.tasks.get(&task) else { return Readiness::CaughtUp };
        // What its owner has written to the changelog when it let go takes nothing away from who was to have the task.
        if self.runs(process, task) || self.is_due(process, task) {
            return Readiness::CaughtUp;
        }
        let known = self.processes.get(&process).and_then(|process| process.on_disk.get(&task));
        // Where nobody knows how much there is, having something must do, and nothing will not.
        let Some(end) = end else {
            return if known.is_some() { Readiness::CaughtUp } else { Readiness::Behind(i64::MAX) };
        };
        let lag = end.saturating_sub(known.copied().unwrap_or(0));
        if lag <= self.acceptable_lag { Readiness::CaughtUp } else { Readiness::Behind(lag) }
    }
}
