//! Sources: what is polled is in the topic, and positions are stored behind it only.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use async_trait::async_trait;
use millstream_client::{ConfigChange, ConfigResource, NewTopic};
use millstream_connect::herder::{State, TaskId, Worker};
use millstream_connect::runtime::{PositionError, PositionFile, Positions};
use millstream_connect::{SourceOffset, SourcePartition};
use rand::RngExt;

use super::broker::{admin, contents, topic_of, unique};
use super::lines::polled;
use super::shelf::{Behaviour, ShelfState};
use super::worker::{OneTask, eventually, position_file};

fn lines(stored: &[super::broker::Stored]) -> Vec<String> {
    stored.iter().map(|record| record.value.clone().unwrap()).collect()
}

fn numbered(to: usize) -> Vec<String> {
    (0..to).map(|line| format!("line {line}")).collect()
}

#[tokio::test]
async fn every_line_arrives_in_order_and_a_restart_goes_on_behind_the_last() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let pairs = [("connector.class", "lines"), ("topic", topic.as_str()), ("lines", "1000")];
    let task = OneTask::start(&topic, &pairs, position_file(&dir)).await;
    let metrics = task.until("the end", |metrics| metrics.exhausted).await;
    assert_eq!(
        (metrics.state, metrics.records_read, metrics.records_written),
        (State::Running, 1_000, 1_000)
    );
    task.runner.stop(&task.id).await;
    assert_eq!(lines(&contents(&topic).await), numbered(1_000));

    let pairs = [("connector.class", "org.example.LinesSource"), ("topic", &topic), ("lines", "1005")];
    let again = OneTask::start(&topic, &pairs, position_file(&dir)).await;
    again.until("the end", |metrics| metrics.exhausted).await;
    assert_eq!(lines(&contents(&topic).await), numbered(1_005), "nothing twice after an orderly end");
}

#[tokio::test]
async fn what_looks_like_a_reference_to_a_secret_and_is_none_is_told_in_the_log() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let log = tempfile::NamedTempFile::new().unwrap();
    let to_file = Arc::new(log.reopen().unwrap());
    let _here = tracing::subscriber::set_default(
        tracing_subscriber::fmt().with_writer(to_file).with_ansi(false).finish(),
    );
    let pairs = [("connector.class", "lines"), ("topic", topic.as_str()), ("lines.note", "${vault:db:word}")];
    let task = OneTask::start(&topic, &pairs, position_file(&dir)).await;
    task.until("the end", |metrics| metrics.exhausted).await;
    let said = std::fs::read_to_string(log.path()).unwrap();
    let told = said.lines().filter(|line| line.contains("WARN") && line.contains("${vault:db:word}"));
    assert!(told.filter(|line| line.contains("${env:NAME}")).count() == 1, "{said}");
}

#[tokio::test]
async fn a_worker_that_is_killed_at_any_moment_loses_no_line() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let pairs = [
        ("connector.class", "lines"),
        ("topic", topic.as_str()),
        ("lines", "2000"),
        ("lines.batch", "7"),
        ("lines.pause.ms", "1"),
        // A while passes between a poll and its acknowledgement.
        ("producer.override.linger.ms", "100"),
    ];
    let mut lives = 0;
    loop {
        let task = OneTask::start(&topic, &pairs, position_file(&dir)).await;
        let patience = rand::rng().random_range(20..400);
        tokio::time::sleep(std::time::Duration::from_millis(patience)).await;
        let exhausted = task.metrics().exhausted;
        // Dropped, not stopped: nothing is flushed, nothing more is stored.
        task.kill();
        lives += 1;
        if exhausted {
            break;
        }
    }
    let arrived: std::collections::BTreeSet<String> = lines(&contents(&topic).await).into_iter().collect();
    let missing: Vec<String> = numbered(2_000).into_iter().filter(|line| !arrived.contains(line)).collect();
    assert!(missing.is_empty(), "lost in {lives} lives: {missing:?}");
}

#[tokio::test]
async fn a_record_that_no_broker_takes_is_a_dead_letter_and_the_rest_goes_on() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let pairs =
        [("connector.class", "lines"), ("topic", topic.as_str()), ("lines", "20"), ("lines.huge.every", "8")];
    let task = OneTask::start(&topic, &pairs, position_file(&dir)).await;
    let metrics = task.until("the end", |metrics| metrics.exhausted).await;
    assert_eq!((metrics.records_written, metrics.records_failed, metrics.dead_letters), (17, 3, 3));
    let letters = contents(&format!("{topic}.dlq")).await;
    assert_eq!(letters.len(), 3);
    let headers = &letters[1].headers;
    let header = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert!(letters[1].value.as_ref().unwrap().starts_with("line 8 xxx"));
    assert_eq!(header("__connect.errors.topic"), Some(topic.as_str()));
    assert_eq!(header("__connect.errors.stage"), Some("KAFKA_PRODUCE"));
    assert_eq!(header("__connect.errors.partition"), None, "a source's record has none yet");
}

#[tokio::test]
async fn a_record_for_a_topic_that_there_cannot_be_is_a_dead_letter_and_the_rest_goes_on() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let pairs =
        [("connector.class", "lines"), ("topic", topic.as_str()), ("lines", "20"), ("lines.lost.every", "8")];
    let task = OneTask::start(&topic, &pairs, position_file(&dir)).await;
    let metrics = task.until("the end", |metrics| metrics.exhausted).await;
    assert_eq!((metrics.records_written, metrics.dead_letters), (17, 3));
    let letters = contents(&format!("{topic}.dlq")).await;
    let header =
        |name: &str| letters[0].headers.iter().find(|(key, _)| key == name).map(|(_, why)| why.as_str());
    assert_eq!(header("__connect.errors.topic"), Some("no topic/ü"));
    assert!(header("__connect.errors.exception.message").unwrap().contains("can be no topic's name"));
}

#[tokio::test]
async fn a_record_that_its_broker_refuses_is_a_dead_letter_made_of_what_was_sent() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let pairs = [
        ("connector.class", "lines"),
        ("topic", topic.as_str()),
        ("lines", "20"),
        ("lines.huge.every", "8"),
        // The producer lets them pass: what the topic takes is the broker's matter.
        ("producer.override.max.request.size", "4000000"),
    ];
    let task = OneTask::start(&topic, &pairs, position_file(&dir)).await;
    let metrics = task.until("the end", |metrics| metrics.exhausted).await;
    assert_eq!((metrics.records_written, metrics.records_failed, metrics.dead_letters), (17, 3, 3));
    let expected: Vec<String> =
        numbered(20).into_iter().enumerate().filter(|(at, _)| at % 8 != 0).map(|(_, line)| line).collect();
    assert_eq!(lines(&contents(&topic).await), expected);
    let letters = contents(&format!("{topic}.dlq")).await;
    let begins: Vec<String> =
        letters.iter().map(|letter| letter.value.as_ref().unwrap()[..8].to_owned()).collect();
    assert_eq!(begins, ["line 0 x", "line 8 x", "line 16 "]);
    let header = |name: &str| {
        let found = letters[0].headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(header("__connect.errors.stage"), Some("KAFKA_PRODUCE"));
    assert_eq!(header("__connect.errors.topic"), Some(topic.as_str()));
    assert_eq!(header("__connect.errors.partition"), Some("0"), "which refused it");
}

#[tokio::test]
async fn a_dead_letter_that_its_broker_refuses_is_not_passed_over() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let letters = format!("{topic}.dlq");
    let narrow = NewTopic::new(&letters, 1).config("max.message.bytes", "1000");
    for (_, made) in admin().await.create_topics([narrow]).await.unwrap() {
        made.unwrap();
    }
    let pairs =
        [("connector.class", "lines"), ("topic", topic.as_str()), ("lines", "9"), ("lines.huge.every", "4")];
    let task = OneTask::start(&topic, &pairs, position_file(&dir)).await;
    let why = task.until_state(State::Restarting).await.why.unwrap_or_default();
    assert!(why.contains(&letters), "{why}");
    assert_eq!(position_file(&dir).load(&topic).await.unwrap(), [], "nothing behind the letter of line 0");

    let wider = ConfigChange::Set("max.message.bytes".into(), "4000000".into());
    let change = (ConfigResource::Topic(letters.clone()), vec![wider]);
    assert!(admin().await.alter_configs([change]).await.unwrap()[0].1.is_ok());
    task.until("the end", |metrics| metrics.exhausted).await;
    let begins: BTreeSet<String> = contents(&letters)
        .await
        .iter()
        .map(|letter| letter.value.as_ref().unwrap()[..6].to_owned())
        .collect();
    assert_eq!(begins, ["line 0", "line 4", "line 8"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_dead_letter_is_written_even_where_its_record_s_time_is_what_no_broker_takes() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let pairs = [
        ("connector.class", "lines"),
        ("topic", topic.as_str()),
        ("lines", "5"),
        ("lines.ahead.ms", "9000000"),
    ];
    let task = OneTask::start(&topic, &pairs, position_file(&dir)).await;
    let metrics = task.until("the end", |metrics| metrics.exhausted).await;
    assert_eq!((metrics.records_written, metrics.records_failed, metrics.dead_letters), (0, 5, 5));
    let letters = contents(&format!("{topic}.dlq")).await;
    assert_eq!(lines(&letters), numbered(5));
    let why = letters[0].headers.iter().find(|(key, _)| key == "__connect.errors.exception.message");
    assert!(why.unwrap().1.contains("timestamp"), "{why:?}");
}

#[tokio::test]
async fn a_source_that_asks_for_patience_gets_it_and_says_so() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let pairs =
        [("connector.class", "lines"), ("topic", topic.as_str()), ("lines", "10"), ("lines.retries", "2")];
    let task = OneTask::start(&topic, &pairs, position_file(&dir)).await;
    let degraded = task.until_state(State::Degraded).await;
    assert_eq!(degraded.why.as_deref(), Some("not now"));
    let metrics = task.until("the end", |metrics| metrics.exhausted).await;
    assert_eq!((metrics.state, metrics.retries), (State::Running, 2));
}

/// A store that is out of order.
struct Broken;

#[async_trait]
impl Positions for Broken {
    async fn load(&self, _: &str) -> Result<Vec<(SourcePartition, SourceOffset)>, PositionError> {
        Ok(Vec::new())
    }

    async fn store(
        &self,
        _: &str,
        _: Vec<(SourcePartition, Option<SourceOffset>)>,
    ) -> Result<(), PositionError> {
        Err(PositionError::Store { store: "the disk".into(), why: "it is full".into() })
    }
}

#[tokio::test]
async fn positions_that_cannot_be_stored_are_told_and_records_go_on() {
    let topic = unique("lines");
    let pairs = [
        ("connector.class", "lines"),
        ("topic", topic.as_str()),
        ("lines", "1000000"),
        ("lines.pause.ms", "20"),
    ];
    let task = OneTask::start(&topic, &pairs, Broken).await;
    let metrics = task.until_state(State::Degraded).await;
    assert!(metrics.why.unwrap().contains("the disk: it is full"));
    let before = task.metrics().records_written;
    task.until("more records", |metrics| metrics.records_written > before + 20).await;
    assert_eq!(task.metrics().commits, 0);
}

/// A store that is out of order for a while.
struct Repaired(PositionFile, AtomicU32);

#[async_trait]
impl Positions for Repaired {
    async fn load(&self, connector: &str) -> Result<Vec<(SourcePartition, SourceOffset)>, PositionError> {
        self.0.load(connector).await
    }

    async fn store(
        &self,
        connector: &str,
        positions: Vec<(SourcePartition, Option<SourceOffset>)>,
    ) -> Result<(), PositionError> {
        if self.1.load(Relaxed) > 0 {
            self.1.fetch_sub(1, Relaxed);
            return Broken.store(connector, positions).await;
        }
        self.0.store(connector, positions).await
    }
}

#[tokio::test]
async fn a_source_is_at_its_end_only_when_its_positions_are_stored() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let pairs = [("connector.class", "lines"), ("topic", topic.as_str()), ("lines", "100")];
    let task = OneTask::start(&topic, &pairs, Repaired(position_file(&dir), AtomicU32::new(20))).await;
    task.until("the end", |metrics| metrics.exhausted).await;
    let stored = position_file(&dir).load(&topic).await.unwrap();
    assert_eq!(stored.first().and_then(|(_, offset)| offset["line"].as_u64()), Some(100));
}

#[tokio::test]
async fn a_source_that_waits_for_memory_does_as_it_is_told_and_keeps_what_it_has_polled() {
    // A target that hangs holds all of the memory.
    let filler = "x".repeat(2_000);
    let full = topic_of("texts", 1, (0..500).map(|number| format!("text {number}. {filler}"))).await;
    let (name, topic, dir) = (unique("shelf"), unique("lines"), tempfile::tempdir().unwrap());
    let shelf = ShelfState::named(&name);
    *shelf.behaviour.lock() = Behaviour { hangs: true, ..Behaviour::default() };
    let sink = [("connector.class", "shelf"), ("topics", full.as_str()), ("shelf.name", name.as_str())];
    let worker = [
        ("worker.memory.bytes", "100000"),
        ("task.shutdown.graceful.timeout.ms", "3600000"),
        ("consumer.max.poll.records", "100"),
    ];
    let task = OneTask::start_with(&name, &sink, position_file(&dir), &worker).await;
    task.until("all of the memory", |_| task.runner.memory().0 > 90_000).await;
    let (running, paused) = (Some(State::Running), Some(State::Paused));
    let state_of = |id: &TaskId| {
        let metrics = task.runner.metrics();
        metrics.into_iter().find(|(known, _)| known == id).map(|(_, metrics)| metrics.state)
    };
    let pairs = [("connector.class", "lines"), ("topic", topic.as_str()), ("lines", "100")];
    let source = task.beside(&topic, 0, &pairs).await;
    eventually("a poll", async || polled(&topic) > 0).await;
    task.runner.pause(&source, true).await;
    eventually("its rest", async || state_of(&source) == paused).await;
    task.runner.pause(&source, false).await;
    eventually("the source again", async || state_of(&source) == running).await;

    let other = unique("lines");
    let stopped = task.beside(&other, 0, &[("connector.class", "lines"), ("topic", &other)]).await;
    eventually("another poll", async || polled(&other) > 0).await;
    let stop = tokio::time::timeout(Duration::from_secs(60), task.runner.stop(&stopped));
    stop.await.expect("it waits for nobody's memory when it is to end");
    assert!(contents(&topic).await.is_empty() && contents(&other).await.is_empty());

    *shelf.behaviour.lock() = Behaviour::default();
    eventually("its lines", async || contents(&topic).await.len() == 100).await;
    assert_eq!(lines(&contents(&topic).await), numbered(100));
    task.runner.stop(&task.id).await;
    task.runner.stop(&source).await;
    assert_eq!(task.runner.memory().0, 0, "all memory came back");
}
