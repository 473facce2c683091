//! Workers against a simulated cluster: crashes that lose what was not acknowledged and what was not on disk, tasks that move,
//! acknowledgements that come late. The workers are the type that the stream threads drive.

mod cluster;
mod disk;
mod group;
mod idling;
mod outlets;
mod pausing;
mod punctuation;
mod retries;
mod standbys;
mod timeouts;
mod workbench;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::rc::Rc;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::super::standby::StandbyStore;
use super::{Arrival, Observer, RestoreProgress};
use crate::store::backend::Direction;
use crate::task::{Standing, TaskId, TaskStores};
use cluster::Fault;
use group::Group;

const WORDS: [&str; 7] = ["the", "whale", "a", "sea", "ship", "harpoon", "ishmael"];
const SEEDS: u64 = 200;
const STEPS: usize = 300;

/// Listens to what comes and goes alone.
#[derive(Clone, Default)]
struct Quiet {
    arrivals: Rc<RefCell<Vec<Arrival>>>,
    closed: Rc<RefCell<Vec<TaskId>>>,
}

impl Observer for Quiet {
    fn restoring(&self, _progress: &RestoreProgress) {}
    fn tasks(&self, _running: &[TaskId], _restoring: &[TaskId]) {}
    fn standbys(&self, _tasks: &[TaskId], _stores: &[StandbyStore]) {}
    fn stands(&self, _task: TaskId, _standing: Standing) {}
    fn closed(&self, task: TaskId, _standing: Standing) {
        self.closed.borrow_mut().push(task);
    }
    fn arrived(&self, arrival: &Arrival) {
        self.arrivals.borrow_mut().push(*arrival);
    }
    fn processed(&self, _records: usize) {}
}

/// What a store of counts holds, if there is one.
fn counts<K: Ord + Clone + 'static>(stores: &TaskStores, store: &str) -> Option<BTreeMap<K, i64>> {
    let store = stores.store::<K, i64>(store)?;
    let mut counts = BTreeMap::new();
    let visit = |key, count, _| {
        counts.insert(key, count);
        ControlFlow::Continue(())
    };
    store.borrow().scan((Bound::Unbounded, Bound::Unbounded), Direction::Forward, visit).unwrap();
    Some(counts)
}

/// Runs one seed to its end; `Err` says what was wrong.
fn run(seed: u64, crashes: bool, fault: Fault) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(seed);
    // In turns the workers are threads of one process, processes that keep copies of what others run, and processes.
    let combines = seed % 4 == 3;
    let mut group = Group::start(3, seed.is_multiple_of(3), seed % 3 == 1, combines, fault);
    let mut truth: BTreeMap<String, i64> = BTreeMap::new();
    for _ in 0..STEPS {
        match random.random_range(0..100) {
            0..20 => {
                let words: Vec<&str> = (0..random.random_range(1..5))
                    .filter_map(|_| WORDS.choose(&mut random).copied())
                    .collect();
                words.iter().for_each(|word| *truth.entry((*word).to_owned()).or_default() += 1);
                group.feed(&words.join(" "), &mut random);
            }
            20..22 if crashes => group.crash(&mut random),
            22..24 if crashes => group.lose(&mut random),
            24..25 if crashes => group.hand_over_uncommitted(&mut random),
            24..27 => group.hand_over(&mut random),
            27..29 => group.write_to_disk(&mut random),
            29..30 => group.remove_thread(&mut random),
            33..35 => group.change_standbys(&mut random),
            30..33 => group.refuse_a_commit(&mut random),
            _ => group.advance(&mut random),
        }
    }
    group.drain(&mut random);
    group.check(&truth)
}

#[test]
fn without_crashes_every_word_counts_once() {
    for seed in 0..SEEDS {
        run(seed, false, Fault::None).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
}

#[test]
fn after_crashes_no_word_is_missing_and_the_excess_is_what_was_uncommitted() {
    for seed in 0..SEEDS {
        run(seed, true, Fault::None).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
}

#[test]
fn planted_faults_are_caught() {
    let reading = [Fault::RestoreSkipsOne, Fault::HoldSkipsOne, Fault::PauseIsIgnored];
    for fault in [Fault::FlushDoesNotWait, Fault::PositionRunsAhead].into_iter().chain(reading) {
        let caught = (0..SEEDS).any(|seed| run(seed, true, fault).is_err());
        assert!(caught, "{fault:?} went unnoticed");
    }
}
