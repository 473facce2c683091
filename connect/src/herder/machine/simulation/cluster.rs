use super::super::{Action, Event, Now, Timing, Topic, Verdict, Write};
use super::mover::Mover;
use super::node::{Node, TOPICS, split};
use crate::herder::{Answer, Config, State, TargetState, TaskEvent, TaskId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const TIMING: Timing =
    Timing { heartbeat_ms: 300, session_ms: 2_000, margin_ms: 500, rebalance_delay_ms: 3_000 };
/// A task that is told to stop ends within this, in order: longer than a session.
const STOP_MS_MAX: u64 = 7_000;
/// One that is aborted does within this: less than the margin.
const ABORT_MS_MAX: u64 = 400;
const STEP_MS: u64 = 20;

/// What is broken on purpose, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// A worker that is cut off goes on for as long as others take it to be there.
    NoMargin,
    /// A worker that is cut off ends its tasks in order, however long that takes.
    NoAbort,
    /// Positions are changed as soon as the connector is to be stopped.
    NoWait,
}

pub(super) struct Cluster {
    pub(super) rng: StdRng,
    pub(super) now: Now,
    pub(super) nodes: Vec<Node>,
    pub(super) logs: [Vec<Write>; 3],
    pub(super) fault: Fault,
    incarnations: u64,
    writes: u64,
    /// The most that a write takes to arrive, and a read to be made.
    pub(super) delay_ms_max: u64,
    /// Tasks of these connectors fail as soon as they run.
    pub(super) failing: BTreeSet<String>,
    /// All workers call themselves the same.
    one_name: bool,
    pub(super) movers: Vec<Mover>,
    /// How often positions were changed.
    pub(super) moved: u64,
}

impl Cluster {
    pub(super) fn new(seed: u64, nodes: usize, fault: Fault) -> Self {
        Self::named(seed, nodes, fault, false)
    }

    /// A cluster of workers that all call themselves the same, as on hosts where nobody set their names.
    pub(super) fn of_namesakes(seed: u64, nodes: usize) -> Self {
        Self::named(seed, nodes, Fault::None, true)
    }

    fn named(seed: u64, nodes: usize, fault: Fault, one_name: bool) -> Self {
        let mut cluster = Self {
            rng: StdRng::seed_from_u64(seed),
            now: Now { ms: 1_000_000, wall_ms: 0 },
            nodes: (0..nodes).map(|_| Node::default()).collect(),
            logs: Default::default(),
            fault,
            incarnations: 0,
            writes: 0,
            delay_ms_max: 40,
            failing: BTreeSet::new(),
            one_name,
            movers: Vec::new(),
            moved: 0,
        };
        (0..nodes).for_each(|node| cluster.boot(node));
        cluster
    }

    fn timing(&self) -> Timing {
        if self.fault == Fault::NoMargin { Timing { margin_ms: 0, ..TIMING } } else { TIMING }
    }

    pub(super) fn boot(&mut self, node: usize) {
        self.incarnations += 1;
        let ends = [0, 1, 2].map(|topic: usize| self.logs[topic].len());
        let timing = self.timing();
        let name = if self.one_name { "w".to_owned() } else { format!("w{node}") };
        self.nodes[node].boot(name, self.incarnations, timing, ends);
        for (topic, end) in ends.into_iter().enumerate() {
            let below = if self.rng.random_bool(0.5) { self.rng.random_range(0..=end) } else { 0 };
            self.nodes[node].compacted_below[topic] = below;
        }
    }

    /// `kill -9`: of what was under way, some arrives.
    pub(super) fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
        let outbox = std::mem::take(&mut self.nodes[node].outbox);
        let arrive = self.rng.random_range(0..=outbox.len());
        outbox.into_iter().take(arrive).for_each(|(_, write)| self.land(write));
    }

    pub(super) fn is_up(&self, node: usize) -> bool {
        self.nodes[node].machine.is_some()
    }

    pub(super) fn run_for(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.step();
        }
    }

    pub(super) fn step(&mut self) {
        self.now.ms += STEP_MS;
        self.now.wall_ms += i64::try_from(STEP_MS).unwrap();
        for node in 0..self.nodes.len() {
            if !self.is_up(node) {
                continue;
            }
            self.deliver(node);
            self.read(node);
            for event in self.nodes[node].due(self.now) {
                if let Event::Stopped(task) = &event {
                    self.nodes[node].running.remove(task);
                }
                self.tell(node, event);
            }
            self.tell(node, Event::Tick);
            self.no_task_runs_twice();
        }
        self.move_positions();
    }

    fn no_task_runs_twice(&self) {
        let mut runs = BTreeMap::new();
        for (node, process) in self.nodes.iter().enumerate() {
            for (task, epoch) in &process.running {
                if let Some(other) = runs.insert(task, (node, epoch)) {
                    panic!("{task} runs on w{} (epoch {}) and w{node} (epoch {epoch})", other.0, other.1);
                }
            }
        }
    }

    fn deliver(&mut self, node: usize) {
        while let Some((at_ms, _)) = self.nodes[node].outbox.front() {
            if *at_ms > self.now.ms || self.nodes[node].cut_until_ms > self.now.ms {
                return;
            }
            let (_, write) = self.nodes[node].outbox.pop_front().unwrap();
            self.land(write);
        }
    }

    fn land(&mut self, write: Write) {
        self.logs[index(write.topic)].push(write);
    }

    fn read(&mut self, node: usize) {
        if self.nodes[node].cut_until_ms > self.now.ms || self.rng.random_bool(0.2) {
            return;
        }
        for topic in 0..3 {
            let mut budget = self.rng.random_range(0..40);
            while budget > 0 && self.nodes[node].cursors[topic] < self.logs[topic].len() {
                let offset = self.nodes[node].cursors[topic];
                self.nodes[node].cursors[topic] += 1;
                if !self.is_compacted_away(node, topic, offset) {
                    budget -= 1;
                    self.tell_record(node, topic, offset);
                }
            }
        }
        let process = &mut self.nodes[node];
        if !process.caught_up && (0..3).all(|topic| process.cursors[topic] >= process.ends[topic]) {
            process.caught_up = true;
            self.tell(node, Event::CaughtUp);
        }
    }

    fn is_compacted_away(&self, node: usize, topic: usize, offset: usize) -> bool {
        let below = self.nodes[node].compacted_below[topic];
        let key = &self.logs[topic][offset].bytes.key;
        offset < below && self.logs[topic][offset + 1..below].iter().any(|later| later.bytes.key == *key)
    }

    fn tell_record(&mut self, node: usize, topic: usize, offset: usize) {
        let Write { bytes, note, .. } = self.logs[topic][offset].clone();
        let (key, value) = (bytes.key, bytes.value.map(String::into_bytes));
        let offset = i64::try_from(offset).unwrap();
        self.tell(node, Event::Read { topic: TOPICS[topic], offset, key, value, note });
    }

    fn tell(&mut self, node: usize, event: Event) {
        let Some(machine) = &mut self.nodes[node].machine else { return };
        for action in machine.handle(event, self.now) {
            self.act(node, action);
        }
    }

    fn act(&mut self, node: usize, action: Action) {
        match action {
            Action::Produce(write) => self.produce(node, write),
            Action::Start(start) => {
                let twice = self.nodes[node].running.insert(start.id.clone(), start.epoch);
                assert!(twice.is_none(), "{} is started while it runs", start.id);
                *self.nodes[node].starts.entry(start.id.clone()).or_default() += 1;
                let is_bad = self.failing.contains(&start.id.connector);
                let rests = if start.paused { State::Paused } else { State::Running };
                self.state(node, start.id, if is_bad { State::Failed } else { rests });
            }
            Action::Pause(task, paused) => {
                self.state(node, task, if paused { State::Paused } else { State::Running });
            }
            Action::Stop(task) => self.later(node, STOP_MS_MAX, Event::Stopped(task)),
            Action::Abort(_) if self.fault == Fault::NoAbort => {}
            Action::Abort(task) => {
                let ended_ms = self.now.ms + self.rng.random_range(0..=ABORT_MS_MAX);
                let is_end = |event: &Event| matches!(event, Event::Stopped(other) if *other == task);
                let ends = self.nodes[node].later.iter_mut().filter(|(_, event)| is_end(event));
                ends.for_each(|(at_ms, _)| *at_ms = ended_ms.min(*at_ms));
            }
            Action::Split { connector, version, config } => {
                self.later(node, 200, Event::Split { connector, version, tasks: split(&config) });
            }
            Action::Answer(write, verdict) => {
                self.nodes[node].answers.insert(write, verdict);
            }
            Action::Level(..) | Action::Warn(_) => {}
        }
    }

    /// A task tells that it has come to a state.
    fn state(&mut self, node: usize, task: TaskId, state: State) {
        let Some(epoch) = self.nodes[node].running.get(&task).copied() else { return };
        let why = (state == State::Failed).then(|| "broken".to_owned());
        // At once: what a task tells, it tells in order.
        self.nodes[node].later.push((self.now.ms, Event::Task(TaskEvent::State { task, epoch, state, why })));
    }

    fn later(&mut self, node: usize, ms_max: u64, event: Event) {
        let at_ms = self.now.ms + self.rng.random_range(0..=ms_max);
        self.nodes[node].later.push((at_ms, event));
    }

    fn produce(&mut self, node: usize, write: Write) {
        let delay_ms = self.rng.random_range(0..=self.delay_ms_max);
        self.nodes[node].outbox.push_back((self.now.ms + delay_ms, write));
    }

    /// Writes as a user of this node, and returns the number by which the answer is found.
    pub(super) fn put(&mut self, node: usize, name: &str, config: Config, replace: bool) -> Answer<u64> {
        let machine = self.nodes[node].machine.as_ref().unwrap();
        let (mut writes, _) = machine.put_config(name, config, None, replace)?;
        self.writes += 1;
        writes.last_mut().unwrap().note.write = Some(self.writes);
        writes.into_iter().for_each(|write| self.produce(node, write));
        Ok(self.writes)
    }

    pub(super) fn delete(&mut self, node: usize, name: &str) {
        let writes = self.nodes[node].machine.as_ref().unwrap().delete(name).unwrap_or_default();
        writes.into_iter().for_each(|write| self.produce(node, write));
    }

    pub(super) fn target(&mut self, node: usize, name: &str, target: TargetState) {
        let writes = self.nodes[node].machine.as_ref().unwrap().set_target(name, target).unwrap_or_default();
        writes.into_iter().for_each(|write| self.produce(node, write));
    }

    pub(super) fn verdict(&self, write: u64) -> Option<Verdict> {
        self.nodes.iter().find_map(|node| node.answers.get(&write).copied())
    }

    /// Who runs what.
    pub(super) fn running(&self) -> BTreeMap<TaskId, usize> {
        let of = |(node, process): (usize, &Node)| {
            process.running.keys().map(move |task| (task.clone(), node)).collect::<Vec<_>>()
        };
        self.nodes.iter().enumerate().flat_map(of).collect()
    }

    pub(super) fn starts(&self) -> BTreeMap<TaskId, usize> {
        let mut starts = BTreeMap::new();
        for (task, count) in self.nodes.iter().flat_map(|node| &node.starts) {
            *starts.entry(task.clone()).or_default() += count;
        }
        starts
    }
}

fn index(topic: Topic) -> usize {
    TOPICS.iter().position(|each| *each == topic).unwrap()
}
