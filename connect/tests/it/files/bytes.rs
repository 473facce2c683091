//! What is in the files: text of any kind, and more of it than goes out at once.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use millstream_tests::process::PATIENCE;
use tokio::time::timeout;

use super::tail::Tail;
use crate::open;

fn append(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes)?)
}

/// How many files of a directory this process has open.
fn held(directory: &Path) -> Result<usize> {
    let held = fs::read_dir("/proc/self/fd")?.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    Ok(held.filter(|path| path.starts_with(directory)).count())
}

#[tokio::test]
async fn bytes_that_are_no_text_are_replaced_or_kept_as_they_are() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("app.log");
    fs::write(&log, b"caf\xe9 noir\r\n\xff\xfe\r\nplain\n")?;
    let path = log.to_str().context("a path")?;
    let mut tail = Tail::of(path, &[]).await?;
    tail.read(3).await?;
    assert_eq!(tail.lines(), ["caf\u{fffd} noir", "\u{fffd}\u{fffd}", "plain"]);
    let mut tail = Tail::of(path, &[("record.value", "bytes")]).await?;
    tail.read(3).await?;
    let bytes: Vec<_> = tail.records.iter().map(|record| record.value.value.as_bytes()).collect();
    assert_eq!(bytes, [Some(&b"caf\xe9 noir"[..]), Some(b"\xff\xfe"), Some(b"plain")]);
    Ok(())
}

#[tokio::test]
async fn a_link_is_the_file_that_it_leads_to_also_when_it_leads_elsewhere() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    fs::create_dir(&data)?;
    let (first, second, link) = (data.join("0.log"), data.join("1.log"), dir.path().join("app.log"));
    fs::write(&first, "one\n")?;
    symlink(&first, &link)?;
    // Another name of the same file is not another file.
    symlink(&first, dir.path().join("again.log"))?;
    let pattern = dir.path().join("*.log");
    let mut tail = Tail::of(pattern.to_str().context("a path")?, &[]).await?;
    tail.read(1).await?;
    append(&first, b"two\n")?;
    tail.read(2).await?;
    fs::write(&second, "three\n")?;
    fs::remove_file(&link)?;
    symlink(&second, &link)?;
    tail.read(3).await?;
    assert_eq!(tail.lines(), ["one", "two", "three"]);
    Ok(())
}

#[tokio::test]
async fn more_files_than_may_be_open_are_read_in_turns() -> Result<()> {
    const FILES: usize = 7;
    let dir = tempfile::tempdir()?;
    let name = |file: usize| dir.path().join(format!("host{file}.log"));
    let pattern = dir.path().join("*.log");
    (0..FILES).try_for_each(|file| append(&name(file), format!("0 of {file}\n").as_bytes()))?;
    let mut tail = Tail::of(pattern.to_str().context("a path")?, &[("files.open.max", "2")]).await?;
    for round in 1..4 {
        tail.read(FILES * round).await?;
        // One more while it is compared with others.
        ensure!(held(dir.path())? <= 3, "{} files are open", held(dir.path())?);
        (0..FILES).try_for_each(|file| append(&name(file), format!("{round} of {file}\n").as_bytes()))?;
    }
    tail.read(FILES * 4).await?;
    for file in 0..FILES {
        let ending = format!(" of {file}");
        let of_file: Vec<&str> = tail.lines().into_iter().filter(|line| line.ends_with(&ending)).collect();
        let expected: Vec<String> = (0..4).map(|round| format!("{round}{ending}")).collect();
        assert_eq!(of_file, expected);
    }
    Ok(())
}

#[tokio::test]
async fn what_is_handed_over_at_once_is_bounded_by_its_bytes() -> Result<()> {
    const LINES: usize = 400;
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("app.log");
    fs::write(&log, ("x".repeat(9_999) + "\n").repeat(LINES))?;
    let options = [("file", log.to_str().context("a path")?), ("topic", "lines")];
    let mut task = open::source("file-source", &options).await?;
    let mut read = 0;
    while read < LINES {
        let batch = timeout(PATIENCE, task.poll()).await??.context("it ended")?;
        let lines = batch.records.len();
        assert!(lines * 9_999 <= (1 << 20) + 9_999, "{lines} lines at once");
        read += lines;
    }
    assert_eq!(read, LINES);
    Ok(())
}

#[tokio::test]
async fn what_came_while_nobody_looked_is_read_whole_whatever_the_first_start_passed_over() -> Result<()> {
    let dir = tempfile::tempdir()?;
    fs::write(dir.path().join("app.log"), "old\n")?;
    let pattern = dir.path().join("*.log");
    let mut tail = Tail::of(pattern.to_str().context("a path")?, &[("start.at", "end")]).await?;
    tail.until(|tail| !tail.positions.is_empty()).await?;
    fs::write(dir.path().join("other.log"), "first\nsecond\n")?;
    append(&dir.path().join("app.log"), b"new\n")?;
    tail.records.clear();
    tail.positions
        .retain(|_, (_, offset)| offset["path"].as_str().is_some_and(|path| path.ends_with("app.log")));
    tail.restart().await?;
    tail.read(3).await?;
    let mut lines = tail.lines();
    lines.sort_unstable();
    assert_eq!(lines, ["first", "new", "second"]);
    Ok(())
}

#[tokio::test]
async fn a_compressed_file_that_is_still_being_written_is_read_when_it_is_whole() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("app.log.gz");
    let text: String =
        (0..5_000).map(|number| format!("line {number} of {}\n", number * 7_919 % 10_007)).collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes())?;
    let whole = encoder.finish()?;
    append(&log, &whole[..whole.len() / 2])?;
    let mut tail = Tail::of(log.to_str().context("a path")?, &[]).await?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    append(&log, &whole[whole.len() / 2..])?;
    tail.read(5_000).await?;
    assert_eq!(tail.lines(), text.lines().collect::<Vec<_>>());
    Ok(())
}
