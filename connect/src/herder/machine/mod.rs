//! What a worker decides: an event and the time in, actions out. It reads no clock and no socket; the shell and the
//! simulation drive the same type.
//!
//! Everything that workers agree on is the order of records in topics of one partition. A task is a lease: the first
//! claim of an epoch counts ([`leases`]). A holder that has not read its own beat for most of a session ends its tasks, at
//! once and not in order, before others may think it gone; who thinks so says which beat it had seen last, and takes
//! nothing from one that has beaten since. So no task runs twice, without anybody asking another worker or comparing
//! clocks.

#[cfg(test)]
mod asked;
mod chores;
mod configs;
mod event;
mod leases;
mod namesake;
mod run;
mod settle;
#[cfg(test)]
mod simulation;
mod statuses;
#[cfg(test)]
mod takeover;
mod view;
mod write;

pub(crate) use configs::Verdict;
pub(crate) use event::{Action, Event, Note, Now, Topic, Write};
pub(crate) use write::Movable;

use super::records::{ActiveTopic, ConfigRecord, Holder, LeaseRecord, StatusRecord, Unit};
use super::{RestartRequest, State, TaskEvent, TaskId};
use configs::Configs;
use leases::{Leases, Turned};
use namesake::Namesake;
use run::{ConnectorRun, Phase, TaskRun};
use statuses::Statuses;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// How long things take, in ms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Between two beats.
    pub(crate) heartbeat_ms: u64,
    /// Without a beat for so long a worker is gone.
    pub(crate) session_ms: u64,
    /// So long before others think a worker gone that is cut off, it ends its tasks: what a task needs to be gone that is
    /// ended without being asked.
    pub(crate) margin_ms: u64,
    /// Nothing has joined or left for so long before tasks move to a worker that has less to do.
    pub(crate) rebalance_delay_ms: u64,
}

/// Beats on their way are no more than fit into a session, by far.
const BEATS_UNDER_WAY_MAX: usize = 1_024;

/// One worker of a cluster.
#[derive(Debug)]
pub(crate) struct Machine {
    /// This run of this worker.
    me: Holder,
    timing: Timing,
    /// Of the program: what runs has it.
    plugin_version: String,
    configs: Configs,
    statuses: Statuses,
    leases: Leases,
    /// All that was there at the start has been read. Before, nothing is done.
    caught_up: bool,
    /// The offset of the last record of the config topic that was read.
    config_read: i64,
    /// Another run that calls itself as this one.
    namesake: Namesake,
    /// It takes nothing any more and lets go of what it has.
    leaving: bool,
    beat: u64,
    /// When this worker sent the beats that it has not read yet.
    beats_sent: VecDeque<(u64, u64)>,
    beat_due_ms: u64,
    /// Until then nobody thinks this worker gone, less the margin.
    alive_until_ms: u64,
    /// The epochs under which it runs something: a lease in the topic that is not here was lost from sight once.
    granted: BTreeMap<Unit, u64>,
    /// Claims that have not been read yet, and when they are given up.
    claims: BTreeMap<Unit, u64>,
    /// What it lets go of as soon as it has stopped.
    releasing: BTreeSet<Unit>,
    /// Since when nobody holds a unit.
    free_since: BTreeMap<Unit, u64>,
    tasks: BTreeMap<TaskId, TaskRun>,
    connectors: BTreeMap<String, ConnectorRun>,
    /// Connectors whose last record does not count, with its offset: compaction would keep it and drop the one that does.
    overwritten: BTreeMap<String, i64>,
    /// How many workers and units there were, and since when there are that many.
    steady: ((usize, usize), u64),
    chores_due_ms: u64,
}

impl Machine {
    pub(crate) fn new(
        worker: impl Into<String>,
        incarnation: u64,
        plugin_version: &str,
        timing: Timing,
    ) -> Self {
        Self {
            me: Holder { worker: worker.into(), incarnation },
            timing,
            plugin_version: plugin_version.to_owned(),
            configs: Configs::default(),
            statuses: Statuses::default(),
            leases: Leases::default(),
            caught_up: false,
            config_read: -1,
            namesake: Namesake::default(),
            leaving: false,
            beat: 0,
            beats_sent: VecDeque::new(),
            beat_due_ms: 0,
            alive_until_ms: 0,
            granted: BTreeMap::new(),
            claims: BTreeMap::new(),
            releasing: BTreeSet::new(),
            free_since: BTreeMap::new(),
            tasks: BTreeMap::new(),
            connectors: BTreeMap::new(),
            overwritten: BTreeMap::new(),
            steady: ((0, 0), 0),
            chores_due_ms: 0,
        }
    }

    /// Takes an event and says what follows from it.
    pub(crate) fn handle(&mut self, event: Event, now: Now) -> Vec<Action> {
        let mut out = Vec::new();
        match event {
            Event::Read { topic, offset, key, value, note } => {
                self.read(topic, offset, &key, value.as_deref(), note, now, &mut out);
            }
            Event::CaughtUp => {
                self.caught_up = true;
                self.leases.refresh(now.ms);
                self.tick(now, &mut out);
            }
            Event::Task(event) => self.told(event, now, &mut out),
            Event::Stopped(task) => {
                if let Some(run) = self.tasks.get_mut(&task) {
                    run.phase = Phase::Idle;
                }
                self.settle(&task.connector, now, &mut out);
            }
            Event::Split { connector, version, tasks } => {
                self.split(&connector, version, tasks, now, &mut out)
            }
            Event::Tick => self.tick(now, &mut out),
            Event::Then(action) => out.push(*action),
        }
        out
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one record")]
    fn read(
        &mut self,
        topic: Topic,
        offset: i64,
        key: &str,
        value: Option<&[u8]>,
        note: Note,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let mut verdict = Verdict::Applied;
        match topic {
            Topic::Config => {
                self.config_read = offset;
                if let Some(record) = ConfigRecord::read(key, value) {
                    verdict = self.read_config(offset, record, note, now, out);
                }
            }
            Topic::Lease => {
                if let Some(record) = LeaseRecord::read(key, value) {
                    self.read_lease(record, now, out);
                }
            }
            Topic::Status => {
                if let Some(record) = StatusRecord::read(key, value) {
                    let gone = record.gone();
                    self.statuses.apply(record);
                    gone.into_iter().for_each(|unit| self.say_again(&unit, now, out));
                }
            }
        }
        out.extend(note.write.map(|write| Action::Answer(write, verdict)));
    }

    fn read_config(
        &mut self,
        offset: i64,
        record: ConfigRecord,
        note: Note,
        now: Now,
        out: &mut Vec<Action>,
    ) -> Verdict {
        let verdict = self.configs.apply(offset, &record, note.expects);
        let (ConfigRecord::Connector(name, _)
        | ConfigRecord::Target(name, _)
        | ConfigRecord::Commit(name, _)) = &record
        else {
            self.told_all(record, now, out);
            return verdict;
        };
        if let ConfigRecord::Connector(_, config) = &record {
            let now = self.configs.get(name).map(|connector| &*connector.config);
            if verdict == Verdict::Applied || now == config.as_ref() {
                self.overwritten.remove(name);
            } else {
                self.overwritten.insert(name.clone(), offset);
            }
        }
        if matches!(record, ConfigRecord::Commit(..))
            && let Some(run) = self.connectors.get_mut(name)
        {
            run.splitting = None;
        }
        self.settle(name, now, out);
        verdict
    }

    /// What is said once, to those that are there.
    fn told_all(&mut self, record: ConfigRecord, now: Now, out: &mut Vec<Action>) {
        match record {
            ConfigRecord::Restart(request) if self.caught_up => self.restart(&request, now, out),
            ConfigRecord::Level(namespace, level) if self.caught_up => {
                out.push(Action::Level(namespace, level))
            }
            _ => {}
        }
    }

    fn read_lease(&mut self, record: LeaseRecord, now: Now, out: &mut Vec<Action>) {
        match &record {
            LeaseRecord::Worker(run, Some(beat)) if *run == self.me => self.has_beaten(beat.beat),
            LeaseRecord::Worker(run, Some(beat)) if run.worker == self.me.worker && self.caught_up => {
                out.extend(self.namesake.has_beaten(run, beat.beat).map(Action::Warn));
            }
            LeaseRecord::Restart(task) if self.caught_up => {
                if let Some(run) = self.tasks.get_mut(task) {
                    run.restart = true;
                    self.settle(&task.connector.clone(), now, out);
                }
            }
            LeaseRecord::Split(name) if self.caught_up => {
                if let Some(run) = self.connectors.get_mut(name) {
                    run.rewrite = true;
                    self.settle(&name.clone(), now, out);
                }
            }
            _ => {}
        }
        match self.leases.apply(record, now.ms) {
            Turned::Nothing => {}
            Turned::Lease(unit) => self.turned(&unit, now, out),
            Turned::Contested(unit) => {
                if self.holds(&unit, now) {
                    self.claim(&unit, now, out);
                }
            }
        }
    }

    /// A unit has another holder.
    fn turned(&mut self, unit: &Unit, now: Now, out: &mut Vec<Action>) {
        self.claims.remove(unit);
        self.free_since.remove(unit);
        let held = self.leases.held(unit).filter(|(holder, _)| **holder == self.me);
        match held.map(|(_, epoch)| epoch) {
            // While it is cut off it cannot know whether this still stands.
            Some(epoch) if !self.is_cut_off(now) => {
                self.granted.insert(unit.clone(), epoch);
            }
            _ => {
                self.granted.remove(unit);
                self.releasing.remove(unit);
            }
        }
        self.settle(&unit.connector, now, out);
    }

    /// What a task of this worker tells.
    fn told(&mut self, event: TaskEvent, now: Now, out: &mut Vec<Action>) {
        match event {
            TaskEvent::State { task, epoch, state, why } => {
                self.task_state(&task, epoch, state, why, now, out)
            }
            TaskEvent::Topic { task, topic } => {
                if !self.statuses.topics(&task.connector).any(|known| **known == *topic) {
                    let (name, connector, discover_timestamp) =
                        (topic.to_string(), task.connector.clone(), now.wall_ms);
                    let active = ActiveTopic {
                        name: name.clone(),
                        connector: connector.clone(),
                        task: task.task,
                        discover_timestamp,
                    };
                    self.write_status(&StatusRecord::Topic(name, connector, Some(active)), out);
                }
            }
            TaskEvent::Reconfigure { connector } => {
                if let Some(run) = self.connectors.get_mut(&connector) {
                    run.restart = true;
                    self.settle(&connector, now, out);
                }
            }
        }
    }

    fn task_state(
        &mut self,
        task: &TaskId,
        epoch: u64,
        state: State,
        why: Option<String>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let Some(run) = self.tasks.get_mut(task).filter(|run| run.epoch == epoch) else { return };
        let Phase::Running { spec, .. } = &run.phase else { return };
        match state {
            State::Failed | State::Halted => {
                let spec = spec.clone();
                run.phase = Phase::Ended { spec };
                run.failures.add(now.ms);
                // The brake asks for somebody who looks.
                if state == State::Halted {
                    run.failures.never_again();
                }
            }
            _ => {}
        }
        self.say(&Unit::task(&task.connector, task.task), epoch, state, why, now, out);
        self.settle(&task.connector, now, out);
    }

    fn restart(&mut self, request: &RestartRequest, now: Now, out: &mut Vec<Action>) {
        let name = &request.connector;
        if let Some(run) = self.connectors.get_mut(name) {
            run.restart |= !request.only_failed || run.fault.is_some();
        }
        if request.include_tasks {
            for run in self.tasks.iter_mut().filter(|(id, _)| id.connector == *name).map(|(_, run)| run) {
                run.restart |= !request.only_failed || matches!(run.phase, Phase::Ended { .. });
            }
        }
        self.settle(name, now, out);
    }

    /// Whether it runs this: the lease is its own, and was never out of its sight since.
    fn holds(&self, unit: &Unit, now: Now) -> bool {
        let Some((holder, epoch)) = self.leases.held(unit) else { return false };
        !self.is_cut_off(now) && *holder == self.me && self.granted.get(unit) == Some(&epoch)
    }

    /// Whether others may think this worker gone, or soon.
    fn is_cut_off(&self, now: Now) -> bool {
        now.ms >= self.alive_until_ms
    }

    fn has_beaten(&mut self, beat: u64) {
        while let Some(&(sent, at_ms)) = self.beats_sent.front() {
            if sent > beat {
                break;
            }
            self.beats_sent.pop_front();
            self.alive_until_ms = at_ms + self.timing.session_ms - self.timing.margin_ms;
        }
    }
}
