//! Lanes against a target that refuses, puts off and crashes, by seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use millstream_client::TopicPartition;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const PARTITIONS: i32 = 3;
const RECORDS: i64 = 60;

/// What outlives a crash: the target, the dead letters, the committed offsets.
#[derive(Default)]
struct World {
    /// Offsets in the order in which the target took them.
    written: BTreeMap<i32, Vec<i64>>,
    dead: BTreeMap<i32, BTreeSet<i64>>,
    committed: BTreeMap<i32, i64>,
}

impl World {
    fn has(&self, partition: i32, offset: i64) -> bool {
        let written = self.written.get(&partition).is_some_and(|written| written.contains(&offset));
        written || self.dead.get(&partition).is_some_and(|dead| dead.contains(&offset))
    }
}

/// Poison is never taken; offset 30 of partition 1 is put off for long; others now and then.
fn verdict(partition: i32, offset: i64, random: &mut StdRng) -> Verdict {
    if offset % 17 == 5 {
        return Verdict::Reject { why: "poison".into() };
    }
    let stubborn = (partition, offset) == (1, 30);
    if stubborn || random.random_bool(0.1) {
        return Verdict::Retry { after: Duration::ZERO, why: "busy".into() };
    }
    Verdict::Ok
}

fn life(world: &mut World, random: &mut StdRng, now: &mut Instant, steps: usize) {
    let timeout = Some(Duration::from_secs(20));
    let mut lanes = Lanes::new(RetryBudget { timeout, delay_max: Duration::from_secs(4) });
    let mut read: BTreeMap<i32, i64> =
        (0..PARTITIONS).map(|p| (p, *world.committed.get(&p).unwrap_or(&0))).collect();
    for _ in 0..steps {
        *now += Duration::from_millis(random.random_range(0..500));
        let partition = random.random_range(0..PARTITIONS);
        let from = read[&partition];
        let to = (from + random.random_range(0..8)).min(RECORDS);
        // Every thirteenth record is dropped by a transform: nobody must wait for it.
        let kept = (from..to).filter(|offset| offset % 13 != 7).map(|offset| (offset, offset));
        lanes.arrive(&TopicPartition::new("t", partition), from, kept, to);
        read.insert(partition, to);

        let max = random.random_range(1..10);
        let taken = lanes.take(*now, max);
        assert!(taken.records.len() <= max);
        let slots: Vec<Slot> = taken.slots().collect();
        let verdicts: Vec<Verdict> =
            slots.iter().map(|slot| verdict(slot.partition.partition, slot.offset, random)).collect();
        for (slot, verdict) in slots.iter().zip(&verdicts) {
            if *verdict == Verdict::Ok {
                world.written.entry(slot.partition.partition).or_default().push(slot.offset);
            }
        }
        for given_up in lanes.settle(taken, verdicts, *now, 0.5) {
            if random.random_bool(0.9) {
                world.dead.entry(given_up.slot.partition.partition).or_default().insert(given_up.slot.offset);
                lanes.buried(&given_up.slot);
            } else {
                // The dead letter is not written: the task ends here, as it would.
                return;
            }
        }
        if random.random_bool(0.05) {
            // An outage: what is not done gives its memory back and is read again.
            read.extend(
                lanes.put_back().into_iter().map(|(partition, offset)| (partition.partition, offset)),
            );
            assert_eq!(lanes.waiting(), 0);
        }
        if random.random_bool(0.3) {
            let offsets = lanes.committable();
            for (partition, offset) in &offsets {
                world.committed.insert(partition.partition, *offset);
            }
            lanes.committed(&offsets);
            assert!(lanes.committable().is_empty());
        }
        check(world);
    }
}

/// Nothing below a committed offset is missing.
fn check(world: &World) {
    for (partition, committed) in &world.committed {
        for offset in (0..*committed).filter(|offset| offset % 13 != 7) {
            assert!(world.has(*partition, offset), "{partition}-{offset} is lost, {committed} is committed");
        }
    }
}

#[test]
fn nothing_is_lost_whatever_fails_and_whenever_it_crashes() {
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(seed);
        let (mut world, mut now) = (World::default(), Instant::now());
        let mut lives = 0;
        while (0..PARTITIONS).any(|partition| world.committed.get(&partition) != Some(&RECORDS)) {
            let steps = random.random_range(1..400);
            life(&mut world, &mut random, &mut now, steps);
            lives += 1;
            assert!(lives < 200, "seed {seed}: no end, at {:?}", world.committed);
        }
    }
}

#[test]
fn an_outage_takes_nothing_from_the_time_that_a_record_has() {
    let budget = RetryBudget { timeout: Some(Duration::from_secs(60)), delay_max: Duration::from_secs(1) };
    let (start, lane) = (Instant::now(), TopicPartition::new("t", 0));
    for forgiven in [false, true] {
        let mut lanes = Lanes::new(budget);
        lanes.arrive(&lane, 0, [(0, 0), (1, 1)], 2);
        let busy = || Verdict::Retry { after: Duration::ZERO, why: "busy".into() };
        let taken = lanes.take(start, 1);
        assert!(lanes.settle(taken, vec![busy()], start, 0.0).is_empty());
        if forgiven {
            lanes.forgive();
        }
        let later = start + Duration::from_secs(3600);
        let taken = lanes.take(later, 1);
        assert_eq!(taken.records, [0]);
        assert_eq!(lanes.settle(taken, vec![busy()], later, 0.0).is_empty(), forgiven);
    }
}

#[test]
fn a_record_that_is_tried_again_holds_up_its_own_lane_alone_and_goes_first() {
    let mut lanes = Lanes::new(RetryBudget { timeout: None, delay_max: Duration::from_secs(1) });
    let start = Instant::now();
    let (a, b) = (TopicPartition::new("t", 0), TopicPartition::new("t", 1));
    lanes.arrive(&a, 0, (0..4).map(|offset| (offset, offset)), 4);
    lanes.arrive(&b, 0, (0..4).map(|offset| (offset, 10 + offset)), 4);
    let taken = lanes.take(start, 4);
    assert_eq!(taken.records, [0, 1, 2, 3]);
    let busy = || Verdict::Retry { after: Duration::ZERO, why: "busy".into() };
    let given_up = lanes.settle(taken, vec![Verdict::Ok, busy(), Verdict::Ok, busy()], start, 0.0);
    assert!(given_up.is_empty());
    lanes.arrive(&a, 4, [(4, 4)], 5);
    assert_eq!(lanes.take(start, 9).records, [10, 11, 12, 13], "the other lane goes on");
    assert_eq!(lanes.committable(), [(a, 1)], "2 is written, but 1 is not");
    let later = lanes.wake_at().unwrap();
    let taken = lanes.take(later, 9);
    assert_eq!(taken.records, [1, 3], "what failed goes before what is new");
    lanes.settle(taken, vec![Verdict::Ok, Verdict::Ok], later, 0.0);
    assert_eq!(lanes.take(later, 9).records, [4]);
}
