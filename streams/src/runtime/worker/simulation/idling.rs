//! The order across the inputs of a task, and what it is waited for (`max.task.idle.ms`, KIP-695).

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::super::input::MaxIdle;
use super::cluster::Fault;
use super::workbench::{Workbench, partition};
use crate::prelude::*;

const RECORDS: i64 = 40;

fn merging() -> StreamsBuilder {
    let builder = StreamsBuilder::new();
    let [a, b] = ["a", "b"].map(|topic| builder.stream(Topic::<String, String>::new(topic)));
    a.merge(&b).to(Topic::<String, String>::new("out"));
    builder
}

fn bench(max_idle: MaxIdle, fault: Fault) -> Workbench {
    let mut bench = Workbench::with_fault(merging(), fault, |config| {
        (config.max_idle, config.commit_interval_ms) = (max_idle, 1_000_000);
    });
    bench.assign(&["a", "b"].map(|topic| partition(topic, 0)), 0).unwrap();
    bench
}

/// Two inputs whose records take turns in time are there from the beginning and arrive however the network likes. Whether they are
/// processed in the order of their times.
fn is_in_order(seed: u64, max_idle: MaxIdle, fault: Fault) -> bool {
    let mut random = StdRng::seed_from_u64(seed);
    let mut bench = bench(max_idle, fault);
    let sources = ["a", "b"].map(|topic| partition(topic, 0));
    for time in 0..2 * RECORDS {
        bench.append(&sources[(time % 2) as usize], time, &time.to_string());
    }
    sources.iter().for_each(|source| bench.ask_at(source, 0));
    let mut next = [0; 2];
    for now in 0.. {
        let side = random.random_range(0..2);
        if random.random() && next[side] < RECORDS {
            let before = bench.worker.link().paused.contains(&sources[side]);
            bench.fetch(&sources[side], next[side]);
            next[side] += i64::from(!before);
        } else {
            bench.turn(now);
        }
        let written = bench.values("out");
        if written.len() as i64 == 2 * RECORDS {
            let times: Vec<i64> = written.iter().map(|time| time.parse().unwrap()).collect();
            return times.is_sorted();
        }
    }
    unreachable!("it goes on until all is written")
}

#[test]
fn what_the_broker_is_known_to_have_is_processed_in_order() {
    for seed in 0..50 {
        for idle in [0, 5] {
            assert!(is_in_order(seed, MaxIdle::Millis(idle), Fault::None), "seed {seed}, idle {idle}");
        }
    }
}

#[test]
fn without_waiting_or_without_the_lag_order_is_lost() {
    assert!(!(0..50).all(|seed| is_in_order(seed, MaxIdle::Never, Fault::None)));
    assert!(!(0..50).all(|seed| is_in_order(seed, MaxIdle::Millis(0), Fault::LagIsForgotten)));
}

#[test]
fn a_silent_input_is_waited_for_as_long_as_configured_and_no_longer() {
    let (a, b) = (partition("a", 0), partition("b", 0));
    let mut bench = bench(MaxIdle::Millis(100), Fault::None);
    bench.ask_at(&b, 0);
    bench.turn(0);
    bench.append(&a, 10, "10");
    bench.fetch(&a, 0);
    // It has been silent for long, and is not waited for again.
    assert_eq!(bench.turn(150).records, 1);
    let waits = |bench: &mut Workbench, now| {
        let round = bench.turn(now);
        assert_eq!((round.records, round.again_at), (0, now + 100));
    };
    bench.append(&b, 5, "5");
    bench.fetch(&b, 0);
    waits(&mut bench, 160);
    bench.append(&a, 20, "20");
    bench.fetch(&a, 1);
    assert_eq!(bench.turn(170).records, 1);
    waits(&mut bench, 171);
    bench.append(&b, 15, "15");
    bench.fetch(&b, 1);
    assert_eq!(bench.turn(180).records, 1);
    waits(&mut bench, 181);
    assert_eq!(bench.turn(281).records, 1);
    assert_eq!(bench.values("out"), ["10", "5", "15", "20"]);
}
