use crate::herder::records::{Deposed, Holder, Lease, LeaseRecord, Unit, WorkerBeat};
use std::collections::BTreeMap;

/// What the lease topic says, and when this worker read it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    /// By run: a lease of another run of the same name is another worker's.
    workers: BTreeMap<Holder, Seen>,
    units: BTreeMap<Unit, Claims>,
}

/// A worker's last sign of life.
#[derive(Clone, Copy, Debug)]
struct Seen {
    beat: u64,
    /// How far it had read the config topic.
    config: i64,
    /// On this process's clock, in ms: clocks of others are not asked.
    at_ms: u64,
}

/// What was said of one unit.
#[derive(Clone, Debug, Default)]
struct Claims {
    /// The epoch that counts.
    epoch: u64,
    /// Who holds it under that epoch.
    holder: Option<Holder>,
    /// The highest that anybody claimed, in vain too: a reader of a compacted log may have taken that for true.
    highest: u64,
}

/// What a record of the lease topic changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// Nothing that anybody must act on.
    Nothing,
    /// A unit has another holder or none, or is gone.
    Lease(Unit),
    /// The holder was given up as gone while it was not. A reader of a compacted log cannot see that: the holder has to
    /// claim again.
    Contested(Unit),
}

impl Leases {
    pub(crate) fn apply(&mut self, record: LeaseRecord, now_ms: u64) -> Turned {
        match record {
            LeaseRecord::Worker(run, Some(WorkerBeat { beat, config })) => {
                self.workers.insert(run, Seen { beat, config, at_ms: now_ms });
                Turned::Nothing
            }
            LeaseRecord::Worker(run, None) => {
                self.workers.remove(&run);
                Turned::Nothing
            }
            LeaseRecord::Lease(unit, worker, lease) => self.said(unit, worker, lease),
            LeaseRecord::Restart(_) | LeaseRecord::Split(_) => Turned::Nothing,
        }
    }

    fn said(&mut self, unit: Unit, worker: String, lease: Lease) -> Turned {
        let claims = self.units.entry(unit.clone()).or_default();
        claims.highest = claims.highest.max(lease.epoch);
        let Some(incarnation) = lease.incarnation else {
            let is_holder = claims.epoch == lease.epoch && claims.is_held_by(&worker);
            claims.holder.take_if(|_| is_holder);
            return if is_holder { Turned::Lease(unit) } else { Turned::Nothing };
        };
        if lease.epoch <= claims.epoch {
            return Turned::Nothing;
        }
        if let Some(deposed) = &lease.deposes
            && claims.holder.as_ref() == Some(&deposed.holder)
            && has_beaten_since(&self.workers, deposed)
        {
            return Turned::Contested(unit);
        }
        (claims.epoch, claims.holder) = (lease.epoch, Some(Holder { worker, incarnation }));
        Turned::Lease(unit)
    }

    /// What is said of a unit by who claims it: the epoch, the next after all that were claimed, and who is deposed. It
    /// must be the next: of those who claim from the same past one gets it.
    pub(crate) fn claim(&self, unit: &Unit, incarnation: u64) -> Lease {
        let claims = self.units.get(unit);
        let epoch = claims.map_or(0, |claims| claims.highest) + 1;
        let holder = claims.and_then(|claims| claims.holder.as_ref());
        let deposes = holder.and_then(|holder| {
            let beat = self.workers.get(holder)?.beat;
            Some(Deposed { holder: holder.clone(), beat })
        });
        Lease { epoch, incarnation: Some(incarnation), deposes }
    }

    /// Who holds a unit, dead or alive, and under which epoch.
    pub(crate) fn held(&self, unit: &Unit) -> Option<(&Holder, u64)> {
        let claims = self.units.get(unit)?;
        Some((claims.holder.as_ref()?, claims.epoch))
    }

    /// Who holds a unit and has given a sign of life within `session_ms`.
    pub(crate) fn live_holder(&self, unit: &Unit, now_ms: u64, session_ms: u64) -> Option<&Holder> {
        let (holder, _) = self.held(unit)?;
        self.workers.get(holder)?.is_alive(now_ms, session_ms).then_some(holder)
    }

    /// The workers that have given a sign of life within `session_ms`, in the same order everywhere, and how far each had
    /// read the config topic then.
    pub(crate) fn live(&self, now_ms: u64, session_ms: u64) -> impl Iterator<Item = (&Holder, i64)> {
        let live = self.workers.iter().filter(move |(_, seen)| seen.is_alive(now_ms, session_ms));
        live.map(|(run, seen)| (run, seen.config))
    }

    /// The tasks of a connector that somebody holds or held.
    pub(crate) fn tasks_of(&self, connector: &str) -> impl Iterator<Item = &Unit> {
        let from = self.units.range(Unit::connector(connector)..).map(|(unit, _)| unit);
        from.take_while(move |unit| unit.connector == connector).filter(|unit| unit.task.is_some())
    }

    /// Everything that was read at the start counts as said just now: it may have been.
    pub(crate) fn refresh(&mut self, now_ms: u64) {
        self.workers.values_mut().for_each(|seen| seen.at_ms = now_ms);
    }

    /// Workers that have been silent for so long that nobody waits for them, as tombstones.
    pub(crate) fn forgotten(&self, now_ms: u64, silence_ms: u64) -> impl Iterator<Item = LeaseRecord> {
        self.workers
            .iter()
            .filter(move |(_, seen)| !seen.is_alive(now_ms, silence_ms))
            .map(|(run, _)| LeaseRecord::Worker(run.clone(), None))
    }
}

fn has_beaten_since(workers: &BTreeMap<Holder, Seen>, deposed: &Deposed) -> bool {
    workers.get(&deposed.holder).is_some_and(|seen| seen.beat > deposed.beat)
}

impl Claims {
    fn is_held_by(&self, worker: &str) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.worker == worker)
    }
}

impl Seen {
    fn is_alive(self, now_ms: u64, session_ms: u64) -> bool {
        now_ms.saturating_sub(self.at_ms) < session_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> Unit {
        Unit::connector("s")
    }

    fn says(worker: &str, epoch: u64, incarnation: Option<u64>) -> LeaseRecord {
        LeaseRecord::Lease(unit(), worker.into(), Lease { epoch, incarnation, deposes: None })
    }

    fn beats(worker: &str, incarnation: u64, beat: u64) -> LeaseRecord {
        let run = Holder { worker: worker.into(), incarnation };
        LeaseRecord::Worker(run, Some(WorkerBeat { beat, config: -1 }))
    }

    fn holder(leases: &Leases) -> Option<&str> {
        leases.held(&unit()).map(|(holder, _)| holder.worker.as_str())
    }

    #[test]
    fn the_first_claim_of_an_epoch_counts_and_a_later_epoch_beats_it() {
        let mut leases = Leases::default();
        assert_eq!(leases.apply(says("a", 1, Some(1)), 0), Turned::Lease(unit()));
        assert_eq!(leases.apply(says("b", 1, Some(1)), 0), Turned::Nothing);
        assert_eq!(leases.apply(says("b", 1, None), 0), Turned::Nothing, "only who holds lets go");
        assert_eq!(leases.apply(says("a", 1, None), 0), Turned::Lease(unit()));
        assert_eq!(holder(&leases), None);
        assert_eq!(leases.apply(says("b", 2, Some(1)), 0), Turned::Lease(unit()));
        assert_eq!(leases.apply(says("a", 1, None), 0), Turned::Nothing, "that epoch has passed");
        assert_eq!(holder(&leases), Some("b"));
    }

    #[test]
    fn who_has_not_read_the_holders_last_beat_does_not_depose_it() {
        let mut leases = Leases::default();
        leases.apply(says("a", 1, Some(1)), 0);
        leases.apply(beats("a", 1, 1), 0);
        let early = LeaseRecord::Lease(unit(), "b".into(), leases.claim(&unit(), 1));
        leases.apply(beats("a", 1, 2), 0);
        assert_eq!(leases.apply(early, 0), Turned::Contested(unit()));
        let claim = leases.claim(&unit(), 1);
        assert_eq!(claim.epoch, 3, "above what was claimed in vain");
        let late = LeaseRecord::Lease(unit(), "b".into(), claim);
        assert_eq!(leases.apply(late, 0), Turned::Lease(unit()));
    }

    #[test]
    fn a_holder_is_alive_for_a_session_from_when_its_beat_was_read_and_only_in_its_own_run() {
        let mut leases = Leases::default();
        leases.apply(says("a", 1, Some(1)), 0);
        assert_eq!(leases.live_holder(&unit(), 0, 10), None, "it has never been heard of");
        leases.apply(beats("a", 1, 1), 5);
        assert!(leases.live_holder(&unit(), 14, 10).is_some());
        assert_eq!(leases.live_holder(&unit(), 15, 10), None);
        leases.apply(beats("a", 2, 1), 16);
        assert_eq!(
            leases.live_holder(&unit(), 17, 10),
            None,
            "another run of the same name is another worker"
        );
    }

    #[test]
    fn a_beat_of_another_run_of_the_same_name_takes_nothing_away() {
        let mut leases = Leases::default();
        leases.apply(says("a", 1, Some(1)), 0);
        leases.apply(beats("a", 1, 1), 0);
        leases.apply(beats("a", 2, 1), 1);
        let holder = leases.live_holder(&unit(), 2, 10).map(|holder| holder.incarnation);
        assert_eq!(holder, Some(1));
        let early = LeaseRecord::Lease(unit(), "a".into(), leases.claim(&unit(), 2));
        leases.apply(beats("a", 1, 2), 3);
        assert_eq!(leases.apply(early, 3), Turned::Contested(unit()));
    }
}
