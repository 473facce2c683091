//! Stream threads that come, go, fail and pause while an application runs on a broker.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::executor::block_on;
use millstream::prelude::*;

use crate::cluster::{COUNTS, Cluster, LINES, PATIENCE, counting, counts, wait_until};

/// The names of the threads on which records were seen.
type Seen = Arc<Mutex<BTreeSet<String>>>;

/// Counts lines, and notes who reads and who counts them.
fn counting_lines(seen: &Seen) -> Topology {
    let builder = StreamsBuilder::new();
    let note = || {
        let seen = Arc::clone(seen);
        move || {
            let name = std::thread::current().name().unwrap_or_default().to_owned();
            seen.lock().unwrap().insert(name);
        }
    };
    let (read, counted) = (note(), note());
    let lines = builder.stream(LINES).peek(move |_, _| read());
    lines.group_by(|_, line| line.clone()).count(COUNTS).to_stream().for_each(move |_, _| counted());
    builder.build().unwrap()
}

fn total(app: &Streams) -> i64 {
    counts(&[app]).values().sum()
}

#[test]
fn threads_come_and_go_under_load_and_every_line_counts_once() {
    let cluster = Cluster::start(2);
    let state = tempfile::tempdir().unwrap();
    let seen = Seen::default();
    let app = cluster.app(counting_lines(&seen), state.path()).start_blocking().unwrap();
    let mut sent = 0;
    let mut send = || {
        let lines: Vec<String> = (0..200).map(|n| format!("line-{}", n % 17)).collect();
        cluster.send(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        sent += 200;
        sent
    };
    let forget = || seen.lock().unwrap().clear();
    let who = || seen.lock().unwrap().clone();
    send();
    wait_until("counting", || total(&app) > 0);
    assert_eq!(block_on(app.add_thread()).unwrap(), "app-2");
    assert_eq!(block_on(app.add_thread()).unwrap(), "app-3");
    send();
    // Two tasks read lines and two count them: there is one for each thread at least.
    wait_until("sharing", || {
        forget();
        send();
        let sent = send();
        wait_until("counting on", || total(&app) == sent);
        who().len() == 3
    });
    for left in ["app-3", "app-2"] {
        assert_eq!(block_on(app.remove_thread(PATIENCE)).unwrap().as_deref(), Some(left));
        let sent = send();
        wait_until("counting with those that are left", || total(&app) == sent);
    }
    forget();
    let sent = send();
    wait_until("counting alone", || total(&app) == sent);
    assert_eq!(who(), BTreeSet::from(["app-1".to_owned()]));
    block_on(app.close()).unwrap();
}

#[test]
fn without_a_thread_it_keeps_running_until_one_is_added() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let app = cluster.app(counting(), state.path()).start_blocking().unwrap();
    wait_until("starting", || app.state() == AppState::Running);
    assert_eq!(block_on(app.remove_thread(PATIENCE)).unwrap().as_deref(), Some("app-1"));
    assert_eq!(block_on(app.remove_thread(PATIENCE)).unwrap(), None);
    assert_eq!((app.state(), app.metrics().running), (AppState::Running, vec![]));
    cluster.send_bytes(&[b"a"]);
    assert_eq!(block_on(app.add_thread()).unwrap(), "app-1");
    wait_until("counting", || counts(&[&app]) == BTreeMap::from([("a".to_owned(), 1)]));
    block_on(app.close()).unwrap();
}

#[test]
fn a_thread_that_takes_long_to_end_is_reported_and_ends() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let builder = StreamsBuilder::new();
    let (busy, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (is_busy, may_go_on) = (Arc::clone(&busy), Arc::clone(&go_on));
    builder.stream(LINES).for_each(move |_, _| {
        is_busy.store(true, Ordering::Relaxed);
        wait_until("going on", || may_go_on.load(Ordering::Relaxed));
    });
    let app = cluster.app(builder.build().unwrap(), state.path()).start_blocking().unwrap();
    cluster.send_bytes(&[b"slow"]);
    wait_until("being busy", || busy.load(Ordering::Relaxed));
    let late = block_on(app.remove_thread(Duration::from_millis(1))).unwrap_err();
    assert!(late.to_string().contains("app-1 has not ended within 1 ms"), "{late}");
    go_on.store(true, Ordering::Relaxed);
    wait_until("ending", || app.metrics().running.is_empty());
    assert_eq!(cluster.committed("lines"), 1);
    block_on(app.close()).unwrap();
}

#[test]
fn a_thread_that_fails_is_replaced_and_its_tasks_go_on_at_their_last_commit() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let (failed, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let builder = StreamsBuilder::new();
    let fragile = builder.stream(LINES).peek(move |_, line| {
        assert!(line != "bad" || failed.swap(true, Ordering::Relaxed), "once");
    });
    let _counts = fragile.group_by(|_, line| line.clone()).count(COUNTS);
    let counted = Arc::clone(&asked);
    let app = cluster.app(builder.build().unwrap(), state.path()).on_uncaught(move |failure| {
        assert!(failure.to_string().contains("lines-0 at offset 2"), "{failure}");
        counted.fetch_add(1, Ordering::Relaxed);
        UncaughtResponse::ReplaceThread
    });
    let app = app.start_blocking().unwrap();
    cluster.send_bytes(&[b"a", b"a"]);
    wait_until("committing", || cluster.committed("lines") == 2);
    cluster.send_bytes(&[b"bad", b"b"]);
    let all = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1), ("bad".to_owned(), 1)]);
    wait_until("going on", || counts(&[&app]) == all);
    wait_until("running", || app.state() == AppState::Running);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    block_on(app.close()).unwrap();
}

#[test]
fn an_instance_that_stops_says_so_before_it_has() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let builder = StreamsBuilder::new();
    builder.stream(LINES).for_each(|_, _| panic!("always"));
    let states = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&states);
    let app = cluster.app(builder.build().unwrap(), state.path());
    let app = app.on_uncaught(|_| UncaughtResponse::ShutdownClient);
    let app = app.on_state(move |_, to| told.lock().unwrap().push(to)).start_blocking().unwrap();
    cluster.send_bytes(&[b"x"]);
    let failure = block_on(app.run_until(std::future::pending::<()>())).unwrap_err();
    assert!(failure.to_string().contains("always"), "{failure}");
    assert!(states.lock().unwrap().ends_with(&[AppState::PendingError, AppState::Error]));
}

#[test]
fn paused_instances_share_their_tasks_and_process_nothing_until_they_are_resumed() {
    let cluster = Cluster::start(2);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let start =
        |state: &tempfile::TempDir| cluster.app(counting(), state.path()).paused().start_blocking().unwrap();
    cluster.send(&["a b", "b c"]);
    let first = start(&one);
    wait_until("starting", || first.metrics().running.len() == 4);
    let second = start(&two);
    wait_until("sharing", || [&first, &second].map(|app| app.metrics().running.len()) == [2, 2]);
    assert!(first.is_paused() && second.is_paused());
    assert_eq!((first.metrics().records, second.metrics().records), (0, 0));
    first.resume();
    second.resume();
    let all = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 1)]);
    wait_until("counting", || counts(&[&first, &second]) == all);
    first.pause();
    second.pause();
    wait_until("committing what was done", || cluster.committed("lines") == 2);
    block_on(first.close()).unwrap();
    block_on(second.close()).unwrap();
}

#[test]
fn the_failure_of_one_instance_can_stop_all_of_them() {
    let cluster = Cluster::start(2);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let builder = StreamsBuilder::new();
    builder.stream(LINES).for_each(|_, line| assert!(line != "bad", "this line is bad"));
    let topology = builder.build().unwrap();
    let start = |state: &tempfile::TempDir| {
        let app = cluster.app(topology.clone(), state.path());
        app.on_uncaught(|_| UncaughtResponse::ShutdownApplication).start_blocking().unwrap()
    };
    let (first, second) = (start(&one), start(&two));
    wait_until("sharing", || [&first, &second].map(|app| app.metrics().running.len()) == [1, 1]);
    cluster.send_bytes(&[b"good", b"bad"]);
    let ends = [first, second].map(|app| block_on(app.run_until(std::future::pending::<()>())).unwrap_err());
    let requested = ends.iter().filter(|end| matches!(end, StreamsError::ShutdownRequested)).count();
    let failed = ends.iter().filter(|end| end.to_string().contains("this line is bad")).count();
    assert_eq!((requested, failed), (1, 1), "{ends:?}");
    // Whoever starts again is not stopped by what was asked then.
    let again = cluster.app(topology, one.path()).paused().start_blocking().unwrap();
    wait_until("starting again", || again.metrics().running.len() == 2);
    block_on(again.close()).unwrap();
}
