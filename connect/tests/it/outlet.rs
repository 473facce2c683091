//! Sinks as the ends of topologies, on a broker: every record is written or a dead letter, and offsets are committed behind that only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use millstream::prelude::*;
use millstream_connect::SinkTo;
use millstream_connect::connectors::file_sink::FileSink;
use millstream_connect::connectors::postgres::PostgresSink;
use millstream_tests::postgres::Postgres;

use crate::postgres::{rows, session};
use crate::runtime::broker::{append, bootstrap, committed, contents, topic_of, unique};
use crate::runtime::shelf::{Behaviour, Shelf, ShelfState};
use crate::runtime::worker::eventually;

fn numbered(from: usize, to: usize) -> impl Iterator<Item = String> {
    (from..to).map(|number| format!("text {number}."))
}

fn behave(shelf: &ShelfState, behaviour: Behaviour) {
    *shelf.behaviour.lock() = behaviour;
}

fn texts(topic: &str) -> Topic<Option<String>, String> {
    Topic::new(topic.to_owned().leak())
}

/// A topic and what becomes of its texts.
struct Case {
    topic: String,
    /// Of the shelf, and of the application.
    name: String,
    shelf: Arc<ShelfState>,
    state: tempfile::TempDir,
}

impl Case {
    async fn new(partitions: i32, texts: usize) -> Result<Self> {
        let topic = topic_of("texts", partitions, numbered(0, texts)).await;
        let name = unique("ending");
        let shelf = ShelfState::named(&name);
        Ok(Self { topic, name, shelf, state: tempfile::tempdir()? })
    }

    fn sink(&self) -> SinkTo<Shelf> {
        SinkTo::new("texts")
            .with("shelf.name", &self.name)
            .with("errors.retry.delay.max.ms", 50)
            .with("sink.batch.records", 50)
    }

    async fn start(&self) -> Result<Streams> {
        self.start_with(self.sink(), |app| app).await
    }

    async fn start_with(
        &self,
        sink: SinkTo<Shelf>,
        with: impl FnOnce(millstream::runtime::AppBuilder) -> millstream::runtime::AppBuilder,
    ) -> Result<Streams> {
        let builder = StreamsBuilder::new();
        builder.stream(texts(&self.topic)).sink(sink).named("shelf");
        self.start_topology(builder, with).await
    }

    async fn start_topology(
        &self,
        builder: StreamsBuilder,
        with: impl FnOnce(millstream::runtime::AppBuilder) -> millstream::runtime::AppBuilder,
    ) -> Result<Streams> {
        let app = Streams::builder(builder.build()?)
            .application_id(&self.name)
            .bootstrap(bootstrap().await)
            .state_dir(self.state.path())
            .commit_interval(Duration::from_millis(50));
        Ok(with(app).start().await?)
    }

    async fn committed(&self, count: i64) {
        eventually("the commit", async || committed(&self.name).await == count).await;
    }

    fn written(&self) -> BTreeSet<String> {
        self.shelf.texts().into_iter().collect()
    }
}

/// What outlets hold, and what they have tried again.
fn held_and_retried(app: &Streams) -> (u64, u64) {
    let metrics = app.metrics();
    let outlets: Vec<_> = metrics.tasks().flat_map(|task| &task.outlets).collect();
    (outlets.iter().map(|outlet| outlet.held_bytes).sum(), outlets.iter().map(|outlet| outlet.retried).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_written_once_and_committed_behind_the_flush() -> Result<()> {
    let case = Case::new(3, 1_000).await?;
    // What is safe makes room: all of them at once do not fit.
    let sink = case.sink().with("sink.buffer.bytes", 20_000);
    let app = case.start_with(sink, |app| app.num_stream_threads(2)).await?;
    case.committed(1_000).await;
    assert_eq!((case.shelf.texts().len(), case.written()), (1_000, numbered(0, 1_000).collect()));
    assert!(*case.shelf.flushes.lock() > 0);
    for partition in 0..3 {
        let written = case.shelf.written.lock();
        let offsets = written.iter().filter(|(of, ..)| *of == partition).map(|(_, offset, _)| *offset);
        assert!(offsets.collect::<Vec<_>>().is_sorted(), "partition {partition} is in order");
    }
    eventually("the counts", async || {
        let metrics = app.metrics().to_prometheus();
        metrics.contains("millstream_streams_outlet_records_total{")
            && app.metrics().tasks().flat_map(|task| &task.outlets).map(|outlet| outlet.written).sum::<u64>()
                == 1_000
    })
    .await;
    eventually("an empty buffer", async || held_and_retried(&app).0 == 0).await;
    app.close().await?;
    append(&case.topic, 3, numbered(1_000, 1_100)).await;
    let app = case.start().await?;
    case.committed(1_100).await;
    app.close().await?;
    assert_eq!(case.shelf.texts().len(), 1_100, "nothing again after an orderly end");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_a_dead_letter_of_the_application() -> Result<()> {
    for whole in [false, true] {
        let case = Case::new(2, 300).await?;
        let dead = topic_of("dead", 1, []).await;
        behave(&case.shelf, Behaviour { poison: Some("77.".to_owned()), whole, ..Behaviour::default() });
        let app = case
            .start_with(case.sink(), |app| app.on_error(|_| Action::DeadLetter).dead_letters(&dead))
            .await?;
        case.committed(300).await;
        app.close().await?;
        assert_eq!(case.written().len(), 297, "whole: {whole}");
        let letters = contents(&dead).await;
        let values: BTreeSet<&str> = letters.iter().filter_map(|letter| letter.value.as_deref()).collect();
        assert_eq!(values, ["text 77.", "text 177.", "text 277."].into());
        let header = |name: &str| {
            let found = letters[0].headers.iter().find(|(header, _)| header == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        assert_eq!(header(millstream::errors::TOPIC), case.topic);
        let why = if whole { "poison in the batch" } else { "it is poison" };
        assert_eq!(header(millstream::errors::MESSAGE), why);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_policy_what_is_refused_ends_the_application_and_nothing_behind_it_is_committed()
-> Result<()> {
    let case = Case::new(1, 100).await?;
    behave(&case.shelf, Behaviour { poison: Some("77.".to_owned()), ..Behaviour::default() });
    let app = case.start().await?;
    eventually("the end", async || app.state() == AppState::Error).await;
    let told = app.close().await;
    assert!(committed(&case.name).await <= 77, "{told:?}");
    let app = case.start_with(case.sink(), |app| app.on_error(|_| Action::Skip)).await?;
    case.committed(100).await;
    app.close().await?;
    assert_eq!(case.written().len(), 99);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_away_busy_or_fails_to_flush_gets_everything_in_the_end() -> Result<()> {
    let case = Case::new(2, 200).await?;
    let (away, busy) = (true, Some("9.".to_owned()));
    behave(&case.shelf, Behaviour { away, ..Behaviour::default() });
    let app = case.start().await?;
    eventually("retries", async || held_and_retried(&app).1 > 2).await;
    assert_eq!((committed(&case.name).await, case.written().len()), (0, 0));
    behave(&case.shelf, Behaviour { busy, ..Behaviour::default() });
    eventually("what is not busy", async || case.written().len() >= 8).await;
    // The even texts are in one partition, and 9 is the fifth of the odd ones.
    assert!(committed(&case.name).await <= 100 + 4, "nothing is committed past the first busy text");
    behave(&case.shelf, Behaviour { flush_failures: 2, ..Behaviour::default() });
    case.committed(200).await;
    assert_eq!(case.written(), numbered(0, 200).collect());
    assert!(case.shelf.texts().len() > 200, "what was not flushed is written again");
    app.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_hangs_holds_up_its_own_task_alone_within_its_memory_and_loses_nothing() -> Result<()> {
    const LIMIT: u64 = 100_000;
    /// A record of these texts, as it is counted; a turn brings 256 of them after there was room for one more.
    const OVER: u64 = 256 * 512;
    let case = Case::new(1, 5_000).await?;
    let (calm, copies) = (topic_of("calm", 1, numbered(0, 500)).await, topic_of("copies", 1, []).await);
    behave(&case.shelf, Behaviour { hangs: true, ..Behaviour::default() });
    let builder = StreamsBuilder::new();
    builder.stream(texts(&case.topic)).sink(case.sink().with("sink.buffer.bytes", LIMIT)).named("shelf");
    builder.stream(texts(&calm)).to(texts(&copies));
    let app = case.start_topology(builder, |app| app).await?;
    case.committed(500).await;
    append(&calm, 1, numbered(500, 1_000)).await;
    case.committed(1_000).await;
    eventually("a full buffer", async || held_and_retried(&app).0 >= LIMIT).await;
    assert!(held_and_retried(&app).0 < LIMIT + OVER, "{:?}", held_and_retried(&app));
    app.close().await?;
    assert_eq!(
        (committed(&case.name).await, contents(&copies).await.len()),
        (1_000, 1_000),
        "it goes without a commit"
    );

    behave(&case.shelf, Behaviour::default());
    let app = case.start().await?;
    case.committed(6_000).await;
    app.close().await?;
    assert_eq!(case.written(), numbered(0, 5_000).collect());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_is_away_for_too_long_ends_the_application_and_so_does_the_brake() -> Result<()> {
    let case = Case::new(1, 500).await?;
    for (behaviour, option, value) in [
        (Behaviour { away: true, ..Behaviour::default() }, "errors.retry.timeout", 100),
        (Behaviour { poison: Some("text".to_owned()), ..Behaviour::default() }, "errors.brake.window", 200),
    ] {
        behave(&case.shelf, behaviour);
        let app =
            case.start_with(case.sink().with(option, value), |app| app.on_error(|_| Action::Skip)).await?;
        eventually("the end", async || app.state() == AppState::Error).await;
        assert!(app.close().await.is_err() && committed(&case.name).await == 0, "{option}");
    }
    behave(&case.shelf, Behaviour::default());
    let app = case.start().await?;
    case.committed(500).await;
    app.close().await?;
    assert_eq!(case.written().len(), 500);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brake_counts_what_went_well_before_and_after_what_is_refused_however_it_is_written() -> Result<()>
{
    // Every tenth of one batch; and a ninth of all, most of them in batches of nothing else.
    for (poison, batch) in [("7.", 1_000), ("text 9", 50)] {
        let case = Case::new(1, 1_000).await?;
        behave(&case.shelf, Behaviour { poison: Some(poison.to_owned()), ..Behaviour::default() });
        let sink = case.sink().with("sink.batch.records", batch).with("errors.brake.percent", 20);
        let app = case.start_with(sink, |app| app.on_error(|_| Action::Skip)).await?;
        eventually("the commit, or the end", async || {
            app.state() == AppState::Error || committed(&case.name).await == 1_000
        })
        .await;
        app.close().await?;
        assert_eq!(case.written(), numbered(0, 1_000).filter(|text| !text.contains(poison)).collect());
    }
    Ok(())
}

#[test]
fn a_test_sees_what_would_be_written_or_has_it_written() -> Result<()> {
    let name = unique("driven");
    let shelf = ShelfState::named(&name);
    let builder = StreamsBuilder::new();
    let words = builder
        .stream(texts("lines"))
        .flat_map_values(|line, out| line.split(' ').map(str::to_owned).for_each(|word| out.push(word)));
    words.sink(SinkTo::<Shelf>::new("words").with("shelf.name", &name)).named("shelf");
    let topology = builder.build()?;
    let described = topology.describe().to_string();
    assert!(
        described.contains("    Sink: shelf (outlet: shelf words)\n      <-- KSTREAM-FLATMAPVALUES-"),
        "{described}"
    );
    assert!(topology.draw().to_mermaid().contains("shelf words"));

    let mut driver = TestDriver::new(&topology)?;
    driver.input(texts("lines")).at(5).send_value("a b")?;
    let records = driver.outlet::<Option<String>, String>("shelf")?;
    assert_eq!(records, [record(None, "a").at(5), record(None, "b").at(5)]);
    assert!(driver.outlet::<String, i64>("shelf").is_err() && shelf.texts().is_empty());

    let dead = texts("dead");
    behave(&shelf, Behaviour { poison: Some("!".to_owned()), busy: None, ..Behaviour::default() });
    let driver = TestDriver::builder(&topology).on_error(|_| Action::DeadLetter).dead_letters("dead");
    let mut driver = driver.real_outlets().build()?;
    driver.input(texts("lines")).send_value("c d! e")?;
    assert_eq!(shelf.texts(), ["c", "e"]);
    let letter = driver.output(dead).next_record().unwrap();
    assert_eq!(letter.value, "d!");
    assert!(driver.outlet::<Option<String>, String>("shelf").is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tasks_append_to_one_file_and_nothing_lies_beside_it() -> Result<()> {
    let case = Case::new(3, 300).await?;
    let file = case.state.path().join("lines/out.txt");
    let start = async || {
        let builder = StreamsBuilder::new();
        let sink = SinkTo::<FileSink>::new("texts").with("file", file.display());
        builder.stream(texts(&case.topic)).sink(sink);
        case.start_topology(builder, |app| app.num_stream_threads(2)).await
    };
    let app = start().await?;
    case.committed(300).await;
    app.close().await?;
    append(&case.topic, 3, numbered(300, 400)).await;
    let app = start().await?;
    case.committed(400).await;
    app.close().await?;
    let text = std::fs::read_to_string(&file)?;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 400, "nothing again after an orderly end");
    assert_eq!(lines.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), numbered(0, 400).collect());
    assert_eq!(std::fs::read_dir(case.state.path().join("lines"))?.count(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_can_be_named_by_where_the_record_was_read_that_it_was_made_of() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let case = Case::new(1, 3).await?;
    let builder = StreamsBuilder::new();
    let sink = SinkTo::<PostgresSink>::new("lines")
        .with("connection.url", server.url())
        .with("auto.create", true)
        .with("insert.mode", "upsert")
        .with("pk.mode", "kafka")
        .with("pk.fields", "topic,part,at");
    // Of the second, two are made: one place is not enough for both.
    let lines = builder.stream(texts(&case.topic)).flat_map_values(|text, made| match text.as_str() {
        "text 1." => ["a", "b"].iter().for_each(|which| made.push(format!("{text}{which}"))),
        _ => made.push(text.clone()),
    });
    let rows_of = |text: String| BTreeMap::from([("text", text)]);
    lines.map_values(rows_of).sink(sink).named("rows");
    let dead = topic_of("dead", 1, []).await;
    let app =
        case.start_topology(builder, |app| app.on_error(|_| Action::DeadLetter).dead_letters(&dead)).await?;
    case.committed(3).await;
    app.close().await?;
    let client = session(&server).await?;
    let topic = &case.topic;
    let expected =
        [format!("{topic}|0|0|text 0."), format!("{topic}|0|1|text 1.a"), format!("{topic}|0|2|text 2.")];
    assert_eq!(rows(&client, "SELECT topic, part, at, text FROM lines ORDER BY at").await?, expected);
    let letters = contents(&dead).await;
    assert_eq!(letters.len(), 1);
    assert!(letters[0].value.as_deref().is_some_and(|value| value.contains("text 1.b")));
    assert!(format!("{:?}", letters[0].headers).contains("pk.mode=record_key"), "{:?}", letters[0].headers);
    Ok(())
}

#[test]
fn a_directory_of_files_ends_no_topology() {
    let builder = StreamsBuilder::new();
    builder.stream(texts("texts")).sink(SinkTo::<FileSink>::new("texts").with("directory", "/tmp/x"));
    let why = builder.build().err().map(|error| error.to_string()).unwrap_or_default();
    assert!(why.contains("name a file"), "{why}");
}

#[test]
fn what_is_said_wrongly_ends_the_topology_before_it_is_built() {
    let said = |option: &str| {
        let builder = StreamsBuilder::new();
        let sink = SinkTo::<Shelf>::new("texts").with("shelf.name", "x").with(option, "1");
        builder.stream(texts("texts")).sink(sink);
        builder.build().err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(said("sink.batch.records"), "");
    assert!(said("shelf.nam").ends_with("Unknown configuration shelf.nam; did you mean shelf.name?"));
    assert!(said("errors.deadletterqueue.topic.name").contains(".dead_letters("));
    assert!(said("errors.tolerance").contains(".on_error("));
    assert!(said("transforms").contains("`map`"));
}
