//! Failures on a broker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::executor::block_on;
use millstream::errors::{self, Stage};
use millstream::prelude::*;
use millstream_client::{Consumer, Event, NewTopic, Offset, TopicPartition};

use crate::cluster::{Cluster, PATIENCE, wait_until};

const LINES: Topic<Option<String>, String> = Topic::new("lines");
const OUT: Topic<Option<String>, String> = Topic::new("out");

/// A cluster with the topics `lines`, `out` and `dead`; `out` takes no large records.
fn cluster() -> Cluster {
    let cluster = Cluster::start(1);
    let out = NewTopic::new("out", 1).config("max.message.bytes", "500");
    let made = cluster.admin.create_topics([out, NewTopic::new("dead", 1)]);
    assert!(cluster.admin.blocking(made).unwrap().iter().all(|(_, made)| made.is_ok()));
    cluster
}

fn copying() -> Topology {
    let builder = StreamsBuilder::new();
    let calm = builder.stream(LINES).map_values(|line| {
        assert!(!line.contains('!'), "too loud");
        line
    });
    calm.named("calm").to(OUT).named("copy");
    builder.build().unwrap()
}

/// The values of the first `count` records of a topic, and a header of each.
fn read(cluster: &Cluster, topic: &str, count: usize, header: &str) -> Vec<(Vec<u8>, String)> {
    let mut consumer = Consumer::builder().bootstrap(&cluster.bootstrap()).build_blocking().unwrap();
    consumer.assign_at(TopicPartition::new(topic, 0), Offset(0));
    let mut seen = Vec::new();
    while seen.len() < count {
        let Some(Event::Fetched(fetched)) = consumer.poll_blocking(PATIENCE).unwrap() else {
            panic!("{} of {count} records of {topic} came", seen.len());
        };
        let each = |record: &millstream_wire::batch::Record<'_>| {
            let found = record.headers.iter().find(|found| found.name() == header);
            let text = found.and_then(|found| found.value).map(|value| String::from_utf8_lossy(value).into());
            seen.push((record.value.unwrap().to_vec(), text.unwrap_or_default()));
            Ok(())
        };
        fetched.for_each(each).unwrap();
    }
    seen
}

#[test]
fn dead_letters_are_there_before_their_offsets_are_committed() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let app = cluster.app(copying(), state.path()).on_error(|_| Action::DeadLetter).dead_letters("dead");
    let app = app.start_blocking().unwrap();
    cluster.send_bytes(&[b"a", b"\xff\xfe", b"b!", b"c"]);
    wait_until("committing all of it", || cluster.committed("lines") == 4);
    let dead = read(&cluster, "dead", 2, errors::OFFSET);
    assert_eq!(dead, [(b"\xff\xfe".to_vec(), "1".to_owned()), (b"b!".to_vec(), "2".to_owned())]);
    assert_eq!(read(&cluster, "dead", 2, errors::TOPIC)[0].1, "lines");
    assert_eq!(read(&cluster, "out", 2, "")[1].0, b"c");
    let rows = app.metrics().errors;
    let row = |stage| rows.iter().find(|row| row.stage == stage).unwrap().dead_letters;
    assert_eq!((row(Stage::Decode), row(Stage::Process), rows.len()), (1, 1, 2));
    block_on(app.close()).unwrap();
}

#[test]
fn handlers_go_by_their_names_in_kafka() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let package = "org.apache.kafka.streams.errors";
    let app = cluster
        .app(copying(), state.path())
        .set("deserialization.exception.handler", format!("{package}.LogAndContinueExceptionHandler"))
        .set("processing.exception.handler", "LogAndFailProcessingExceptionHandler");
    let app = app.start_blocking().unwrap();
    cluster.send_bytes(&[b"\xff\xfe", b"b!"]);
    let stopped = block_on(app.run_until(std::future::pending::<()>())).unwrap_err().to_string();
    assert!(stopped.contains("lines-0 at offset 1, node calm"), "{stopped}");

    let unknown = cluster.app(copying(), state.path()).set("processing.exception.handler", "my.own.Handler");
    let refused = unknown.start_blocking().err().unwrap().to_string();
    assert!(refused.contains("processing.exception.handler") && refused.contains("on_error"), "{refused}");
}

#[test]
fn a_dead_letter_topic_that_is_not_there_ends_the_start() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let app = cluster.app(copying(), state.path()).set("errors.dead.letter.queue.topic.name", "nowhere");
    let refused = app.start_blocking().err().unwrap().to_string();
    assert!(refused.starts_with("dead-letter topic nowhere does not exist: create it"), "{refused}");
}

/// A broker refuses it long after the task has gone on.
fn large() -> Vec<u8> {
    (0..2_000_u32).map(|n| b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26).collect()
}

#[test]
fn what_a_topic_refuses_is_known_by_its_own_bytes() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let app = cluster.app(copying(), state.path()).dead_letters("dead").on_error(|failed| {
        assert!(failed.is_produce() && !failed.is_retriable() && failed.topic().is_none());
        Action::DeadLetter
    });
    let app = app.start_blocking().unwrap();
    cluster.send_bytes(&[b"a", &large(), b"c"]);
    wait_until("committing all of it", || cluster.committed("lines") == 3);
    let dead = read(&cluster, "dead", 1, errors::MESSAGE);
    assert_eq!(dead[0].0, large());
    assert!(dead[0].1.contains("topic out") && dead[0].1.contains("MessageTooLarge"), "{}", dead[0].1);
    let out: Vec<_> = read(&cluster, "out", 2, "").into_iter().map(|(value, _)| value).collect();
    assert_eq!(out, [b"a", b"c"]);
    let rows = app.metrics().errors;
    assert_eq!((rows[0].node.as_str(), rows[0].task, rows[0].dead_letters), ("copy", None, 1));
    block_on(app.close()).unwrap();
}

/// A sink writes the dead-letter topic too, which refuses the dead letter as it has refused the record.
#[test]
fn a_dead_letter_is_not_sent_again_to_the_topic_that_has_refused_it() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    // Without an end to it the third question would be followed by others.
    let app = cluster.app(copying(), state.path()).dead_letters("out").on_error(move |_| {
        if count.fetch_add(1, Ordering::Relaxed) < 3 { Action::DeadLetter } else { Action::Fail }
    });
    let app = app.start_blocking().unwrap();
    cluster.send_bytes(&[&large()]);
    let stopped = block_on(app.run_until(std::future::pending::<()>())).unwrap_err().to_string();
    assert!(stopped.contains("out") && stopped.contains("MessageTooLarge"), "{stopped}");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    assert_eq!(cluster.committed("lines"), 0);
}

/// Two topics that refuse it, each of them the other's dead-letter topic.
#[test]
fn dead_letters_do_not_go_to_and_fro_for_ever() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let small = NewTopic::new("other", 1).config("max.message.bytes", "500");
    cluster.admin.blocking(cluster.admin.create_topics([small])).unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let builder = StreamsBuilder::new();
    let lines = builder.stream(LINES);
    for (topic, letters) in [(OUT, "other"), (Topic::new("other"), "out")] {
        let count = Arc::clone(&asked);
        let copy = lines.filter(move |_, _| letters == "other").to(topic);
        copy.on_error(move |_| {
            // Without an end to it there would be other questions.
            let asked = count.fetch_add(1, Ordering::Relaxed);
            if asked < 50 { Action::DeadLetterTo(letters) } else { Action::Fail }
        });
    }
    let app = cluster.app(builder.build().unwrap(), state.path()).start_blocking().unwrap();
    cluster.send_bytes(&[&large()]);
    let stopped = block_on(app.run_until(std::future::pending::<()>())).unwrap_err().to_string();
    assert!(stopped.contains("MessageTooLarge"), "{stopped}");
    assert_eq!(asked.load(Ordering::Relaxed), 5);
    assert_eq!(cluster.committed("lines"), 0);
}

#[test]
fn without_a_policy_a_refusal_stops_the_application() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let app = cluster.app(copying(), state.path()).start_blocking().unwrap();
    cluster.send_bytes(&[&large()]);
    let stopped = block_on(app.run_until(std::future::pending::<()>())).unwrap_err().to_string();
    assert!(stopped.contains("MessageTooLarge"), "{stopped}");
    assert_eq!(cluster.committed("lines"), 0);
}

/// Repartition topics are topics like others; a changelog is not.
#[test]
fn what_a_changelog_refuses_stops_the_application_whatever_the_policy() {
    let (cluster, state) = (cluster(), tempfile::tempdir().unwrap());
    let builder = StreamsBuilder::new();
    let grouped = builder.stream(LINES).group_by(|_, _| "all".to_owned());
    let all = grouped.aggregate("all", String::new, |_, line, all: &mut String| all.push_str(&line));
    all.to_stream().for_each(|_, _| {});
    let app = cluster.app(builder.build().unwrap(), state.path()).on_error(|_| Action::Skip);
    let app = app.set("topic.max.message.bytes", "500").start_blocking().unwrap();
    cluster.send_bytes(&[&large(), b"small"]);
    wait_until("committing both", || cluster.committed("lines") == 2);
    wait_until("committing the small one", || cluster.committed("app-all-repartition") == 1);
    assert_eq!(app.metrics().errors[0].skipped, 1);

    cluster.send_bytes(&[&[b'a'; 300], &[b'b'; 300]]);
    let stopped = block_on(app.run_until(std::future::pending::<()>())).unwrap_err().to_string();
    assert!(stopped.contains("app-all-changelog") && stopped.contains("MessageTooLarge"), "{stopped}");
}
