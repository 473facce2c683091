//! Files that grow, without anybody rotating them.

use std::fs::{self, OpenOptions};
use std::io::{Seek, Write};

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::tail::Tail;

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[tokio::test]
async fn many_hosts_files_come_with_host_and_path() -> Result<()> {
    let dir = tempfile::tempdir()?;
    for host in ["one", "two", "three"] {
        fs::create_dir(dir.path().join(host))?;
        fs::write(dir.path().join(host).join("access.log"), format!("a line of {host}\nand half a li"))?;
    }
    let pattern = dir.path().join("*/access.log");
    let options = [("header.host", "host"), ("header.path", "path"), ("record.key", "path")];
    let mut tail = Tail::of(pattern.to_str().context("a path")?, &options).await?;
    tail.read(3).await?;
    let host = fs::read_to_string("/proc/sys/kernel/hostname")?;
    for record in &tail.records {
        let line = record.value.value.as_str().context("no text")?;
        let path = dir.path().join(line.rsplit(' ').next().context("no word")?).join("access.log");
        let headers: Vec<_> =
            record.headers.iter().map(|(name, value)| (name.as_str(), value.value.as_str())).collect();
        assert_eq!(headers, [("host", Some(host.trim())), ("path", path.to_str())]);
        assert_eq!(record.key.value.as_str(), path.to_str());
    }

    let mut file = OpenOptions::new().append(true).open(dir.path().join("two/access.log"))?;
    file.write_all(b"ne\n")?;
    tail.read(4).await?;
    assert_eq!(tail.lines()[3], "and half a line");
    Ok(())
}

#[tokio::test]
async fn a_stack_trace_is_one_record() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("app.log");
    fs::write(&log, "2026-01-01 bang\n  at a\n  at b\n2026-01-02 fine\n2026-01-03 last\n  at c\n")?;
    let options = [("multiline.start", "^[0-9]{4}-"), ("multiline.wait.ms", "50")];
    let mut tail = Tail::of(log.to_str().context("a path")?, &options).await?;
    tail.read(3).await?;
    assert_eq!(
        tail.lines(),
        ["2026-01-01 bang\n  at a\n  at b", "2026-01-02 fine", "2026-01-03 last\n  at c"]
    );
    Ok(())
}

#[tokio::test]
async fn a_position_of_kafkas_connector_counts_once() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("app.log");
    fs::write(&log, "one\ntwo\nthree\n")?;
    let path = log.to_str().context("a path")?;
    let stored = (object(json!({ "filename": path })), object(json!({"position": 4})));
    let mut tail = Tail::at(path, &[], vec![stored.clone()]).await?;
    let name = Value::Object(stored.0.clone()).to_string();
    tail.positions.insert(name.clone(), stored);
    tail.read(2).await?;
    assert_eq!(tail.lines(), ["two", "three"]);
    assert!(!tail.positions.contains_key(&name), "{:?}", tail.positions);

    tail.restart().await?;
    OpenOptions::new().append(true).open(&log)?.write_all(b"four\n")?;
    tail.read(3).await?;
    assert_eq!(tail.lines()[2..], ["four"]);
    Ok(())
}

#[tokio::test]
async fn what_was_there_before_is_passed_over_if_asked() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("app.log");
    fs::write(&log, "old\nolder\n")?;
    let pattern = dir.path().join("*.log");
    let mut tail = Tail::of(pattern.to_str().context("a path")?, &[("start.at", "end")]).await?;
    tail.until(|tail| !tail.positions.is_empty()).await?;
    OpenOptions::new().append(true).open(&log)?.write_all(b"new\n")?;
    fs::write(dir.path().join("later.log"), "first\n")?;
    tail.read(2).await?;
    let mut lines = tail.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["first", "new"]);
    Ok(())
}

#[tokio::test]
async fn the_hole_that_a_writer_leaves_in_a_truncated_file_is_no_line() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("app.log");
    let mut writer = fs::File::create(&log)?;
    writer.write_all("before the cut, written without append\n".repeat(500).as_bytes())?;
    let mut tail = Tail::of(log.to_str().context("a path")?, &[]).await?;
    tail.read(500).await?;
    OpenOptions::new().write(true).open(&log)?.set_len(0)?;
    assert!(writer.stream_position()? > 0);
    writer.write_all(b"after\n")?;
    tail.read(501).await?;
    assert_eq!(tail.lines()[500], "after");
    Ok(())
}

#[tokio::test]
async fn a_position_goes_with_its_file() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let (gone, stays) = (dir.path().join("gone.log"), dir.path().join("stays.log"));
    fs::write(&gone, "a\nwithout an end")?;
    fs::write(&stays, "b\n")?;
    let pattern = dir.path().join("*.log");
    let mut tail = Tail::of(pattern.to_str().context("a path")?, &[]).await?;
    tail.read(2).await?;
    assert_eq!(tail.positions.len(), 2);
    fs::remove_file(&gone)?;
    tail.until(|tail| tail.positions.len() == 1).await?;
    assert_eq!(tail.lines()[2..], ["without an end"]);
    assert!(format!("{:?}", tail.positions).contains("stays.log"));
    Ok(())
}
