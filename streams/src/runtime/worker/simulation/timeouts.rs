//! A cluster that does not answer: the tasks concerned bear it for `task.timeout.ms`, the others go on.

use super::super::super::state_directory::StateDirectory;
use super::super::{Opened, WorkerError};
use super::cluster::Mood;
use super::workbench::{Workbench, in_memory, partition};
use crate::prelude::*;
use crate::task::TaskId;

/// A task that counts, and one that copies.
fn counting_and_copying() -> StreamsBuilder {
    let builder = StreamsBuilder::new();
    let _counts = builder.stream(Topic::<String, String>::new("words")).group_by_key().count("counts");
    builder.stream(Topic::<String, String>::new("in")).to(Topic::<String, String>::new("out"));
    builder
}

#[test]
fn a_task_whose_questions_fail_waits_while_another_processes() {
    let mut bench = Workbench::start(counting_and_copying(), |_| {});
    let (words, copied) = (partition("words", 0), partition("in", 0));
    bench.assign(std::slice::from_ref(&copied), 0).unwrap();
    bench.broker.borrow_mut().mood = Mood::Failing;
    bench.assign(std::slice::from_ref(&words), 0).unwrap();
    bench.append(&copied, 1, "a");
    bench.fetch(&copied, 0);
    assert_eq!(bench.turn(50).records, 1);
    assert_eq!(bench.values("out"), ["a"]);
    assert_eq!(bench.worker.local_tasks(0).restoring, [TaskId { subtopology: 0, partition: 0 }]);
    // It asks again, and goes on where it was once there is an answer.
    bench.broker.borrow_mut().mood = Mood::Well;
    bench.turn(100);
    assert!(bench.worker.local_tasks(0).restoring.is_empty());
    bench.append(&words, 1, "b");
    bench.fetch(&words, 0);
    assert_eq!(bench.turn(101).records, 1);
}

#[test]
fn a_task_fails_when_its_time_is_over_and_not_before() {
    let mut bench = Workbench::start(counting_and_copying(), |_| {});
    bench.broker.borrow_mut().mood = Mood::Failing;
    bench.assign(&[partition("words", 0)], 0).unwrap();
    for now in (100..1_000).step_by(100) {
        assert_eq!(bench.turn(now).again_at, now + 100);
    }
    let stopped = bench.worker.step(1_000).unwrap_err();
    assert!(matches!(stopped, WorkerError::TaskTimeout { after_ms: 1_000, .. }), "{stopped}");
}

#[test]
fn a_task_without_any_time_fails_at_once() {
    let mut bench = Workbench::start(counting_and_copying(), |config| config.task_timeout_ms = 0);
    bench.broker.borrow_mut().mood = Mood::Failing;
    assert!(matches!(bench.assign(&[partition("words", 0)], 0), Err(WorkerError::TaskTimeout { .. })));
}

#[test]
fn an_answer_that_comes_late_costs_no_time() {
    let mut bench = Workbench::start(counting_and_copying(), |_| {});
    bench.broker.borrow_mut().mood = Mood::Slow;
    bench.assign(&[partition("words", 0)], 0).unwrap();
    assert_eq!(bench.turn(5_000).again_at, i64::MAX);
    bench.broker.borrow_mut().answer();
    bench.turn(5_001);
    assert!(bench.worker.local_tasks(0).restoring.is_empty());
}

#[test]
fn commits_that_fail_are_borne_and_then_made_good() {
    let mut bench = Workbench::start(counting_and_copying(), |_| {});
    let copied = partition("in", 0);
    bench.assign(std::slice::from_ref(&copied), 0).unwrap();
    bench.broker.borrow_mut().mood = Mood::Failing;
    bench.append(&copied, 1, "a");
    bench.fetch(&copied, 0);
    let round = bench.turn(100);
    assert_eq!((round.records, round.again_at), (1, 200), "nobody else wakes the thread");
    bench.turn(1_000);
    assert_eq!(bench.committed(&copied), 0);
    bench.broker.borrow_mut().mood = Mood::Well;
    bench.turn(1_099);
    bench.turn(1_100);
    assert_eq!(bench.committed(&copied), 1);
    // What was borne before a success does not count after it.
    bench.broker.borrow_mut().mood = Mood::Failing;
    bench.append(&copied, 2, "b");
    bench.fetch(&copied, 1);
    bench.turn(1_200);
    bench.turn(2_100);
    assert!(matches!(bench.worker.step(2_200), Err(WorkerError::TaskTimeout { .. })));
}

#[test]
fn a_task_waits_for_its_directory_without_end() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDirectory::open(directory.path(), "app").unwrap();
    let held = state.lock(TaskId { subtopology: 0, partition: 0 }).unwrap();
    let mut open = in_memory();
    let open = Box::new(move |task, specs: &[_]| {
        let lock = Some(state.lock(task)?);
        Ok(Opened { lock, ..open(task, specs)? })
    });
    let mut bench = Workbench::with_stores(counting_and_copying(), open, |_| {});
    bench.assign(&[partition("words", 0)], 0).unwrap();
    assert_eq!(bench.turn(5_000).again_at, 5_100);
    drop(held);
    bench.turn(5_100);
    assert!(bench.worker.local_tasks(0).restoring.is_empty());
}
