use super::super::{Event, Machine, Now, Timing, Topic, Verdict, Write};
use crate::herder::{Config, TaskId};
use std::collections::{BTreeMap, VecDeque};

pub(super) const TOPICS: [Topic; 3] = [Topic::Config, Topic::Status, Topic::Lease];

/// A process with a worker in it, or the place where one was.
#[derive(Default)]
pub(super) struct Node {
    pub(super) machine: Option<Machine>,
    /// How far it has read each of `TOPICS`.
    pub(super) cursors: [usize; 3],
    /// Where the logs ended when it started.
    pub(super) ends: [usize; 3],
    /// What it does not find, since it was compacted away before it started.
    pub(super) compacted_below: [usize; 3],
    pub(super) caught_up: bool,
    /// Neither reads nor writes get through until then.
    pub(super) cut_until_ms: u64,
    /// Writes under way, in order.
    pub(super) outbox: VecDeque<(u64, Write)>,
    /// What runs in the process, and under which epoch.
    pub(super) running: BTreeMap<TaskId, u64>,
    /// What is still to be told to the machine.
    pub(super) later: Vec<(u64, Event)>,
    pub(super) answers: BTreeMap<u64, Verdict>,
    pub(super) starts: BTreeMap<TaskId, usize>,
}

impl Node {
    pub(super) fn boot(&mut self, name: String, incarnation: u64, timing: Timing, ends: [usize; 3]) {
        let machine = Machine::new(name, incarnation, "1", timing);
        let answers = std::mem::take(&mut self.answers);
        *self = Self { machine: Some(machine), ends, answers, ..Self::default() };
    }

    /// All that is in the process is gone.
    pub(super) fn kill(&mut self) {
        self.machine = None;
        self.running.clear();
        self.later.clear();
    }

    /// What has come due, oldest first.
    pub(super) fn due(&mut self, now: Now) -> Vec<Event> {
        let (due, later) =
            std::mem::take(&mut self.later).into_iter().partition(|(at_ms, _)| *at_ms <= now.ms);
        self.later = later;
        let mut due: Vec<(u64, Event)> = due;
        due.sort_by_key(|(at_ms, _)| *at_ms);
        due.into_iter().map(|(_, event)| event).collect()
    }
}

/// A connector of the simulation says in its configuration how many tasks it wants.
pub(super) fn split(config: &Config) -> Result<Vec<Config>, String> {
    let tasks: i32 = config.get("tasks").and_then(|tasks| tasks.parse().ok()).ok_or("how many tasks?")?;
    let task = |task: i32| {
        let mut config = config.clone();
        config.insert("task".into(), task.to_string());
        config
    };
    Ok((0..tasks).map(task).collect())
}
