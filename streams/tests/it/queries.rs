//! Three instances of an application on a broker: whichever is asked answers for all.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::executor::block_on;
use millstream::prelude::*;
use millstream::query::QueryError;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{COUNTS, Cluster, PATIENCE, counting, wait_until};

/// Tasks that keep counts: one a partition of the repartition topic, which has those of `lines`.
const PARTITIONS: usize = 4;

struct Instances {
    cluster: Cluster,
    apps: Vec<Streams>,
    _states: Vec<TempDir>,
    counts: BTreeMap<String, i64>,
}

fn start(cluster: &Cluster, state: &TempDir) -> Streams {
    let app = cluster.app(counting(), state.path()).serve(COUNTS).query_listen("127.0.0.1:0");
    app.start_blocking().unwrap()
}

/// The tasks that count, of an instance.
fn counting_tasks(app: &Streams) -> usize {
    app.metrics().running.iter().filter(|task| task.subtopology == 1).count()
}

/// Whether all tasks run, some in each instance, and no instance has all that count.
fn shared(apps: &[Streams]) -> bool {
    apps.iter().all(|app| app.state() == AppState::Running && !app.metrics().running.is_empty())
        && apps.iter().map(counting_tasks).sum::<usize>() == PARTITIONS
        && apps.iter().all(|app| counting_tasks(app) < PARTITIONS)
}

impl Instances {
    /// Three of them, which have counted the same words.
    fn new() -> Self {
        let cluster = Cluster::start(PARTITIONS as i32);
        let words: Vec<String> = (0..200).map(|n| format!("word-{n}")).collect();
        let line = words.join(" ");
        cluster.send(&[&line, &line, "word-7 other"]);
        let mut counts: BTreeMap<String, i64> = words.into_iter().map(|word| (word, 2)).collect();
        counts.extend([("word-7".to_owned(), 3), ("other".to_owned(), 1)]);
        let states: Vec<TempDir> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        let apps: Vec<Streams> = states.iter().map(|state| start(&cluster, state)).collect();
        let instances = Self { cluster, apps, _states: states, counts };
        wait_until("sharing", || shared(&instances.apps));
        wait_until("counting", || {
            let all = block_on(instances.apps[0].store(COUNTS).unwrap().routed().all());
            all.is_ok_and(|all| all == instances.expected(..))
        });
        instances
    }

    fn expected(&self, keys: impl std::ops::RangeBounds<String>) -> Vec<(String, i64)> {
        self.counts.range(keys).map(|(word, count)| (word.clone(), *count)).collect()
    }

    fn close(self) {
        self.apps.into_iter().for_each(|app| block_on(app.close()).unwrap());
    }
}

fn get(address: SocketAddr, path: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap())
}

#[test]
fn any_instance_answers_for_any_key_and_for_all() {
    let instances = Instances::new();
    for app in &instances.apps {
        let counts = app.store(COUNTS).unwrap().routed();
        for (word, count) in &instances.counts {
            assert_eq!(block_on(counts.get(word.as_str())).unwrap(), Some(*count), "{word}");
        }
        assert_eq!(block_on(counts.get("never")).unwrap(), None);
        assert_eq!(block_on(counts.all()).unwrap(), instances.expected(..));
        let keys = || "word-1".to_owned().."word-5".to_owned();
        let mut expected = instances.expected(keys());
        assert_eq!(block_on(counts.range(keys(), 7)).unwrap(), expected[..7]);
        expected.reverse();
        assert_eq!(block_on(counts.reverse_range(keys(), usize::MAX)).unwrap(), expected);
        let prefixed = instances.expected("word-19".to_owned()..="word-199".to_owned());
        assert_eq!(block_on(counts.prefix("word-19", usize::MAX)).unwrap(), prefixed);
        // RocksDB counts a key again for each table that has it: no less than the keys, no more than what was written.
        let written = instances.counts.values().sum::<i64>() as u64;
        let count = block_on(counts.approximate_count()).unwrap();
        assert!((instances.counts.len() as u64..=written).contains(&count), "{count}");
        let answer = block_on(counts.range(.., 1).answer()).unwrap();
        assert_eq!(answer.staleness, None);
        let read: i64 = answer.position.iter().map(|(_, offset)| offset).sum();
        assert_eq!(read, instances.counts.values().sum::<i64>(), "a record each: {:?}", answer.position);

        let address = app.query_address().unwrap();
        for word in ["word-0", "word-1", "word-2", "word-3", "word-4", "word-5"] {
            let expected = json!({ "key": word, "value": 2 });
            assert_eq!(get(address, &format!("/stores/counts/{word}")), (200, expected));
        }
        let (_, last) = get(address, "/stores/counts?prefix=word-19&reverse=true&after=word-199&limit=1");
        assert_eq!(last, json!({ "entries": [{ "key": "word-198", "value": 2 }], "complete": false }));
        let (_, noted) = get(address, "/stores/counts/word-7?position=true");
        assert_eq!(
            noted["position"].as_object().unwrap().keys().collect::<Vec<_>>(),
            ["app-counts-repartition"]
        );
        let (status, all) = get(address, "/stores/counts?limit=1000");
        assert_eq!((status, all["entries"].as_array().unwrap().len()), (200, instances.counts.len()));
    }
    // What an instance says for itself alone is less.
    let local = instances.apps[0].store(COUNTS).unwrap();
    let here = block_on(local.all()).map_or(0, |all| all.len());
    assert!(here < instances.counts.len(), "{here}");
    // A key is looked for where the program says.
    let wrong = local.clone().routed().partitioned_by(|_, partitions| partitions);
    assert_eq!(block_on(wrong.get("word-1")).unwrap_err().code(), "no_partition");
    let somewhere = |partition| local.clone().routed().partitioned_by(move |_, _| partition);
    let found = (0..PARTITIONS as i32).filter_map(|nth| block_on(somewhere(nth).get("word-1")).unwrap());
    assert_eq!(found.collect::<Vec<_>>(), [2]);
    instances.close();
}

#[test]
fn answers_stay_whole_while_instances_come_and_go() {
    let mut instances = Instances::new();
    let expected = instances.expected(..);
    let done = AtomicBool::new(false);
    let counts = instances.apps[0].store(COUNTS).unwrap().routed().timeout(PATIENCE);
    let answered = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut answered = 0;
            while !done.load(Ordering::Relaxed) {
                assert_eq!(block_on(counts.all()).unwrap(), expected);
                assert_eq!(block_on(counts.get("word-7")).unwrap(), Some(3));
                answered += 1;
            }
            answered
        });
        let leaving = instances.apps.pop().unwrap();
        block_on(leaving.close()).unwrap();
        let rest = &instances.apps;
        wait_until("taking over", || rest.iter().map(counting_tasks).sum::<usize>() == PARTITIONS);
        let state = tempfile::tempdir().unwrap();
        let coming = start(&instances.cluster, &state);
        wait_until("sharing again", || !coming.metrics().running.is_empty());
        wait_until("answering there too", || {
            block_on(coming.store(COUNTS).unwrap().routed().all()).is_ok_and(|all| all == expected)
        });
        done.store(true, Ordering::Relaxed);
        let answered = asking.join().unwrap();
        block_on(coming.close()).unwrap();
        answered
    });
    assert!(answered > 0);
    instances.close();
}

#[test]
fn what_is_elsewhere_is_said_and_who_cannot_be_asked_too() {
    let cluster = Cluster::start(1);
    cluster.send_bytes(&[b"a b"]);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // It answers nobody else.
    let mute = cluster.app(counting(), one.path()).start_blocking().unwrap();
    wait_until("counting", || crate::cluster::counts(&[&mute]).len() == 2);
    let other = start(&cluster, &two);
    wait_until("joining", || other.state() == AppState::Running && mute.state() == AppState::Running);
    wait_until("sharing", || other.metrics().running.len() + mute.metrics().running.len() == 2);
    let (here, there) = if counting_tasks(&mute) == 1 { (&other, &mute) } else { (&mute, &other) };
    let local = |app: &Streams| app.store(COUNTS).unwrap();
    let error = block_on(local(here).get("a")).unwrap_err();
    let QueryError::NotHere { at, .. } = &error else { panic!("{error}") };
    let expected: Vec<String> = there.query_address().iter().map(SocketAddr::to_string).collect();
    assert_eq!(*at, expected);
    let routed = block_on(local(here).routed().timeout(Duration::from_millis(100)).get("a"));
    match there.query_address() {
        Some(_) => assert_eq!(routed.unwrap(), Some(1)),
        None => assert_eq!(routed.unwrap_err().code(), "not_here"),
    }
    assert_eq!(block_on(local(there).routed().get("b")).unwrap(), Some(1));
    block_on(mute.close()).unwrap();
    block_on(other.close()).unwrap();
}

#[test]
fn a_process_that_comes_back_at_another_address_is_found_there() {
    let cluster = Cluster::start(2);
    cluster.send(&["a b c d e f", "a"]);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (start(&cluster, &one), start(&cluster, &two));
    let whole = |app: &Streams| {
        let all = block_on(app.store(COUNTS).unwrap().routed().timeout(Duration::from_millis(200)).all());
        all.is_ok_and(|all| all.len() == 6)
    };
    let tasks = |app: &Streams| app.metrics().running.len();
    wait_until("sharing", || (tasks(&first), tasks(&second)) == (2, 2));
    wait_until("counting", || whole(&first));
    let before = second.query_address();
    // It keeps its place, so that the group assigns nothing anew of its own accord.
    block_on(second.close_with(Closing::Restarting)).unwrap();
    let second = start(&cluster, &two);
    assert_ne!(second.query_address(), before);
    wait_until("being found", || whole(&first));
    block_on(first.close()).unwrap();
    block_on(second.close()).unwrap();
}

#[test]
fn a_standby_answers_for_who_does_not_if_it_may_and_says_how_far_behind_it_is() {
    let cluster = Cluster::start(2);
    cluster.send(&["a b c d e f", "a"]);
    let start = |state: &TempDir| {
        let app = cluster.app(counting(), state.path()).set("num.standby.replicas", 1).serve(COUNTS);
        app.query_listen("127.0.0.1:0").start_blocking().unwrap()
    };
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (asked, gone) = (start(&one), start(&two));
    let counts = || asked.store(COUNTS).unwrap().routed().timeout(Duration::from_millis(300));
    let expected: BTreeMap<String, i64> = [("a", 2), ("b", 1), ("c", 1), ("d", 1), ("e", 1), ("f", 1)]
        .map(|(word, n)| (word.to_owned(), n))
        .into();
    let whole = |all: &[(String, i64)]| all.iter().cloned().collect::<BTreeMap<_, _>>() == expected;
    wait_until("sharing", || counting_tasks(&asked) == 1 && counting_tasks(&gone) == 1);
    wait_until("counting", || block_on(counts().all()).is_ok_and(|all| whole(&all)));
    let fresh = block_on(counts().stale_ok(0).all().answer()).unwrap();
    assert_eq!(fresh.staleness, None, "who runs the tasks answers while it can");

    // It keeps its tasks for the time of a session, and does not answer.
    let address = gone.query_address().unwrap();
    block_on(gone.close_with(Closing::Restarting)).unwrap();
    let error = block_on(counts().all()).unwrap_err();
    let QueryError::Unreachable { endpoint, .. } = &error else { panic!("{error}") };
    assert_eq!(*endpoint, address.to_string());
    let stale = || block_on(counts().stale_ok(1_000).all().answer());
    wait_until("a copy", || stale().is_ok_and(|stale| whole(&stale.value)));
    let stale = stale().unwrap();
    assert!(stale.staleness.is_some_and(|staleness| staleness.records <= 1_000), "{:?}", stale.staleness);
    let of_changelog = stale.position.iter().filter(|(at, _)| &*at.topic == "app-counts-changelog");
    assert_eq!(of_changelog.count(), 1, "{:?}", stale.position);
    block_on(asked.close()).unwrap();
}
