//! examples/log_collection: the logs of many hosts to one topic, and to an archive.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use millstream_connect::Registry;
use millstream_connect::standalone::{Pipeline, Standalone, StandaloneParts};
use millstream_tests::process::PATIENCE;

use super::logrotate::Logrotate;
use crate::runtime::broker::{bootstrap, contents, unique};

const HOSTS: [&str; 3] = ["ahab", "ishmael", "queequeg"];

/// The example with the places of this test.
async fn pipeline(dir: &Path, topic: &str) -> Result<Pipeline> {
    let example = include_str!("../../../../examples/log_collection/pipeline.yaml");
    let mut text = example.to_owned();
    let place = |name: &str| dir.join(name).to_string_lossy().into_owned();
    for (theirs, ours) in [
        ("localhost:9092", bootstrap().await),
        ("/var/lib/millstream/logs.offsets", place("offsets")),
        ("/var/log/hosts/*/*.log", place("hosts/*/*.log")),
        ("/var/lib/millstream/archive", place("archive")),
        ("topic: logs", format!("topic: {topic}")),
        ("topics: logs", format!("topics: {topic}")),
        ("  logs:", format!("  {topic}-source:")),
        ("  archive:", format!("  {topic}-archive:")),
        (
            "  value.converter: string",
            "  value.converter: string\n  offset.flush.interval.ms: 100".to_owned(),
        ),
    ] {
        ensure!(text.contains(theirs), "the example has no {theirs:?}");
        text = text.replace(theirs, &ours);
    }
    let path = dir.join("pipeline.yaml");
    fs::write(&path, text)?;
    Ok(Pipeline::read(&[path])?)
}

async fn start(pipeline: &Pipeline) -> Result<Standalone> {
    let registry = Arc::new(Registry::built_in());
    let (settings, id) = (pipeline.worker.clone(), "test".to_owned());
    let parts = StandaloneParts { registry, settings, id, levels: Arc::new(|_, _| {}), ends: false };
    let standalone = Standalone::start(parts).await?;
    for connector in &pipeline.connectors {
        standalone.put(connector.clone()).await?;
    }
    Ok(standalone)
}

fn append(dir: &Path, host: &str, lines: std::ops::Range<usize>) -> Result<()> {
    let path = dir.join("hosts").join(host).join("app.log");
    let text: String =
        lines.map(|number| format!("{host} {number} failed\n    at line {number}\n")).collect();
    Ok(OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())?)
}

/// What the archive holds, by line.
fn archived(dir: &Path) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for path in glob::glob(&format!("{}/archive/*/*/*.zst*", dir.display()))? {
        let text = zstd::stream::decode_all(&*fs::read(path?)?)?;
        for line in String::from_utf8(text)?.lines() {
            let record: serde_json::Value = serde_json::from_str(line)?;
            lines.push(record["value"].as_str().context("no text")?.to_owned());
        }
    }
    Ok(lines)
}

async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let found = async {
        loop {
            if let Some(found) = found().await? {
                return Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.with_context(|| what.to_owned())?
}

#[tokio::test(flavor = "multi_thread")]
async fn many_hosts_logs_come_to_one_topic_through_rotation_and_restarts() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let topic = unique("logs");
    let pipeline = pipeline(dir.path(), &topic).await?;
    for host in HOSTS {
        fs::create_dir_all(dir.path().join("hosts").join(host))?;
        append(dir.path(), host, 0..40)?;
    }
    let standalone = start(&pipeline).await?;
    let stored = async |count: usize| {
        until("the lines are not in the topic", async || {
            let all = contents(&topic).await;
            Ok((all.len() >= count).then_some(all))
        })
        .await
    };
    // The last event of a file is complete when nothing has come for a while.
    stored(3 * 40).await?;
    let log = dir.path().join("hosts/ahab/app.log");
    if let Some(logrotate) = Logrotate::of(&log, &["create"])? {
        append(dir.path(), "ahab", 40..50)?;
        logrotate.run()?;
        append(dir.path(), "ahab", 50..60)?;
    } else {
        append(dir.path(), "ahab", 40..60)?;
    }
    stored(3 * 40 + 20).await?;
    standalone.close().await;
    for host in &HOSTS[1..] {
        append(dir.path(), host, 40..60)?;
    }
    let standalone = start(&pipeline).await?;
    let all = stored(3 * 60).await?;

    let event = |host: &str, number: usize| format!("{host} {number} failed\n    at line {number}");
    let mut expected: Vec<String> =
        HOSTS.iter().flat_map(|host| (0..60).map(move |number| event(host, number))).collect();
    let mut values: Vec<String> = all.iter().filter_map(|record| record.value.clone()).collect();
    values.sort();
    expected.sort();
    assert_eq!(values, expected);
    for record in &all {
        let host = record.value.as_deref().and_then(|value| value.split(' ').next()).context("no host")?;
        let path = dir.path().join("hosts").join(host).join("app.log").to_string_lossy().into_owned();
        let named = |name: &str| {
            record.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        assert_eq!((named("path"), record.key.as_deref()), (Some(&*path), Some(&*path)));
        assert!(named("host").is_some_and(|host| !host.is_empty()), "{:?}", record.headers);
    }
    let mut lines = until("the lines are not in the archive", async || {
        let lines = archived(dir.path())?;
        Ok((lines.len() >= expected.len()).then_some(lines))
    })
    .await?;
    lines.sort();
    assert_eq!(lines, expected);
    standalone.close().await;
    Ok(())
}
