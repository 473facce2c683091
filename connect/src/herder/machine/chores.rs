//! What a worker does from time to time: it beats, takes what is free, gives away what is too much, and clears away.

use super::{Action, BEATS_UNDER_WAY_MAX, Machine, Note, Now, Topic, Write};
use crate::herder::records::{ConfigRecord, Holder, LeaseRecord, Unit, WorkerBeat};
use crate::herder::{TargetState, TaskId};
use std::collections::{BTreeMap, BTreeSet};

/// After so many sessions of silence a worker is cleared away.
const FORGOTTEN_SESSIONS: u64 = 10;

impl Machine {
    pub(super) fn tick(&mut self, now: Now, out: &mut Vec<Action>) {
        if !self.caught_up {
            return;
        }
        self.heartbeat(now, out);
        if self.is_cut_off(now) {
            out.extend((!self.granted.is_empty()).then(|| Action::Warn(self.cut_off(now))));
            self.granted.clear();
            self.claims.clear();
            self.releasing.clear();
        }
        let names: BTreeSet<String> =
            self.configs.names().chain(self.tasks.keys().map(|id| &id.connector)).cloned().collect();
        for name in names {
            self.settle(&name, now, out);
        }
        if !self.is_cut_off(now) && !self.leaving {
            self.take_what_is_free(now, out);
            self.give_what_is_too_much(now, out);
            if now.ms >= self.chores_due_ms {
                self.chores_due_ms = now.ms + self.timing.session_ms;
                self.restore(out);
                self.clear_away(now, out);
            }
        }
    }

    fn heartbeat(&mut self, now: Now, out: &mut Vec<Action>) {
        if now.ms < self.beat_due_ms || self.beats_sent.len() >= BEATS_UNDER_WAY_MAX {
            return;
        }
        self.beat += 1;
        self.beat_due_ms = now.ms + self.timing.heartbeat_ms;
        self.beats_sent.push_back((self.beat, now.ms));
        let beat = WorkerBeat { beat: self.beat, config: self.config_read };
        out.push(lease_write(&LeaseRecord::Worker(self.me.clone(), Some(beat))));
    }

    /// Every unit that there is to be.
    pub(super) fn wanted_units(&self) -> Vec<Unit> {
        let mut units = Vec::new();
        for name in self.configs.names() {
            units.push(Unit::connector(name));
            let tasks = self.configs.get(name).map_or(0, |connector| connector.tasks.len());
            let tasks = (0..).take(tasks).map(|task| Unit::task(name, task));
            units.extend(tasks.filter(|unit| self.is_wanted(unit)));
        }
        units
    }

    /// The worker with the least to do takes the next one; all workers think of the same one.
    fn take_what_is_free(&mut self, now: Now, out: &mut Vec<Action>) {
        let mut load: BTreeMap<Holder, usize> = self.live(now).map(|run| (run, 0)).collect();
        let mut free = Vec::new();
        for unit in self.wanted_units() {
            match self.leases.live_holder(&unit, now.ms, self.timing.session_ms) {
                Some(holder) if *holder != self.me || self.granted.contains_key(&unit) => {
                    load.entry(holder.clone()).and_modify(|count| *count += 1);
                    self.free_since.remove(&unit);
                }
                _ => free.push(unit),
            }
        }
        self.claims.retain(|_, until_ms| *until_ms > now.ms);
        for unit in free {
            let Some((run, count)) = load.iter_mut().min_by_key(|(_, count)| **count) else { return };
            *count += 1;
            let since_ms = *self.free_since.entry(unit.clone()).or_insert(now.ms);
            // Another one was to take it, and has not: it may see the cluster differently.
            let is_late = now.ms.saturating_sub(since_ms) > 2 * self.timing.session_ms;
            let busy = unit.task_id().is_some_and(|task| self.tasks.contains_key(&task));
            if (*run == self.me || is_late) && !self.claims.contains_key(&unit) && !busy {
                self.claim(&unit, now, out);
            }
        }
    }

    fn live(&self, now: Now) -> impl Iterator<Item = Holder> {
        self.leases.live(now.ms, self.timing.session_ms).map(|(run, _)| run.clone())
    }

    pub(super) fn claim(&mut self, unit: &Unit, now: Now, out: &mut Vec<Action>) {
        self.claims.insert(unit.clone(), now.ms + self.timing.session_ms);
        let lease = self.leases.claim(unit, self.me.incarnation);
        out.push(lease_write(&LeaseRecord::Lease(unit.clone(), self.me.worker.clone(), lease)));
    }

    /// When a worker has come, those that have more than their share let go of what is too much, and of nothing else.
    fn give_what_is_too_much(&mut self, now: Now, out: &mut Vec<Action>) {
        let (workers, wanted) = (self.live(now).count(), self.wanted_units().len());
        if self.steady.0 != (workers, wanted) {
            self.steady = ((workers, wanted), now.ms);
        }
        let is_steady = now.ms.saturating_sub(self.steady.1) >= self.timing.rebalance_delay_ms;
        if !is_steady || workers == 0 || !self.releasing.is_empty() {
            return;
        }
        let too_many = self.granted.len().saturating_sub(wanted.div_ceil(workers));
        let tasks_first = self.granted.keys().filter(|unit| unit.task.is_some()).rev();
        let units: Vec<Unit> = tasks_first
            .chain(self.granted.keys().filter(|unit| unit.task.is_none()))
            .take(too_many)
            .cloned()
            .collect();
        for unit in units {
            let connector = unit.connector.clone();
            self.releasing.insert(unit);
            self.settle(&connector, now, out);
        }
    }

    /// Whoever lacks some tasks asks for them. Whoever has seen a configuration refused writes again what counts: a worker that reads the log compacted takes
    /// the refused one for true, and any that knows better may be the only one.
    fn restore(&self, out: &mut Vec<Action>) {
        let torn = self.configs.torn().filter(|name| self.configs.target(name) != TargetState::Stopped);
        out.extend(torn.map(|name| lease_write(&LeaseRecord::Split(name.clone()))));
        for (name, refused_at) in &self.overwritten {
            let config = self.configs.get(name).map(|connector| (*connector.config).clone());
            let bytes = ConfigRecord::Connector(name.clone(), config).bytes();
            let note = Note { expects: Some(*refused_at), write: None };
            out.push(Action::Produce(Write { topic: Topic::Config, bytes, note }));
        }
    }

    /// The worker that comes first of those alive puts the topics in order for all.
    fn clear_away(&mut self, now: Now, out: &mut Vec<Action>) {
        if self.live(now).next().as_ref() != Some(&self.me) {
            return;
        }
        let gone = |name: &str| self.configs.get(name).is_none();
        let statuses: Vec<_> = self.statuses.left_over(gone).collect();
        statuses.iter().for_each(|record| self.write_status(record, out));
        let silence_ms = FORGOTTEN_SESSIONS * self.timing.session_ms;
        out.extend(self.leases.forgotten(now.ms, silence_ms).map(|record| lease_write(&record)));
    }

    /// Lets go of everything as soon as it has stopped; the shell leaves when nothing is held any more.
    pub(crate) fn leave(&mut self, now: Now) -> Vec<Action> {
        let mut out = Vec::new();
        self.releasing.extend(self.granted.keys().cloned());
        self.leaving = true;
        let names: BTreeSet<String> = self.granted.keys().map(|unit| unit.connector.clone()).collect();
        for name in names {
            self.settle(&name, now, &mut out);
        }
        out
    }

    /// The tasks that have not ended.
    pub(crate) fn unfinished(&self) -> Vec<TaskId> {
        self.tasks.keys().cloned().collect()
    }

    /// Whether nothing runs here and nothing is held.
    pub(crate) fn is_idle(&self) -> bool {
        self.granted.is_empty() && self.tasks.is_empty()
    }

    /// The last word of a worker that leaves: nobody has to wait for its session.
    pub(crate) fn farewell(&self) -> Write {
        Write::new(Topic::Lease, LeaseRecord::Worker(self.me.clone(), None).bytes())
    }
}

fn lease_write(record: &LeaseRecord) -> Action {
    Action::Produce(Write::new(Topic::Lease, record.bytes()))
}
