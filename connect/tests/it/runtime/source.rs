//! Sources: what is polled is in the topic, and positions are stored behind it only.

use async_trait::async_trait;
use millstream_connect::herder::{State, Worker};
use millstream_connect::runtime::{PositionError, Positions};
use millstream_connect::{SourceOffset, SourcePartition};
use rand::RngExt;

use super::broker::{contents, unique};
use super::worker::{OneTask, position_file};

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
async fn a_worker_that_is_killed_at_any_moment_loses_no_line() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let pairs = [
        ("connector.class", "lines"),
        ("topic", topic.as_str()),
        ("lines", "2000"),
        ("lines.batch", "7"),
        ("lines.pause.ms", "1"),
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
