//! The brake: how many of the records failed, whatever part of their way they failed on and however they come in portions.

use std::collections::BTreeSet;

use millstream_connect::herder::{State, Worker};
use millstream_connect::runtime::TaskMetrics;

use super::broker::{committed, contents, topic_of, unique};
use super::shelf::{Behaviour, ShelfState};
use super::sink::{behave, numbered, pairs, start};
use super::worker::{OneTask, eventually, position_file};

fn shelf_len(name: &str) -> usize {
    ShelfState::named(name).written.lock().len()
}

#[tokio::test]
async fn the_brake_halts_a_task_before_it_pours_a_topic_into_the_dead_letters() {
    let topic = topic_of("texts", 1, numbered(0, 5_000)).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { poison: Some("text".into()), ..Behaviour::default() });
    let (task, shelf) = start(&name, &topic).await;
    let metrics = task.until_state(State::Halted).await;
    let why = metrics.why.unwrap();
    assert!(why.contains("errors.brake.percent=50") && why.contains("it is poison"), "{why}");
    let letters = contents(&format!("{name}.dlq")).await.len();
    assert!(letters < 1_000, "{letters} dead letters");

    // The cause is mended: going on loses nothing.
    behave(&shelf, Behaviour::default());
    task.runner.pause(&task.id, true).await;
    task.until_state(State::Paused).await;
    task.runner.pause(&task.id, false).await;
    let group = format!("connect-{name}");
    eventually("the commit", async || committed(&group).await == 5_000).await;
    let letters = contents(&format!("{name}.dlq")).await;
    let mut all: BTreeSet<String> = shelf.texts().into_iter().collect();
    all.extend(letters.into_iter().filter_map(|letter| letter.value));
    assert_eq!(all.len(), 5_000);
}

/// Runs a sink until so much is committed, which the brake lets it.
async fn until_written(name: &str, pairs: &[(&str, &str)], count: i64) -> TaskMetrics {
    let dir = tempfile::tempdir().unwrap();
    let task = OneTask::start(name, pairs, position_file(&dir)).await;
    let group = format!("connect-{name}");
    eventually("the commit, or a halt", async || {
        task.metrics().state == State::Halted || committed(&group).await == count
    })
    .await;
    let metrics = task.metrics();
    assert_eq!((metrics.state, metrics.why.as_deref()), (State::Running, None));
    task.runner.stop(&task.id).await;
    metrics
}

#[tokio::test]
async fn a_tenth_of_bad_records_in_a_sink_is_a_tenth_however_many_are_read_and_written_at_once() {
    // Every tenth does not convert, and of those that do every tenth is refused.
    let text = |number: usize| match number % 10 {
        3 => "{".to_owned(),
        _ => format!("\"text {number}.\""),
    };
    let topic = topic_of("texts", 1, (0..10_000).map(text)).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { poison: Some("7.".into()), ..Behaviour::default() });
    let mut pairs = pairs(&topic, &name);
    pairs.retain(|(name, _)| *name != "sink.batch.records");
    pairs.extend([
        ("value.converter", "json"),
        ("value.converter.schemas.enable", "false"),
        ("consumer.override.max.poll.records", "10000"),
        ("sink.batch.records", "10000"),
        ("errors.brake.percent", "20"),
    ]);
    let metrics = until_written(&name, &pairs, 10_000).await;
    assert_eq!((shelf_len(&name), metrics.dead_letters), (8_000, 2_000));
}

/// A hundred bad texts in a row behind nine hundred good ones, in small portions.
async fn bad_at_the_end(bad: impl Fn(usize) -> String, poison: Option<String>) {
    let good = |number: usize| format!("\"text {number}.\"");
    let text = |number: usize| if number < 900 { good(number) } else { bad(number) };
    let topic = topic_of("texts", 1, (0..1_000).map(text)).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { poison, ..Behaviour::default() });
    let mut pairs = pairs(&topic, &name);
    pairs.extend([
        ("value.converter", "json"),
        ("value.converter.schemas.enable", "false"),
        ("consumer.override.max.poll.records", "50"),
        ("errors.brake.percent", "20"),
    ]);
    let metrics = until_written(&name, &pairs, 1_000).await;
    assert_eq!((shelf_len(&name), metrics.dead_letters), (900, 100));
}

#[tokio::test]
async fn portions_of_a_sink_in_which_nothing_fails_count_too() {
    bad_at_the_end(|_| "{".to_owned(), None).await;
    bad_at_the_end(|number| format!("\"poison {number}\""), Some("poison".to_owned())).await;
}

/// A source's lines of which some are bad, until it has come to an end or is halted.
async fn lines(more: &[(&str, &str)]) -> TaskMetrics {
    let (topic, dir) = (unique("lines"), tempfile::tempdir().unwrap());
    let mut pairs = vec![("connector.class", "lines"), ("topic", topic.as_str())];
    pairs.extend(more);
    let task = OneTask::start(&topic, &pairs, position_file(&dir)).await;
    task.until("the end", |metrics| metrics.exhausted || metrics.state == State::Halted).await
}

#[tokio::test]
async fn a_tenth_of_bad_records_in_a_source_is_a_tenth_however_many_are_polled_at_once() {
    let more = [
        ("lines", "10000"),
        ("lines.batch", "10000"),
        ("lines.astray.every", "10"),
        ("errors.brake.percent", "20"),
    ];
    let metrics = lines(&more).await;
    assert_eq!((metrics.state, metrics.why), (State::Running, None));
    assert_eq!((metrics.records_written, metrics.dead_letters), (9_000, 1_000));
}

#[tokio::test]
async fn portions_of_a_source_in_which_nothing_fails_count_too() {
    let more = [
        ("lines", "1000"),
        ("lines.batch", "50"),
        ("lines.astray.from", "900"),
        ("errors.brake.percent", "20"),
    ];
    let metrics = lines(&more).await;
    assert_eq!((metrics.state, metrics.why), (State::Running, None));
    assert_eq!((metrics.records_written, metrics.dead_letters), (900, 100));
}

#[tokio::test]
async fn what_a_broker_takes_is_counted_against_what_it_refuses_line_by_line_and_all_at_once() {
    for batch in ["1", "100"] {
        let metrics = lines(&[
            ("lines", "100"),
            ("lines.batch", batch),
            ("lines.huge.every", "8"),
            ("producer.override.max.request.size", "4000000"),
            ("errors.brake.percent", "20"),
            ("errors.brake.window", "100"),
        ])
        .await;
        assert_eq!((metrics.state, metrics.why), (State::Running, None), "batches of {batch}");
        assert_eq!((metrics.records_written, metrics.dead_letters), (87, 13));
    }
}

#[tokio::test]
async fn share_and_window_are_those_that_are_asked_for() {
    // Every fourth is bad.
    let bad = |percent, window| {
        [
            ("lines", "400"),
            ("lines.astray.every", "4"),
            ("errors.brake.percent", percent),
            ("errors.brake.window", window),
        ]
    };
    for (percent, window, state) in [
        ("20", "1000", State::Halted),
        ("30", "1000", State::Running),
        ("20", "0", State::Running),
        ("20", "5000", State::Running),
    ] {
        let metrics = lines(&bad(percent, window)).await;
        assert_eq!(metrics.state, state, "more than {percent} of {window}: {metrics:#?}");
    }
}

#[tokio::test]
async fn what_does_not_convert_and_what_is_refused_are_not_added_up() {
    // All are converted before the first is written: a hundred of seven hundred fail there, and a hundred of six hundred here.
    let text = |number: usize| match number {
        0..500 => "\"text\"",
        500..600 => "\"poison\"",
        _ => "{",
    };
    let topic = topic_of("texts", 1, (0..700).map(|number| text(number).to_owned())).await;
    let name = unique("shelf");
    behave(&ShelfState::named(&name), Behaviour { poison: Some("poison".into()), ..Behaviour::default() });
    let mut pairs = pairs(&topic, &name);
    pairs.retain(|(name, _)| *name != "sink.batch.records");
    pairs.extend([
        ("value.converter", "json"),
        ("value.converter.schemas.enable", "false"),
        ("sink.batch.records", "1000"),
        ("errors.brake.percent", "18"),
    ]);
    let metrics = until_written(&name, &pairs, 700).await;
    assert_eq!((shelf_len(&name), metrics.dead_letters), (500, 200));
}
