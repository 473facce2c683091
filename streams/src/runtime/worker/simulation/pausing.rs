//! A worker that is paused (KIP-834), and one whose buffers are full.

use super::workbench::{Workbench, partition};
use crate::prelude::*;

fn copying() -> StreamsBuilder {
    let builder = StreamsBuilder::new();
    builder.stream(Topic::<String, String>::new("in")).to(Topic::<String, String>::new("out"));
    builder
}

/// How many records of its only partition a worker holds.
fn buffered(bench: &Workbench) -> usize {
    bench.worker.running[0].inputs.get(0).queue.buffered_records()
}

#[test]
fn a_full_partition_is_not_fetched_until_its_records_are_processed() {
    let mut bench = Workbench::start(copying(), |config| config.max_buffered_records = 4);
    let source = partition("in", 0);
    bench.assign(std::slice::from_ref(&source), 0).unwrap();
    for offset in 0..9 {
        bench.append(&source, offset, &offset.to_string());
        bench.fetch(&source, offset);
    }
    assert!(bench.worker.link().paused.contains(&source));
    assert_eq!(buffered(&bench), 5, "one more than the bound, which its fetch brought");
    assert_eq!(bench.turn(1).records, 5);
    assert!(!bench.worker.link().paused.contains(&source));
}

#[test]
fn a_paused_worker_commits_what_it_did_and_processes_nothing() {
    let mut bench = Workbench::start(copying(), |_| {});
    let source = partition("in", 0);
    bench.assign(std::slice::from_ref(&source), 0).unwrap();
    let mut next = 0;
    let mut send = |bench: &mut Workbench| {
        bench.append(&source, next, "x");
        bench.fetch(&source, next);
        next += 1;
    };
    send(&mut bench);
    assert_eq!(bench.turn(50).records, 1);
    bench.worker.pause(true);
    send(&mut bench);
    assert_eq!(bench.turn(60).records, 0);
    bench.turn(150);
    assert_eq!(bench.committed(&partition("in", 0)), 1);
    // It goes on fetching, as far as its buffers reach.
    (0..8).for_each(|_| send(&mut bench));
    assert_eq!((bench.turn(200).records, buffered(&bench)), (0, 5));
    bench.worker.pause(false);
    assert_eq!(bench.turn(210).records, 5);
}

#[test]
fn a_task_that_comes_to_a_paused_worker_is_not_processed_either() {
    let mut bench = Workbench::start(copying(), |_| {});
    bench.worker.pause(true);
    let source = partition("in", 0);
    bench.assign(std::slice::from_ref(&source), 0).unwrap();
    bench.append(&source, 1, "x");
    bench.fetch(&source, 0);
    assert_eq!(bench.turn(1).records, 0);
    bench.worker.pause(false);
    assert_eq!(bench.turn(2).records, 1);
}

#[test]
fn restoring_stops_with_the_rest_and_goes_on_with_it() {
    let builder = StreamsBuilder::new();
    let _counts = builder.stream(Topic::<String, String>::new("words")).group_by_key().count("counts");
    let mut bench = Workbench::start(builder, |_| {});
    let (first, second) = (partition("words", 0), partition("words", 1));
    let changelogs = [partition("app-counts-changelog", 0), partition("app-counts-changelog", 1)];
    changelogs.iter().for_each(|changelog| bench.append(changelog, 0, "12345678"));
    bench.assign(&[first], 0).unwrap();
    let is_paused =
        |bench: &mut Workbench| changelogs.each_ref().map(|log| bench.worker.link().held.contains(log));
    assert_eq!(is_paused(&mut bench), [false, false]);
    bench.worker.pause(true);
    bench.assign(&[second], 1).unwrap();
    assert_eq!(is_paused(&mut bench), [true, true]);
    bench.worker.pause(false);
    assert_eq!(is_paused(&mut bench), [false, false]);
}
