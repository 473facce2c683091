//! Copies of state on one worker: what is copied, when, and that a task finds it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::super::super::link::Event;
use super::super::super::standby::StandbyStore;
use super::super::{Arrival, OpenStores};
use super::cluster::Stored;
use super::counts;
use super::workbench::{Workbench, in_memory, partition};
use crate::prelude::*;
use crate::store::memory;
use crate::task::{TaskId, TaskStores};

const TASK: TaskId = TaskId { subtopology: 0, partition: 0 };
const WORDS: &str = "words";

fn counting() -> StreamsBuilder {
    let builder = StreamsBuilder::new();
    let _counts = builder.stream(Topic::<String, String>::new(WORDS)).group_by_key().count("counts");
    builder
}

impl Workbench {
    fn stand_by(&mut self, tasks: &[TaskId], now: i64) {
        self.worker.handle(Event::StandBy(tasks.iter().copied().collect()), now).unwrap();
    }

    /// Appends what another worker has written to a changelog.
    fn write_changelog(&mut self, changelog: &str, key: &[u8], value: &[u8]) {
        let record = Stored { timestamp: 7, key: Some(key.to_vec()), value: Some(value.to_vec()) };
        self.broker.borrow_mut().log(&partition(changelog, 0)).push(record);
    }

    /// How far the one copy is, and where it ends.
    fn standing(&mut self) -> (i64, i64) {
        let store = self.copy(0);
        (store.position, store.end)
    }

    /// What is known of the one copy at a time (ms).
    fn copy(&mut self, now: i64) -> StandbyStore {
        self.worker.hear_ends(now);
        let tasks = self.worker.local_tasks(now);
        let [standby] = tasks.standbys[..] else { panic!("{} copies", tasks.standbys.len()) };
        standby.status(now).next().unwrap()
    }
}

/// Stores in memory, which count how often they were opened.
fn counted_opens() -> (OpenStores, Rc<Cell<usize>>) {
    let opened = Rc::new(Cell::new(0));
    let (count, mut open) = (Rc::clone(&opened), in_memory());
    let open = move |task, specs: &[_]| {
        count.set(count.get() + 1);
        open(task, specs)
    };
    (Box::new(open), opened)
}

#[test]
fn a_copy_of_a_task_that_this_program_does_not_have_is_not_made() {
    let mut bench = Workbench::start(counting(), |_| {});
    let strange = [TaskId { subtopology: 7, partition: 0 }, TaskId { partition: -1, ..TASK }];
    bench.stand_by(&[&strange[..], &[TASK]].concat(), 0);
    assert_eq!(bench.standing(), (0, 0));
}

#[test]
fn a_task_finds_its_copy_open_and_leaves_one_behind() {
    let (open, opened) = counted_opens();
    let mut bench = Workbench::with_stores(counting(), open, |_| {});
    bench.stand_by(&[TASK], 0);
    bench.write_changelog("app-counts-changelog", b"k", &5_i64.to_be_bytes());
    bench.read_changelogs(1);
    bench.turn(1);
    assert_eq!(bench.standing(), (1, 1));

    let words = partition(WORDS, 0);
    bench.assign(std::slice::from_ref(&words), 2).unwrap();
    bench.stand_by(&[], 2);
    assert_eq!(bench.worker.local_tasks(0).restoring, []);
    assert!(bench.worker.local_tasks(0).standbys.is_empty());
    bench.append(&words, 1, "a");
    bench.fetch(&words, 0);
    assert_eq!(bench.turn(200).records, 1);
    let tasks = bench.worker.local_tasks(0);
    assert_eq!(counts(tasks.running[0].stores, "counts").unwrap(), [("k".to_owned(), 6)].into());
    drop(tasks);

    bench.stand_by(&[TASK], 300);
    bench.worker.handle(Event::Revoked(vec![words.clone()]), 300).unwrap();
    assert_eq!(bench.standing(), (2, 2));
    let tasks = bench.worker.local_tasks(0);
    assert_eq!(counts(tasks.standbys[0].stores(), "counts").unwrap(), [("k".to_owned(), 6)].into());
    drop(tasks);
    assert_eq!(opened.get(), 1, "its stores were closed in between");

    bench.assign(&[words], 450).unwrap();
    let arrival = Arrival { task: TASK, away: Duration::from_millis(150), was_let_go: true };
    assert_eq!(*bench.arrivals.borrow(), [arrival]);
}

#[test]
fn nothing_is_copied_while_the_worker_is_paused() {
    let mut bench = Workbench::start(counting(), |_| {});
    bench.stand_by(&[TASK], 0);
    bench.worker.pause(true);
    bench.write_changelog("app-counts-changelog", b"k", &5_i64.to_be_bytes());
    bench.read_changelogs(1);
    bench.turn(1);
    assert_eq!(bench.standing().0, 0);
    bench.worker.pause(false);
    bench.turn(2);
    assert_eq!(bench.standing(), (1, 1));
}

#[test]
fn of_a_source_topic_only_what_the_group_has_committed_is_copied() {
    let builder = StreamsBuilder::new();
    let names = KeyValueStore::<String, i64>::new("names");
    let _table = builder.table_in(Topic::<String, i64>::new("in"), names);
    let mut bench = Workbench::start(builder, |_| {});
    for count in 0..3_i64 {
        bench.write_changelog("in", format!("k{count}").as_bytes(), &count.to_be_bytes());
    }
    let input = partition("in", 0);
    let commit = |bench: &mut Workbench, offset| bench.commit(&input, offset);
    commit(&mut bench, 1);
    bench.stand_by(&[TASK], 0);
    bench.read_changelogs(1);
    bench.turn(1);
    assert_eq!(bench.standing(), (1, 1));
    commit(&mut bench, 2);
    // Asked again when a commit is due, not before.
    bench.turn(50);
    assert_eq!(bench.standing(), (1, 1));
    bench.turn(101);
    assert_eq!(bench.turn(102).again_at, 102);
    bench.turn(102);
    assert_eq!(bench.standing(), (2, 2));
    let tasks = bench.worker.local_tasks(0);
    assert_eq!(counts::<String>(tasks.standbys[0].stores(), "names").unwrap().len(), 2);
}

#[test]
fn windows_are_copied_with_their_keys() {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream(Topic::<String, String>::new(WORDS)).group_by_key();
    let _counts = grouped.windowed_by(TimeWindows::of(mins(1))).count("views");
    let open: OpenStores = Box::new(|_, specs| Ok(specs.iter().map(memory::open).collect()));
    let mut bench = Workbench::with_stores(builder, open, |_| {});
    let words = partition(WORDS, 0);
    bench.assign(std::slice::from_ref(&words), 0).unwrap();
    bench.append(&words, 61_000, "a");
    bench.fetch(&words, 0);
    bench.turn(200);
    let of = |stores: &TaskStores| counts::<Windowed<String>>(stores, "views").unwrap();
    let written = of(bench.worker.local_tasks(0).running[0].stores);
    assert_eq!(written.len(), 1);
    // Gone and come back as a copy: it has nothing but the changelog.
    bench.worker.handle(Event::Revoked(vec![words]), 300).unwrap();
    bench.stand_by(&[TASK], 300);
    bench.read_changelogs(301);
    bench.turn(301);
    assert_eq!(of(bench.worker.local_tasks(0).standbys[0].stores()), written);
}

#[test]
fn copies_wait_while_a_store_is_restored_here() {
    let mut bench = Workbench::start(counting(), |_| {});
    let other = TaskId { partition: 1, ..TASK };
    bench.write_changelog("app-counts-changelog", b"k", &5_i64.to_be_bytes());
    let record = Stored { timestamp: 7, key: Some(b"k".to_vec()), value: Some(1_i64.to_be_bytes().to_vec()) };
    bench.broker.borrow_mut().log(&partition("app-counts-changelog", 1)).push(record);
    bench.stand_by(&[TASK], 0);
    bench.assign(&[partition(WORDS, 1)], 0).unwrap();
    assert_eq!(bench.worker.local_tasks(0).restoring, [other]);
    bench.turn(1);
    assert!(bench.worker.link().held.contains(&partition("app-counts-changelog", 0)));
    bench.read_changelogs(2);
    bench.turn(2);
    assert_eq!(bench.standing(), (0, 1));
    bench.read_changelogs(3);
    bench.turn(3);
    assert_eq!(bench.standing(), (1, 1));
}

#[test]
fn a_copy_is_emptied_where_its_changelog_begins_later() {
    let mut bench = Workbench::start(counting(), |_| {});
    bench.stand_by(&[TASK], 0);
    for key in [b"a", b"b", b"c"] {
        bench.write_changelog("app-counts-changelog", key, &1_i64.to_be_bytes());
    }
    bench.read_changelogs(1);
    bench.turn(1);
    bench.write_changelog("app-counts-changelog", b"d", &1_i64.to_be_bytes());
    bench.write_changelog("app-counts-changelog", b"e", &1_i64.to_be_bytes());
    // Retention has taken what the copy would have read next.
    bench.worker.link().restoring.insert(partition("app-counts-changelog", 0), 4);
    bench.read_changelogs(2);
    bench.turn(2);
    assert_eq!(bench.standing(), (5, 5));
    let tasks = bench.worker.local_tasks(0);
    assert_eq!(counts(tasks.standbys[0].stores(), "counts").unwrap(), [("e".to_owned(), 1)].into());
}

/// The group goes by what it is told of the state that is here.
#[test]
fn a_task_says_where_its_state_stands_however_it_goes() {
    let words = partition(WORDS, 0);
    for lost in [false, true] {
        let go = || if lost { Event::Lost(vec![words.clone()]) } else { Event::Revoked(vec![words.clone()]) };
        let mut bench = Workbench::start(counting(), |_| {});
        bench.assign(std::slice::from_ref(&words), 0).unwrap();
        bench.worker.handle(go(), 1).unwrap();
        assert_eq!(bench.closed.take(), [TASK], "running, lost: {lost}");

        bench.write_changelog("app-counts-changelog", b"k", &5_i64.to_be_bytes());
        bench.assign(std::slice::from_ref(&words), 2).unwrap();
        assert_eq!(bench.worker.local_tasks(0).restoring, [TASK]);
        bench.worker.handle(go(), 3).unwrap();
        assert_eq!(bench.closed.take(), [TASK], "restoring, lost: {lost}");
    }
}

#[test]
fn a_copy_is_emptied_where_its_changelog_was_cut_off() {
    let changelog = partition("app-counts-changelog", 0);
    let mut bench = Workbench::start(counting(), |_| {});
    bench.stand_by(&[TASK], 0);
    for key in [b"a", b"b", b"c"] {
        bench.write_changelog("app-counts-changelog", key, &1_i64.to_be_bytes());
    }
    bench.read_changelogs(1);
    bench.turn(1);
    // What is there now lies where other records were; a consumer begins anew.
    bench.broker.borrow_mut().log(&changelog).truncate(0);
    for key in [b"d", b"e"] {
        bench.write_changelog("app-counts-changelog", key, &1_i64.to_be_bytes());
    }
    bench.worker.link().restoring.insert(changelog, 0);
    bench.read_changelogs(2);
    bench.turn(2);
    assert_eq!(bench.standing(), (2, 2));
    let tasks = bench.worker.local_tasks(2);
    let expected = [("d".to_owned(), 1), ("e".to_owned(), 1)].into();
    assert_eq!(counts(tasks.standbys[0].stores(), "counts").unwrap(), expected);
}

#[test]
fn a_copy_that_stands_still_grows_old() {
    let age = |ms| Some(Duration::from_millis(ms));
    let mut bench = Workbench::start(counting(), |_| {});
    bench.write_changelog("app-counts-changelog", b"a", &1_i64.to_be_bytes());
    bench.stand_by(&[TASK], 0);
    assert_eq!((bench.copy(5).lag(), bench.copy(5).age), (1, None));
    bench.read_changelogs(10);
    bench.turn(10);
    assert_eq!((bench.copy(20).lag(), bench.copy(20).age), (0, age(0)));
    // Nobody has heard of the cluster for a while.
    bench.worker.link().heard_ms_ago = 70;
    assert_eq!(bench.copy(100).age, age(70));
    // It is back, and has more than the copy.
    bench.worker.link().heard_ms_ago = 0;
    bench.write_changelog("app-counts-changelog", b"b", &1_i64.to_be_bytes());
    assert_eq!((bench.copy(200).lag(), bench.copy(200).age), (1, age(170)));
    // This is told without anything to do.
    assert_eq!(bench.turn(200).again_at, 1_000);
    bench.read_changelogs(300);
    bench.turn(300);
    assert_eq!((bench.copy(300).lag(), bench.copy(300).age), (0, age(0)));
}
