//! Copies of state on a broker: an instance that dies is replaced from its standby, and one that comes is warmed up first.

use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::executor::block_on;
use millstream::prelude::*;
use millstream::runtime::{AppBuilder, Arrival};
use millstream::task::TaskId;

use crate::cluster::{Cluster, counting, counts, wait_until};

/// Says to the test binary, started again, that it is an instance: where the broker is, after how many ms the group misses it, and
/// where the state lies.
const CHILD: &str = "MILLSTREAM_TEST_STANDBY_CHILD";

const WORDS: usize = 5_000;

/// An instance whose death the group notices soon.
fn app(bootstrap: &str, session_timeout_ms: &str, state: &Path) -> AppBuilder {
    Streams::builder(counting())
        .application_id("app")
        .bootstrap(bootstrap)
        .state_dir(state)
        .commit_interval(Duration::from_millis(50))
        .set("num.standby.replicas", 1)
        .set("session.timeout.ms", session_timeout_ms)
        .set("heartbeat.interval.ms", 200)
}

/// Another broker takes none that is shorter.
fn session_timeout_ms(cluster: &Cluster) -> &'static str {
    if cluster.is_ours() { "2000" } else { "6000" }
}

/// An instance in a process of its own.
struct Instance(Child);

impl Instance {
    fn start(cluster: &Cluster, state: &Path) -> Self {
        let place = format!("{} {} {}", cluster.bootstrap(), session_timeout_ms(cluster), state.display());
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "standbys::an_instance_of_its_own", "--nocapture"]).env(CHILD, place);
        Self(command.spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a child process runs; in the test run itself there is nothing to do.
#[test]
fn an_instance_of_its_own() {
    let Ok(place) = std::env::var(CHILD) else { return };
    let [bootstrap, session_timeout_ms, state] = place.splitn(3, ' ').collect::<Vec<_>>()[..] else {
        panic!("{place}")
    };
    let running = app(bootstrap, session_timeout_ms, Path::new(state)).start_blocking().unwrap();
    block_on(running.run_until(std::future::pending::<()>())).unwrap();
}

#[test]
fn an_instance_that_is_killed_is_replaced_from_its_standby() {
    let cluster = Cluster::start_with(1, &[("group.min.session.timeout.ms", "100")]);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut active = Instance::start(&cluster, one.path());
    let words: Vec<String> = (0..WORDS).map(|n| format!("word-{n}")).collect();
    cluster.send_bytes(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
    let counted = |of: usize| cluster.committed("app-counts-repartition") == of as i64;
    wait_until("counting", || counted(WORDS));

    let (restored, arrivals) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (records, arrived) = (Arc::clone(&restored), Arc::clone(&arrivals));
    let standby = app(&cluster.bootstrap(), session_timeout_ms(&cluster), two.path())
        .on_restore(move |progress| {
            if progress.is_done() {
                records.fetch_add(progress.records, Ordering::Relaxed);
            }
        })
        .on_arrival(move |arrival: &Arrival| arrived.lock().unwrap().push(*arrival));
    let standby = standby.start_blocking().unwrap();
    let is_complete = || {
        let stores = standby.metrics().standby_stores;
        stores.iter().any(|store| store.position >= WORDS as i64 && store.lag() == 0 && store.age.is_some())
    };
    wait_until("copying", is_complete);
    let counting = TaskId { subtopology: 1, partition: 0 };
    assert_eq!(standby.metrics().standbys, [counting]);
    // What the standby may not have when its task comes.
    cluster.send_bytes(&[b"word-0", b"last"]);
    wait_until("counting the last words", || counted(WORDS + 2));
    active.kill();

    wait_until("taking over", || standby.metrics().running.contains(&counting));
    wait_until("hearing that it is no copy any more", || standby.metrics().standbys.is_empty());
    assert!(restored.load(Ordering::Relaxed) <= 2, "{restored:?} records were read again");
    let all = counts(&[&standby]);
    assert_eq!(all.len(), WORDS + 1);
    let twice: Vec<_> = all.iter().filter(|(_, count)| **count != 1).collect();
    assert_eq!(twice, [(&"word-0".to_owned(), &2)]);
    let arrivals = arrivals.lock().unwrap();
    let arrival = arrivals.iter().find(|arrival| arrival.task == counting).unwrap();
    assert!(!arrival.was_let_go && arrival.away > Duration::ZERO, "{arrival:?}");
    block_on(standby.close()).unwrap();
}

#[test]
fn an_instance_that_comes_is_given_tasks_when_it_has_their_state() {
    let cluster = Cluster::start(2);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let probing = |state: &Path| {
        let app = cluster.app(counting(), state).set("acceptable.recovery.lag", 0);
        app.set("probing.rebalance.interval.ms", 300)
            .set("max.warmup.replicas", 1)
            .set("heartbeat.interval.ms", 300)
    };
    let first = probing(one.path()).start_blocking().unwrap();
    let words: Vec<String> = (0..WORDS).map(|n| format!("word-{n}")).collect();
    cluster.send_bytes(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>());
    wait_until("counting", || cluster.committed("app-counts-repartition") == WORDS as i64);

    let restored = Arc::new(AtomicU64::new(0));
    let records = Arc::clone(&restored);
    let second = probing(two.path()).on_restore(move |progress| {
        records.fetch_add(progress.records, Ordering::Relaxed);
    });
    let second = second.start_blocking().unwrap();
    let has_state = |app: &Streams| app.metrics().running.iter().any(|task| task.subtopology == 1);
    wait_until("warming up", || second.metrics().standbys.len() == 1 || has_state(&second));
    wait_until("moving", || has_state(&second) && has_state(&first));
    assert_eq!(restored.load(Ordering::Relaxed), 0, "the task came before its state");
    wait_until("answering", || counts(&[&first, &second]).len() == WORDS);
    assert!(second.metrics().arrivals.iter().all(|arrival| arrival.was_let_go));
    block_on(second.close()).unwrap();
    block_on(first.close()).unwrap();
}
