//! Files that cannot be written for a while.

use std::fs::{self, OpenOptions};
use std::path::Path;

use anyhow::{Context, Result};
use millstream_connect::{Record, TaskError, Written};

use super::sink::{assigned, line, record, text};
use crate::open;

fn records(from: i64, to: i64) -> Vec<Record> {
    (from..to).map(|offset| record(0, offset, line(0, offset))).collect()
}

fn lines(to: i64) -> String {
    (0..to).map(|offset| text(0, offset) + "\n").collect()
}

#[tokio::test]
async fn what_was_written_before_a_flush_that_failed_counts_for_nothing_and_is_there_once() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("out.txt");
    let mut task = open::sink("file-sink", &[("file", path.to_str().context("a path")?)]).await?;
    task.assigned(&[assigned(0)]).await?;
    task.write(&records(0, 3)).await?;
    task.flush().await?;
    let flushed = fs::metadata(&path)?.len();
    task.write(&records(3, 6)).await?;
    // Its progress cannot be stored, and the disk has lost what was not synced.
    let obstacle = dir.path().join(".out.txt.progress.new");
    fs::create_dir(&obstacle)?;
    let failed = task.flush().await;
    assert!(matches!(&failed, Err(TaskError::Retry { .. })), "{failed:?}");
    OpenOptions::new().write(true).open(&path)?.set_len(flushed)?;
    fs::remove_dir(&obstacle)?;
    assert_eq!(task.write(&records(3, 6)).await?, Written::All);
    task.flush().await?;
    assert_eq!(fs::read_to_string(&path)?, lines(6));
    Ok(())
}

/// The files of the partition that are complete, one after the other.
fn complete(directory: &Path) -> Result<String> {
    let mut paths: Vec<_> = fs::read_dir(directory)?.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "log"));
    paths.sort();
    Ok(paths.iter().map(fs::read_to_string).collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn a_flush_that_fails_in_the_midst_of_a_write_is_told_by_the_next_and_nothing_comes_behind()
-> Result<()> {
    const RECORDS: i64 = 60;
    let dir = tempfile::tempdir()?;
    let files = dir.path().join("lines/0");
    let obstacle = files.join(".progress.new");
    fs::create_dir_all(&obstacle)?;
    let options = [("directory", dir.path().to_str().context("a path")?), ("roll.bytes", "1")];
    let mut task = open::sink("file-sink", &options).await?;
    task.assigned(&[assigned(0)]).await?;
    // A file each, and more than are kept before they are made safe.
    assert_eq!(task.write(&records(0, RECORDS - 1)).await?, Written::All);
    let refused = task.write(&records(RECORDS - 1, RECORDS)).await;
    assert!(matches!(&refused, Err(TaskError::Retry { .. })), "{refused:?}");
    let failed = task.flush().await;
    assert!(matches!(&failed, Err(TaskError::Retry { .. })), "{failed:?}");
    fs::remove_dir(&obstacle)?;
    // The runtime goes back to what was committed.
    assert_eq!(task.write(&records(0, RECORDS + 1)).await?, Written::All);
    task.flush().await?;
    drop(task);
    // The last is still being written.
    assert_eq!(complete(&files)?, lines(RECORDS));
    Ok(())
}
