//! A record that is tried again holds up its task alone, and nobody waits for it.

use std::time::Duration;

use super::workbench::{Workbench, partition};
use crate::errors::Retries;
use crate::prelude::*;

/// Copies; a loud value fails.
fn copying() -> StreamsBuilder {
    let builder = StreamsBuilder::new();
    for (from, to) in [("in", "out"), ("other", "out")] {
        let stream = builder.stream(Topic::<String, String>::new(from));
        let calm = stream.map_values(|value| {
            assert!(!value.contains('!'), "too loud");
            value
        });
        calm.to(Topic::<String, String>::new(to));
    }
    builder
}

/// Tried after 200, 400 and 400 ms; then skipped.
fn bench() -> Workbench {
    Workbench::start(copying(), |config| {
        config.errors.retries =
            Retries::up_to(3).after(Duration::from_millis(200), Duration::from_millis(400));
        let skip_at_last = |failed: &Failed<'_>| match failed.attempt() {
            1..=3 => Action::Retry,
            _ => Action::Skip,
        };
        config.errors.set(skip_at_last);
    })
}

#[test]
fn others_go_on_and_commits_stop_before_it() {
    let mut bench = bench();
    let (failing, other) = (partition("in", 0), partition("other", 0));
    bench.assign(&[failing.clone(), other.clone()], 0).unwrap();
    for value in ["a", "!", "b"] {
        bench.append(&failing, 1, value);
    }
    (0..3).for_each(|offset| bench.fetch(&failing, offset));
    let turn = bench.turn(50);
    assert_eq!((turn.records, turn.again_at), (1, 100), "what came before it counts, and is to be committed");
    // Tried at 50; then at 250, 650 and 1,050.
    for now in [100, 150, 249, 250, 300] {
        bench.append(&other, 1, &now.to_string());
        let offset = [100, 150, 249, 250, 300].iter().position(|at| *at == now).unwrap() as i64;
        bench.fetch(&other, offset);
        bench.turn(now);
    }
    assert_eq!((bench.committed(&failing), bench.committed(&other)), (1, 3));
    assert_eq!(bench.values("out"), ["a", "100", "150", "249", "250", "300"]);
    assert_eq!(bench.turn(649).records, 0);
    bench.turn(650);
    assert_eq!(bench.turn(1_049).records, 0);
    assert_eq!(bench.values("out").len(), 6);
    assert_eq!(bench.turn(1_050).records, 2);
    assert_eq!(bench.values("out").last().unwrap(), "b");
    bench.turn(1_200);
    assert_eq!(bench.committed(&failing), 3);
    let rows = bench.worker.config.error_counters.snapshot();
    assert_eq!((rows[0].retries, rows[0].skipped, rows.len()), (3, 1, 1));
}

#[test]
fn a_pause_does_not_hold_up_a_rebalance() {
    let mut bench = bench();
    let failing = partition("in", 0);
    bench.assign(std::slice::from_ref(&failing), 0).unwrap();
    bench.append(&failing, 1, "!");
    bench.fetch(&failing, 0);
    bench.turn(50);
    bench.revoke(std::slice::from_ref(&failing), 60).unwrap();
    assert!(bench.worker.local_tasks(0).running.is_empty());
    assert_eq!(bench.committed(&failing), 0);
    bench.assign(std::slice::from_ref(&failing), 70).unwrap();
    bench.fetch(&failing, 0);
    bench.turn(80);
    // Whoever has it next begins with a first attempt.
    assert_eq!(bench.worker.config.error_counters.snapshot()[0].retries, 2);
}
