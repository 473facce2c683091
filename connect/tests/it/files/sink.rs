//! Files that records are written to, through crashes.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use millstream_client::TopicPartition;
use millstream_connect::data::SchemaAndValue;
use millstream_connect::{
    Assigned, ConnectError, Origin, Plugin, Record, Registry, SinkContext, TimestampType,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use uuid::Uuid;

use crate::open;

pub(super) fn record(partition: i32, offset: i64, value: SchemaAndValue) -> Record {
    let topic: Arc<str> = "lines".into();
    let origin =
        Origin { topic: topic.clone(), partition, offset, timestamp_type: TimestampType::CreateTime };
    Record { origin: Some(origin), ..Record::new(topic, value) }
}

pub(super) fn text(partition: i32, offset: i64) -> String {
    format!("line {offset} of partition {partition}")
}

pub(super) fn line(partition: i32, offset: i64) -> SchemaAndValue {
    SchemaAndValue::string(text(partition, offset))
}

pub(super) fn partition(partition: i32) -> TopicPartition {
    TopicPartition { topic: "lines".into(), partition }
}

pub(super) fn assigned(of: i32) -> Assigned {
    Assigned { partition: partition(of), topic_id: Uuid::from_u128(1) }
}

/// The files of a directory, by name, decompressed.
fn contents(directory: &Path) -> Result<Vec<(String, String)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().context("no name")?.to_string_lossy().into_owned();
        let bytes = fs::read(&path)?;
        let mut text = String::new();
        match name.trim_end_matches(".open") {
            gzip if gzip.ends_with(".gz") => {
                flate2::read::MultiGzDecoder::new(&*bytes).read_to_string(&mut text)?;
            }
            zstd if zstd.ends_with(".zst") => text = String::from_utf8(zstd::stream::decode_all(&*bytes)?)?,
            _ => text = String::from_utf8(bytes)?,
        }
        all.push((name, text));
    }
    all.retain(|(name, _)| !name.starts_with('.'));
    all.sort();
    Ok(all)
}

/// Writes, flushes and crashes at random; a torn write lies behind what was flushed.
async fn live(directory: &Path, compression: &str, random: &mut StdRng, crashes: bool) -> Result<()> {
    let options = [
        ("directory", directory.to_str().context("a path")?),
        ("roll.bytes", "200"),
        ("compression", compression),
    ];
    let mut task = open::sink("file-sink", &options).await?;
    let mut next = [0_i64; 2];
    while next.iter().any(|next| *next < 60) {
        match random.random_range(0..10) {
            0..6 => {
                let lane = random.random_range(0..2);
                let end = (next[lane] + random.random_range(1..5)).min(70);
                let records: Vec<Record> = (next[lane]..end)
                    .map(|offset| record(lane as i32, offset, line(lane as i32, offset)))
                    .collect();
                task.write(&records).await?;
                next[lane] = end;
            }
            6 => task.flush().await?,
            7..9 if crashes => {
                drop(task);
                tear(directory, random)?;
                task = open::sink("file-sink", &options).await?;
                let known = task.assigned(&[assigned(0), assigned(1)]).await?;
                next = [0, 1].map(|lane| known.get(&partition(lane)).copied().unwrap_or(0));
            }
            _ => {}
        }
    }
    let rest: Vec<Record> = (0..2)
        .flat_map(|lane: i32| {
            (next[lane as usize]..70).map(move |offset| record(lane, offset, line(lane, offset)))
        })
        .collect();
    task.write(&rest).await?;
    Ok(task.flush().await?)
}

#[tokio::test]
async fn files_of_a_topic_that_was_deleted_stay_beside_those_of_the_new_one() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let options = [("directory", dir.path().to_str().context("a path")?), ("roll.bytes", "50")];
    let records: Vec<Record> = (0..6).map(|offset| record(0, offset, line(0, offset))).collect();
    let of_topic = |id| Assigned { partition: partition(0), topic_id: Uuid::from_u128(id) };
    let mut task = open::sink("file-sink", &options).await?;
    task.assigned(&[of_topic(1)]).await?;
    task.write(&records).await?;
    task.flush().await?;

    // The new one is noticed by a task that comes later; what it does before its first flush is lost.
    for _ in 0..2 {
        let mut crashed = open::sink("file-sink", &options).await?;
        assert_eq!(crashed.assigned(&[of_topic(2)]).await?.len(), 0, "another topic");
        crashed.write(&records[..5]).await?;
    }
    let mut task = open::sink("file-sink", &options).await?;
    task.assigned(&[of_topic(2)]).await?;
    task.write(&records[..5]).await?;
    task.flush().await?;
    drop(task);
    let mut task = open::sink("file-sink", &options).await?;
    assert_eq!(task.assigned(&[of_topic(2)]).await?.get(&partition(0)), Some(&5));
    let files = contents(&dir.path().join("lines/0"))?;
    let all: String = files.iter().map(|(_, text)| text.as_str()).collect();
    let expected: Vec<String> = (0..6).chain(0..5).map(|offset| text(0, offset)).collect();
    let mut written: Vec<&str> = all.lines().collect();
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    written.sort_unstable();
    expected.sort_unstable();
    assert_eq!(written, expected, "{files:?}");
    Ok(())
}

fn open_files(directory: &Path) -> Vec<PathBuf> {
    let files =
        (0..2).flat_map(|lane| fs::read_dir(directory.join(format!("lines/{lane}"))).into_iter().flatten());
    files
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "open"))
        .collect()
}

fn tear(directory: &Path, random: &mut StdRng) -> Result<()> {
    for path in open_files(directory) {
        if random.random_bool(0.5) {
            OpenOptions::new().append(true).open(path)?.write_all(b"\x1f\x8b half of someth")?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_same_records_make_the_same_files_whatever_crashes() -> Result<()> {
    for (compression, ending) in [("none", ""), ("gzip", ".gz"), ("zstd", ".zst")] {
        for seed in 0..3 {
            let mut random = StdRng::seed_from_u64(seed);
            let (calm, stormy) = (tempfile::tempdir()?, tempfile::tempdir()?);
            live(calm.path(), compression, &mut random, false).await?;
            live(stormy.path(), compression, &mut random, true).await?;
            for lane in 0..2 {
                let of = |directory: &Path| contents(&directory.join(format!("lines/{lane}")));
                let (calm, stormy) = (of(calm.path())?, of(stormy.path())?);
                let expected: String = (0..70).map(|offset| text(lane, offset) + "\n").collect();
                let text: String = stormy.iter().map(|(_, text)| text.as_str()).collect();
                assert_eq!(text, expected, "{compression}, seed {seed}");
                assert_eq!(calm, stormy, "{compression}, seed {seed}");
                assert_eq!(stormy[0].0, format!("{:020}.log{ending}", 0));
                assert!(stormy.len() > 5, "{} files", stormy.len());
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_file_is_complete_when_its_time_is_over_though_nothing_comes() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let options =
        [("directory", dir.path().to_str().context("a path")?), ("roll.ms", "30"), ("format", "json")];
    let mut task = open::sink("file-sink", &options).await?;
    task.write(&[record(0, 7, line(0, 7))]).await?;
    task.flush().await?;
    let names = || {
        Ok::<_, anyhow::Error>(
            contents(&dir.path().join("lines/0"))?.into_iter().map(|(name, _)| name).collect::<Vec<_>>(),
        )
    };
    // The file's time may have been over by then on a busy machine.
    while names()? != ["00000000000000000007.jsonl"] {
        assert_eq!(names()?, ["00000000000000000007.jsonl.open"]);
        let wait = task.flush_within().context("it does not want to be flushed")?;
        assert!(wait <= Duration::from_millis(30), "{wait:?}");
        tokio::time::sleep(wait).await;
        task.flush().await?;
    }
    assert_eq!(task.flush_within(), None);
    Ok(())
}

#[tokio::test]
async fn a_line_is_text_or_json_or_all_of_the_record() -> Result<()> {
    let value = || SchemaAndValue::schemaless(json!({"a": 1, "b": [null, "x\n"]}));
    for (format, expected) in [
        ("lines", "{\"a\":1,\"b\":[null,\"x\\n\"]}\n"),
        ("json", "{\"a\":1,\"b\":[null,\"x\\n\"]}\n"),
        (
            "envelope",
            "{\"topic\":\"lines\",\"partition\":3,\"offset\":9,\"timestamp\":5,\"key\":\"k\",\"headers\":[[\"h\",true]],\"value\":{\"a\":1,\"b\":[null,\"x\\n\"]}}\n",
        ),
    ] {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("out");
        let options = [("file", path.to_str().context("a path")?), ("format", format)];
        let mut task = open::sink("file-sink", &options).await?;
        let header = SchemaAndValue::schemaless(true);
        task.write(&[record(3, 9, value()).at(5).key(SchemaAndValue::string("k")).header("h", header)])
            .await?;
        task.flush().await?;
        let written: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path)?)?;
        assert_eq!(written, serde_json::from_str::<serde_json::Value>(expected)?, "{format}");
    }
    Ok(())
}

fn pipe(path: &Path) -> Result<()> {
    anyhow::ensure!(Command::new("mkfifo").arg(path).status()?.success());
    Ok(())
}

#[tokio::test]
async fn a_pipe_or_a_directory_is_no_file_to_write_to() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("out");
    pipe(&path)?;
    let mut task = open::sink("file-sink", &[("file", path.to_str().context("a path")?)]).await?;
    task.assigned(&[assigned(0)]).await?;
    let why = task.write(&[record(0, 0, line(0, 0))]).await.unwrap_err().to_string();
    assert!(why.contains("is no regular file"), "{why}");
    Ok(())
}

/// A pipe in the place of the progress is a disk that does not answer.
#[test]
fn a_disk_that_does_not_answer_keeps_no_other_task_waiting() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let lane = dir.path().join("lines/0");
    fs::create_dir_all(&lane)?;
    pipe(&lane.join(".progress"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let options = [("directory", dir.path().to_str().context("a path")?)];
    let mut task = runtime.block_on(open::sink("file-sink", &options))?;
    let (started, has_started) = std::sync::mpsc::channel();
    let stuck = runtime.spawn(async move {
        started.send(())?;
        anyhow::Ok(task.assigned(&[assigned(0)]).await?)
    });
    has_started.recv_timeout(Duration::from_secs(10))?;
    let (answer, other) = std::sync::mpsc::channel();
    runtime.spawn(async move { answer.send(()) });
    let answered = other.recv_timeout(Duration::from_secs(10));
    // The disk answers, with nothing that is any progress.
    OpenOptions::new().write(true).open(lane.join(".progress"))?;
    answered?;
    assert!(runtime.block_on(stuck)?.is_err());
    Ok(())
}

#[tokio::test]
async fn one_file_is_the_matter_of_one_task() -> Result<()> {
    let registry = Registry::built_in();
    let Ok(Plugin::Sink(sink)) = registry.find("file-sink") else { anyhow::bail!("it is no sink") };
    let context = SinkContext { connector: "archive".to_owned(), task: 1, ..SinkContext::default() };
    let why = sink.open(&open::config(&[("file", "/tmp/archive")]), context).await.err().context("opened")?;
    // What no waiting mends: the task fails at once.
    assert!(matches!(&why, ConnectError::Options(_)), "{why}");
    Ok(())
}
