//! What a worker does about one connector, from what is configured, what it holds and what it does already.

use super::run::{Phase, Said, Spec, TaskRun};
use super::{Action, Machine, Note, Now, Topic, Write};
use crate::herder::records::{ConfigRecord, Lease, LeaseRecord, More, Status, StatusRecord, Unit};
use crate::herder::{Config, State, TargetState, TaskId};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A connector that has not said its tasks by then is asked again, in ms: it may be waiting for another system.
const SPLIT_MS_MAX: u64 = 60_000;

impl Machine {
    pub(super) fn settle(&mut self, connector: &str, now: Now, out: &mut Vec<Action>) {
        if !self.caught_up {
            return;
        }
        self.settle_connector(connector, now, out);
        for task in self.tasks_of_interest(connector) {
            self.settle_task(&task, now, out);
        }
    }

    /// Those that there are to be, and those that it still has.
    fn tasks_of_interest(&self, connector: &str) -> BTreeSet<TaskId> {
        let configured = self.configs.get(connector).map_or(0, |connector| connector.tasks.len());
        let mut tasks: BTreeSet<TaskId> =
            (0..).take(configured).map(|task| TaskId::new(connector, task)).collect();
        let runs = self.tasks.range(TaskId::new(connector, 0)..).map(|(id, _)| id);
        tasks.extend(runs.take_while(|id| id.connector == connector).cloned());
        let held = self.granted.range(Unit::connector(connector)..).map(|(unit, _)| unit);
        tasks.extend(held.take_while(|unit| unit.connector == connector).filter_map(Unit::task_id));
        tasks
    }

    fn settle_connector(&mut self, name: &str, now: Now, out: &mut Vec<Action>) {
        let unit = Unit::connector(name);
        if !self.holds(&unit, now) {
            self.connectors.remove(name);
            return;
        }
        let epoch = self.granted.get(&unit).copied().unwrap_or_default();
        if self.releasing.contains(&unit) || self.configs.get(name).is_none() {
            self.connectors.remove(name);
            self.let_go(&unit, epoch, out);
            return;
        }
        self.split_if_due(name, now, out);
        self.withdraw_if_stopped(name, out);
        let run = self.connectors.entry(name.to_owned()).or_default();
        let (state, why) = match (&run.fault, self.configs.target(name)) {
            (Some((_, fault)), _) => (State::Failed, Some(fault.clone())),
            (None, TargetState::Started) => (State::Running, None),
            (None, TargetState::Paused) => (State::Paused, None),
            (None, TargetState::Stopped) => (State::Stopped, None),
        };
        self.say(&unit, epoch, state, why, now, out);
    }

    fn split_if_due(&mut self, name: &str, now: Now, out: &mut Vec<Action>) {
        let Some(connector) = self.configs.get(name) else { return };
        let version = connector.version;
        let run = self.connectors.entry(name.to_owned()).or_default();
        let is_due = match &run.fault {
            Some((failed, _)) if *failed == version => run.failures.is_due(now.ms),
            _ => connector.split_from != Some(version),
        };
        let target = self.configs.target(name);
        let is_under_way = run.splitting.is_some_and(|(of, until_ms)| of == version && now.ms < until_ms);
        if target != TargetState::Stopped && !is_under_way && (is_due || run.restart || run.rewrite) {
            run.splitting = Some((version, now.ms + SPLIT_MS_MAX));
            run.restart = false;
            let config = Arc::clone(&connector.config);
            out.push(Action::Split { connector: name.to_owned(), version, config });
        }
    }

    /// A stopped connector has no tasks: who stops it says so, but may have been overtaken by those that were just made.
    fn withdraw_if_stopped(&mut self, name: &str, out: &mut Vec<Action>) {
        let Some(connector) = self.configs.get(name) else { return };
        let run = self.connectors.entry(name.to_owned()).or_default();
        let stopped = self.configs.target(name) == TargetState::Stopped && !connector.tasks.is_empty();
        if stopped && run.withdrawn != Some(connector.tasks_version) {
            run.withdrawn = Some(connector.tasks_version);
            out.push(config_write(&ConfigRecord::Commit(name.to_owned(), 0)));
        }
    }

    /// The connector has said what its tasks are.
    pub(super) fn split(
        &mut self,
        name: &str,
        version: i64,
        tasks: Result<Vec<Config>, String>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let Some(run) =
            self.connectors.get_mut(name).filter(|run| run.splitting.is_some_and(|(of, _)| of == version))
        else {
            return;
        };
        match tasks {
            Err(fault) => {
                run.splitting = None;
                run.fault = Some((version, fault));
                run.failures.add(now.ms);
            }
            Ok(tasks) => {
                run.fault = None;
                self.commit(name, version, tasks, out);
            }
        }
        self.settle(name, now, out);
    }

    fn commit(&mut self, name: &str, version: i64, tasks: Vec<Config>, out: &mut Vec<Action>) {
        let Some(connector) = self.configs.get(name).filter(|connector| connector.version == version) else {
            return;
        };
        let same = connector.tasks.iter().map(|task| &**task).eq(&tasks);
        let Some(run) = self.connectors.get_mut(name) else { return };
        let is_said = same && connector.split_from == Some(version) && !std::mem::take(&mut run.rewrite);
        if self.configs.target(name) == TargetState::Stopped || is_said {
            run.splitting = None;
            return;
        }
        let count = i32::try_from(tasks.len()).unwrap_or(i32::MAX);
        for (number, task) in (0..).zip(tasks) {
            out.push(config_write(&ConfigRecord::Task(TaskId::new(name, number), task)));
        }
        let bytes = ConfigRecord::Commit(name.to_owned(), count).bytes();
        let note = Note { expects: Some(version), write: None };
        out.push(Action::Produce(Write { topic: Topic::Config, bytes, note }));
    }

    fn settle_task(&mut self, id: &TaskId, now: Now, out: &mut Vec<Action>) {
        let unit = Unit::task(&id.connector, id.task);
        let holds = self.holds(&unit, now);
        let wanted = self.spec(id);
        if holds && !self.tasks.contains_key(id) {
            self.tasks.insert(id.clone(), TaskRun::new(0));
        }
        let spec = wanted.clone().filter(|_| holds && !self.releasing.contains(&unit));
        let epoch = self.granted.get(&unit).copied().unwrap_or_default();
        let paused = self.configs.target(&id.connector) == TargetState::Paused;
        let Some(run) = self.tasks.get_mut(id) else { return };
        match (run.phase.clone(), spec) {
            (Phase::Idle, Some(spec)) => self.start(id, spec, epoch, paused, now, out),
            (Phase::Idle, None) if !holds => {
                self.tasks.remove(id);
            }
            (Phase::Idle, None) => {
                self.tasks.remove(id);
                if wanted.is_some() {
                    self.say(&unit, epoch, State::Unassigned, None, now, out);
                }
                self.let_go(&unit, epoch, out);
            }
            (Phase::Running { spec, paused: was }, Some(next)) if spec == next && !run.restart => {
                if was != paused {
                    run.phase = Phase::Running { spec, paused };
                    out.push(Action::Pause(id.clone(), paused));
                }
            }
            (Phase::Ended { spec }, Some(next))
                if spec == next && !run.restart && !run.failures.is_due(now.ms) => {}
            (Phase::Running { .. } | Phase::Ended { .. }, _) => {
                run.phase = Phase::Stopping { aborted: !holds };
                out.push(Action::Stop(id.clone()));
                out.extend((!holds).then(|| Action::Abort(id.clone())));
            }
            // It was asked to end, and time has run out.
            (Phase::Stopping { aborted: false }, _) if !holds => {
                run.phase = Phase::Stopping { aborted: true };
                out.push(Action::Abort(id.clone()));
            }
            (Phase::Stopping { .. }, _) => {}
        }
    }

    fn start(&mut self, id: &TaskId, spec: Spec, epoch: u64, paused: bool, now: Now, out: &mut Vec<Action>) {
        let Some(run) = self.tasks.get_mut(id) else { return };
        let (connector, config, tasks) = (Arc::clone(&spec.connector), Arc::clone(&spec.config), spec.tasks);
        run.epoch = epoch;
        run.restart = false;
        run.phase = Phase::Running { spec, paused };
        out.push(Action::Start(crate::herder::TaskStart {
            id: id.clone(),
            epoch,
            connector,
            config,
            tasks,
            paused,
        }));
        if run.said.is_some() {
            self.say(&Unit::task(&id.connector, id.task), epoch, State::Restarting, None, now, out);
        }
    }

    /// What the task is to be made from; none where it is not to be.
    fn spec(&self, id: &TaskId) -> Option<Spec> {
        let connector = self.configs.get(&id.connector)?;
        let config = connector.tasks.get(usize::try_from(id.task).ok()?)?;
        let stopped = self.configs.target(&id.connector) == TargetState::Stopped;
        (!stopped).then(|| Spec {
            connector: Arc::clone(&connector.config),
            config: Arc::clone(config),
            tasks: connector.tasks.len(),
        })
    }

    /// Whether there is to be somebody who holds it.
    pub(super) fn is_wanted(&self, unit: &Unit) -> bool {
        match unit.task_id() {
            Some(task) => self.spec(&task).is_some(),
            None => self.configs.get(&unit.connector).is_some(),
        }
    }

    /// Nothing of it runs here any more: another may have it, or nobody if it is gone.
    fn let_go(&mut self, unit: &Unit, epoch: u64, out: &mut Vec<Action>) {
        self.granted.remove(unit);
        self.releasing.remove(unit);
        if !self.is_wanted(unit)
            && let Some(task) = unit.task_id()
        {
            self.write_status(&StatusRecord::Task(task, None), out);
        }
        let lease = Lease { epoch, incarnation: None, deposes: None };
        let record = LeaseRecord::Lease(unit.clone(), self.me.worker.clone(), lease);
        out.push(Action::Produce(Write::new(Topic::Lease, record.bytes())));
    }

    /// Writes a state down if it is another than was written last.
    pub(super) fn say(
        &mut self,
        unit: &Unit,
        epoch: u64,
        state: State,
        why: Option<String>,
        now: Now,
        out: &mut Vec<Action>,
    ) {
        let next = Said { state, why, epoch };
        if let Some(said) = self.said(unit) {
            if said.as_ref() == Some(&next) {
                return;
            }
            *said = Some(next.clone());
        }
        let status = self.status(next, now);
        let record = match unit.task_id() {
            Some(id) => StatusRecord::Task(id, Some(status)),
            None => StatusRecord::Connector(unit.connector.clone(), Some(status)),
        };
        self.write_status(&record, out);
    }

    fn said(&mut self, unit: &Unit) -> Option<&mut Option<Said>> {
        match unit.task_id() {
            Some(id) => self.tasks.get_mut(&id).map(|run| &mut run.said),
            None => self.connectors.get_mut(&unit.connector).map(|run| &mut run.said),
        }
    }

    /// Somebody has cleared away what this worker says: it was of a connector of the same name.
    pub(super) fn say_again(&mut self, unit: &Unit, now: Now, out: &mut Vec<Action>) {
        if self.holds(unit, now)
            && let Some(Said { state, why, epoch }) = self.said(unit).and_then(Option::take)
        {
            self.say(unit, epoch, state, why, now, out);
        }
    }

    fn status(&self, Said { state, why, epoch }: Said, now: Now) -> Status {
        let runs = !matches!(state, State::Unassigned | State::Restarting);
        let first_line = why.as_deref().and_then(|why| why.lines().next()).map(str::to_owned);
        Status {
            state,
            trace: why,
            worker_id: self.me.worker.clone(),
            generation: i32::try_from(epoch).unwrap_or(i32::MAX),
            version: runs.then(|| self.plugin_version.clone()),
            more: More { why: first_line, since: Some(now.wall_ms), halted: false },
        }
    }

    pub(super) fn write_status(&self, record: &StatusRecord, out: &mut Vec<Action>) {
        out.push(Action::Produce(Write::new(Topic::Status, record.bytes())));
    }
}

pub(super) fn config_write(record: &ConfigRecord) -> Action {
    Action::Produce(Write::new(Topic::Config, record.bytes()))
}
