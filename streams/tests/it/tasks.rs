//! What the configuration of tasks does on a broker: their order, their time-outs, their buffers, their directories.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::executor::block_on;
use millstream::prelude::*;
use millstream_client::{NewTopic, Producer, ProducerRecord};

use crate::cluster::{Cluster, LINES, counting, counts, wait_until};

const A: Topic<Option<String>, i64> = Topic::new("a");
const B: Topic<Option<String>, i64> = Topic::new("b");

/// The values of two topics, as a task got them.
struct Merged {
    cluster: Cluster,
    producer: Producer,
    got: Arc<Mutex<Vec<i64>>>,
}

impl Merged {
    fn start() -> Self {
        let cluster = Cluster::start(1);
        let topics = ["a", "b"].map(|topic| NewTopic::new(topic, 1));
        let created = cluster.admin.blocking(cluster.admin.create_topics(topics)).unwrap();
        assert!(created.iter().all(|(_, created)| created.is_ok()), "{created:?}");
        let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
        Self { cluster, producer, got: Arc::default() }
    }

    /// Sends values that are their own times.
    fn send(&self, topic: &str, times: impl IntoIterator<Item = i64>) {
        for time in times {
            let value = time.to_be_bytes();
            let record = ProducerRecord::to(topic).partition(0).timestamp(time).value(&value);
            drop(self.producer.send_blocking(record).unwrap());
        }
        self.producer.flush_blocking().unwrap();
    }

    fn app(&self, state: &tempfile::TempDir, max_idle_ms: i64) -> Streams {
        let builder = StreamsBuilder::new();
        let got = Arc::clone(&self.got);
        builder.stream(A).merge(&builder.stream(B)).for_each(move |_, time| got.lock().unwrap().push(time));
        let app = self.cluster.app(builder.build().unwrap(), state.path());
        // Small fetches: one topic is read far ahead of the other unless somebody waits.
        let app = app.set("max.partition.fetch.bytes", 200).set("max.task.idle.ms", max_idle_ms);
        app.start_blocking().unwrap()
    }

    fn got(&self) -> Vec<i64> {
        self.got.lock().unwrap().clone()
    }
}

#[test]
fn two_topics_are_read_in_the_order_of_time() {
    const RECORDS: i64 = 2_000;
    let merged = Merged::start();
    let state = tempfile::tempdir().unwrap();
    merged.send("a", (0..RECORDS).map(|n| 2 * n));
    merged.send("b", (0..RECORDS).map(|n| 2 * n + 1));
    let app = merged.app(&state, 0);
    wait_until("reading", || merged.got().len() as i64 == 2 * RECORDS);
    assert!(merged.got().is_sorted());
    block_on(app.close()).unwrap();
}

#[test]
fn a_silent_topic_is_not_waited_for_unless_that_was_asked() {
    for idle in [-1, 0, 200] {
        let merged = Merged::start();
        let state = tempfile::tempdir().unwrap();
        let app = merged.app(&state, idle);
        merged.send("a", [1, 2, 3]);
        wait_until("going on without the other", || merged.got() == [1, 2, 3]);
        block_on(app.close()).unwrap();
    }
}

#[test]
fn a_late_topic_is_waited_for_if_that_was_asked() {
    let merged = Merged::start();
    let state = tempfile::tempdir().unwrap();
    // For longer than any test takes.
    let app = merged.app(&state, 3_600_000);
    wait_until("starting", || app.state() == AppState::Running);
    merged.send("a", [10, 30]);
    merged.send("b", [20]);
    wait_until("having both", || merged.got() == [10, 20]);
    merged.send("b", [25, 40]);
    wait_until("going on", || merged.got() == [10, 20, 25, 30]);
    block_on(app.close()).unwrap();
}

#[test]
fn a_task_that_cannot_commit_fails_when_its_time_is_over() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let builder = StreamsBuilder::new();
    let read = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&read);
    builder.stream(LINES).for_each(move |_, _| *counted.lock().unwrap() += 1);
    let app = cluster.app(builder.build().unwrap(), state.path());
    let app = app.commit_interval(Duration::from_millis(500)).set("task.timeout.ms", 300);
    let app = app.set("main.consumer.default.api.timeout.ms", 200).set("request.timeout.ms", 100);
    let app = app.start_blocking().unwrap();
    wait_until("starting", || app.state() == AppState::Running);
    cluster.send_bytes(&[b"x"]);
    wait_until("reading", || *read.lock().unwrap() == 1);
    // It stops by itself, whoever is connected.
    drop(cluster);
    let failure = block_on(app.run_until(std::future::pending::<()>())).unwrap_err().to_string();
    assert!(failure.contains("task.timeout.ms") && failure.contains("committing offsets"), "{failure}");
}

#[test]
fn a_task_that_is_buffered_to_the_brim_gets_the_rest_later() {
    const LINES_SENT: usize = 5_000;
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let lines: Vec<String> = (0..LINES_SENT).map(|n| format!("line-{n}")).collect();
    cluster.send_bytes(&lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>());
    let app = cluster.app(counting(), state.path()).set("buffered.records.per.partition", 1);
    let app = app.set("max.partition.fetch.bytes", 1_000).start_blocking().unwrap();
    wait_until("counting", || counts(&[&app]).len() == LINES_SENT);
    block_on(app.close()).unwrap();
}

#[test]
fn state_that_was_cleaned_up_is_restored() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let task = state.path().join("app").join("1_0");
    cluster.send_bytes(&[b"a b b"]);
    let app = cluster.app(counting(), state.path()).start_blocking().unwrap();
    wait_until("counting", || counts(&[&app]).len() == 2 && cluster.committed("app-counts-repartition") == 3);
    let refused = cluster.app(counting(), state.path()).clean_up().err().unwrap().to_string();
    assert!(refused.contains("is in use by process"), "{refused}");
    block_on(app.close()).unwrap();
    assert!(task.exists());
    let app = cluster.app(counting(), state.path()).clean_up().unwrap();
    assert!(!task.exists());
    let app = app.start_blocking().unwrap();
    wait_until("restoring", || counts(&[&app]).get("b") == Some(&2));
    block_on(app.close()).unwrap();
}

#[test]
fn the_directory_of_a_task_that_has_gone_is_removed_and_that_of_a_live_one_is_not() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let directory = |task: &str| state.path().join("app").join(task);
    std::fs::create_dir_all(directory("1_7")).unwrap();
    let app =
        cluster.app(counting(), state.path()).set("state.cleanup.delay.ms", 1).start_blocking().unwrap();
    cluster.send_bytes(&[b"a"]);
    wait_until("counting", || counts(&[&app]).len() == 1);
    wait_until("cleaning", || !directory("1_7").exists());
    assert!(directory("1_0").exists());
    block_on(app.close()).unwrap();
}
