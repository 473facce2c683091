//! Applications on a broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::executor::block_on;
use millstream::prelude::*;
use millstream::runtime::AppBuilder;
use millstream_client::{NewTopic, Producer, ProducerRecord, TopicPartition};

use crate::cluster::{COUNTS, Cluster, LINES, PATIENCE, counting, counts, wait_until};

#[test]
fn instances_share_the_tasks_and_one_takes_over_what_another_leaves() {
    let cluster = Cluster::start(2);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    cluster.send(&["a b", "b c", "c c"]);
    let first = cluster.app(counting(), one.path()).start_blocking().unwrap();
    let expected = |counts: &[(&str, i64)]| -> BTreeMap<String, i64> {
        counts.iter().map(|(word, count)| ((*word).to_owned(), *count)).collect()
    };
    wait_until("counting", || counts(&[&first]) == expected(&[("a", 1), ("b", 2), ("c", 3)]));

    let restored = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&restored);
    let second = cluster.app(counting(), two.path()).on_restore(move |progress| {
        heard.fetch_or(progress.is_done() && progress.records > 0, Ordering::Relaxed);
    });
    let second = second.start_blocking().unwrap();
    let tasks = |app: &Streams| app.metrics().running.len();
    wait_until("sharing", || (tasks(&first), tasks(&second)) == (2, 2));
    cluster.send(&["a", "d"]);
    let all = expected(&[("a", 2), ("b", 2), ("c", 3), ("d", 1)]);
    wait_until("counting together", || counts(&[&first, &second]) == all);

    block_on(first.close()).unwrap();
    wait_until("taking over", || tasks(&second) == 4);
    wait_until("restoring", || counts(&[&second]) == all);
    assert!(restored.load(Ordering::Relaxed), "a restore that nobody heard of");
    block_on(second.close()).unwrap();
}

#[test]
fn what_cannot_work_is_refused_at_the_start_with_words_that_help() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let refused = |app: AppBuilder| app.start_blocking().err().unwrap().to_string();

    let builder = StreamsBuilder::new();
    builder.stream(Topic::<String, String>::new("nowhere")).for_each(|_, _| {});
    let text = refused(cluster.app(builder.build().unwrap(), state.path()));
    assert!(text.contains("source topic nowhere does not exist: create it"), "{text}");

    let text = refused(cluster.app(counting(), state.path()).set("comit.interval.ms", 5));
    assert!(text.contains("did you mean \"commit.interval.ms\"?"), "{text}");

    let running = cluster.app(counting(), state.path()).start_blocking().unwrap();
    let text = refused(cluster.app(counting(), state.path()));
    assert!(text.contains("is in use by process"), "{text}");
    block_on(running.close()).unwrap();
}

#[test]
fn what_has_been_read_of_a_repartition_topic_is_purged() {
    let cluster = Cluster::start(2);
    let state = tempfile::tempdir().unwrap();
    let app = cluster.app(counting(), state.path()).set("repartition.purge.interval.ms", 1);
    let app = app.start_blocking().unwrap();
    let start = || {
        let starts = (0..2).map(|partition| (TopicPartition::new("app-counts-repartition", partition), -2));
        let found = cluster.admin.blocking(cluster.admin.list_offsets(starts)).unwrap();
        found.values().flatten().map(|start| start.offset).sum::<i64>()
    };
    // A commit purges what the one before it has read.
    wait_until("purging", || {
        cluster.send(&["a b c"]);
        start() > 0
    });
    block_on(app.close()).unwrap();
}

#[test]
fn a_source_begins_where_the_program_says() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    cluster.send_bytes(&[b"old"]);
    let builder = StreamsBuilder::new();
    let latest = builder.stream(Consumed::from(LINES).offset_reset(OffsetReset::Latest));
    let _counts = latest.group_by(|_, line| line.clone()).count(COUNTS);
    let app = cluster.app(builder.build().unwrap(), state.path()).start_blocking().unwrap();
    // The repartition topic has no committed offset either, and is read from its beginning all the same.
    wait_until("reading what is new", || {
        cluster.send_bytes(&[b"new"]);
        counts(&[&app]).contains_key("new")
    });
    assert_eq!(counts(&[&app]).get("old"), None);
    block_on(app.close()).unwrap();
}

#[test]
fn a_topic_that_comes_to_match_a_pattern_is_read_too() {
    let cluster = Cluster::start(1);
    let state = tempfile::tempdir().unwrap();
    let create = |topic: &str| {
        let created = cluster.admin.blocking(cluster.admin.create_topics([NewTopic::new(topic, 1)])).unwrap();
        assert!(created.iter().all(|(_, created)| created.is_ok()), "{created:?}");
    };
    let producer = Producer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    let send = |topic: &str| {
        let record = ProducerRecord::to(topic).key(topic.as_bytes()).value(b"x");
        drop(producer.send_blocking(record).unwrap());
        producer.flush_blocking().unwrap();
    };
    let builder = StreamsBuilder::new();
    let sensors = builder.stream(Topics::<String, String>::matching("sensor-[a-z]"));
    let _counts = sensors.group_by_key().count(COUNTS);
    create("sensor-a");
    create("sensors");
    let app = cluster.app(builder.build().unwrap(), state.path()).set("metadata.max.age.ms", 100);
    let app = app.start_blocking().unwrap();
    send("sensor-a");
    wait_until("reading the first", || counts(&[&app]).len() == 1);
    create("sensor-b");
    send("sensor-b");
    send("sensors");
    wait_until("reading the second", || counts(&[&app]).len() == 2);
    send("sensor-a");
    wait_until("reading on", || counts(&[&app]).values().sum::<i64>() == 3);
    assert_eq!(counts(&[&app]).get("sensors"), None);
    block_on(app.close()).unwrap();
}

#[test]
fn internal_topics_have_the_names_and_configurations_of_kafka_streams() {
    let cluster = Cluster::start(2);
    let state = tempfile::tempdir().unwrap();
    let app = cluster.app(counting(), state.path()).start_blocking().unwrap();
    let told = |topic: &str| {
        let resource = millstream_client::ConfigResource::Topic(topic.to_owned());
        cluster.admin.blocking(cluster.admin.describe_configs([resource])).unwrap().pop().unwrap().1
    };
    // Apache Kafka has made them, and may not know of them for a moment.
    wait_until("the topics", || {
        ["app-counts-changelog", "app-counts-repartition"].iter().all(|of| told(of).is_ok())
    });
    let config = |topic: &str, name: &str| {
        told(topic)
            .unwrap()
            .into_iter()
            .find(|entry| entry.name == name)
            .and_then(|entry| entry.value)
            .unwrap()
    };
    assert_eq!(config("app-counts-changelog", "cleanup.policy"), "compact");
    assert_eq!(config("app-counts-repartition", "cleanup.policy"), "delete");
    assert_eq!(config("app-counts-repartition", "segment.bytes"), "52428800");
    assert_eq!(config("app-counts-repartition", "retention.ms"), "-1");
    let ends = [("app-counts-changelog", 1), ("app-counts-repartition", 1)];
    let last = ends.map(|(topic, partition)| (TopicPartition::new(topic, partition), -1));
    assert_eq!(cluster.admin.blocking(cluster.admin.list_offsets(last)).unwrap().len(), 2);
    block_on(app.close()).unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn it_runs_inside_a_runtime_and_dropping_the_handle_does_not_wait() {
    let cluster = tokio::task::spawn_blocking(|| Cluster::start(1)).await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let app = cluster.app(counting(), state.path()).start().await.unwrap();
    drop(app);
    // The directory is free once the threads have ended.
    let started = Instant::now();
    loop {
        match cluster.app(counting(), state.path()).start().await {
            Ok(app) => break app.close_with(Closing::Restarting).await.unwrap(),
            Err(error) => assert!(started.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::task::spawn_blocking(move || drop(cluster)).await.unwrap();
}
