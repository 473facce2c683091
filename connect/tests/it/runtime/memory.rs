//! The bytes that a worker's tasks hold together.

use std::collections::BTreeSet;
use std::time::Duration;

use millstream_connect::herder::{State, TaskId, Worker};

use super::broker::{committed, contents, topic_of, unique};
use super::shelf::{Behaviour, ShelfState};
use super::sink::{behave, numbered, pairs};
use super::worker::{OneTask, eventually, position_file};

#[tokio::test]
async fn a_hanging_target_holds_memory_within_the_budget_and_loses_nothing() {
    let filler = "x".repeat(2_000);
    let topic = topic_of("texts", 2, (0..5_000).map(|number| format!("text {number}. {filler}"))).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { hangs: true, ..Behaviour::default() });
    let dir = tempfile::tempdir().unwrap();
    let worker = [
        ("worker.memory.bytes", "2000000"),
        ("task.shutdown.graceful.timeout.ms", "200"),
        ("consumer.max.partition.fetch.bytes", "200000"),
        ("consumer.max.poll.records", "100"),
    ];
    let task = OneTask::start_with(&name, &pairs(&topic, &name), position_file(&dir), &worker).await;
    task.until("the first records", |metrics| metrics.records_read > 0).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (used, limit) = task.runner.memory();
    assert!(used > 0 && used as u64 <= limit, "{used} of {limit}");
    assert!(task.metrics().records_read < 1_000, "it goes on reading: {}", task.metrics().records_read);
    // It does not end by itself: it is ended, and another goes on where it was.
    let shelf = ShelfState::named(&name);
    task.runner.stop(&task.id).await;
    behave(&shelf, Behaviour::default());
    task.runner.start(task.start.clone()).await;
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 5_000).await;
    assert_eq!(shelf.texts().into_iter().collect::<BTreeSet<_>>().len(), 5_000);
    task.runner.stop(&task.id).await;
    assert_eq!(task.runner.memory().0, 0, "all memory came back");
}

#[tokio::test]
async fn a_target_that_stays_away_gives_its_memory_to_others_and_gets_all_later() {
    let filler = "x".repeat(2_000);
    let texts = || (0..2_000).map(|number| format!("text {number}. {filler}"));
    let (topic, other) = (topic_of("texts", 2, texts()).await, topic_of("texts", 1, texts()).await);
    let (name, neighbour) = (unique("shelf"), unique("shelf"));
    behave(&ShelfState::named(&name), Behaviour { away: true, ..Behaviour::default() });
    let dir = tempfile::tempdir().unwrap();
    let worker = [("worker.memory.bytes", "1000000"), ("consumer.max.poll.records", "100")];
    let task = OneTask::start_with(&name, &pairs(&topic, &name), position_file(&dir), &worker).await;
    task.until("all of the memory", |_| task.runner.memory().0 > 600_000).await;
    let beside = task.beside(&neighbour, 0, &pairs(&other, &neighbour)).await;
    let group = format!("connect-{neighbour}");
    eventually("the neighbour's commit", async || committed(&group).await == 2_000).await;
    assert_eq!(task.metrics().state, State::Degraded);
    behave(&ShelfState::named(&name), Behaviour::default());
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 2_000).await;
    let texts = ShelfState::named(&name).texts();
    assert_eq!((texts.len(), texts.into_iter().collect::<BTreeSet<_>>().len()), (2_000, 2_000));
    task.runner.stop(&task.id).await;
    task.runner.stop(&beside).await;
    assert_eq!(task.runner.memory().0, 0, "all memory came back");
}

#[tokio::test]
async fn what_is_written_makes_room_long_before_it_is_committed() {
    let filler = "x".repeat(2_000);
    let topic = topic_of("texts", 1, (0..2_000).map(|number| format!("text {number}. {filler}"))).await;
    let (name, dir) = (unique("shelf"), tempfile::tempdir().unwrap());
    let worker = [
        ("worker.memory.bytes", "1000000"),
        ("offset.flush.interval.ms", "3600000"),
        ("consumer.max.poll.records", "100"),
    ];
    let task = OneTask::start_with(&name, &pairs(&topic, &name), position_file(&dir), &worker).await;
    let shelf = ShelfState::named(&name);
    eventually("all texts", async || shelf.texts().len() == 2_000).await;
    assert!(*shelf.flushes.lock() <= 1, "nothing but the first look at the clock");
    task.runner.stop(&task.id).await;
    assert_eq!(task.runner.memory().0, 0, "all memory came back");
}

#[tokio::test]
async fn a_record_that_is_tried_again_keeps_its_partition_from_being_read_far_ahead() {
    let topic = topic_of("texts", 2, numbered(0, 10_000)).await;
    let name = unique("shelf");
    let shelf = ShelfState::named(&name);
    // An even number: partition 0.
    behave(&shelf, Behaviour { busy: Some("text 20.".into()), ..Behaviour::default() });
    let (dir, worker) = (tempfile::tempdir().unwrap(), [("consumer.max.poll.records", "100")]);
    let task = OneTask::start_with(&name, &pairs(&topic, &name), position_file(&dir), &worker).await;
    eventually("partition 1", async || {
        shelf.written.lock().iter().filter(|(partition, _, _)| *partition == 1).count() == 5_000
    })
    .await;
    let retries = task.metrics().retries;
    task.until("more attempts", |metrics| metrics.retries > retries + 5).await;
    let read = task.metrics().records_read;
    assert!(read < 5_000 + 2_000, "{read} records are read");
    behave(&shelf, Behaviour::default());
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 10_000).await;
    task.runner.stop(&task.id).await;
}

#[tokio::test]
async fn what_a_source_has_sent_takes_memory_until_it_is_acknowledged() {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let pairs = [
        ("connector.class", "lines"),
        ("topic", topic.as_str()),
        ("lines", "100000"),
        // Nothing goes out before it is told to.
        ("producer.override.linger.ms", "3600000"),
        ("producer.override.delivery.timeout.ms", "7200000"),
        ("producer.override.batch.size", "1000000"),
    ];
    let worker = [("worker.memory.bytes", "65536")];
    let task = OneTask::start_with(&topic, &pairs, position_file(&dir), &worker).await;
    // Ten lines are made into less than a KiB, which is the least that is taken.
    task.until("all of the memory", |_| task.runner.memory().0 > 60 << 10).await;
    let read = task.metrics().records_read;
    assert!((600..=640).contains(&read), "{read} lines are on their way");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(task.metrics().records_read, read, "nothing more is sent before something is acknowledged");
    assert_eq!(task.metrics().records_written, 0);
    task.runner.stop(&task.id).await;
    assert_eq!(task.runner.memory().0, 0, "all memory came back");
    assert_eq!(contents(&topic).await.len() as u64, read);
}

/// As long as it holds them, a batch's records take far more than what is sent of them.
#[tokio::test]
async fn a_source_takes_memory_for_what_it_has_polled_before_any_of_it_is_sent() {
    let (topic, other) = (unique("lines"), unique("lines"));
    let dir = tempfile::tempdir().unwrap();
    let unsent = [
        ("connector.class", "lines"),
        ("topic", topic.as_str()),
        ("lines", "1000000"),
        ("lines.batch", "1000"),
        ("producer.override.linger.ms", "3600000"),
        ("producer.override.delivery.timeout.ms", "7200000"),
        ("producer.override.batch.size", "4000000"),
    ];
    let worker = [("worker.memory.bytes", "1048576")];
    let task = OneTask::start_with(&topic, &unsent, position_file(&dir), &worker).await;
    // What is sent stands for its bytes, some 11 KiB a batch.
    task.until("the memory", |_| task.runner.memory().0 > 512 << 10).await;
    let next = [("connector.class", "lines"), ("topic", &*other), ("lines", "3000"), ("lines.batch", "3000")];
    let beside = task.beside(&other, 0, &next).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let read = |id: &TaskId| {
        let all = task.runner.metrics();
        all.into_iter().find(|(of, _)| of == id).map_or(0, |(_, metrics)| metrics.records_read)
    };
    let (first, second) = (read(&task.id), read(&beside));
    assert!((40_000..100_000).contains(&first), "{first} lines are on their way");
    assert_eq!(second, 0, "nothing of another is sent while there is no room for it");
    task.runner.stop(&task.id).await;
    eventually("the other's lines", async || read(&beside) == 3_000).await;
    task.runner.stop(&beside).await;
    assert_eq!(task.runner.memory().0, 0, "all memory came back");
}
