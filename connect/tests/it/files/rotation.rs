//! What rotation does to files, by the program that does it everywhere.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use millstream_tests::skip::skip;
use tempfile::TempDir;

use super::logrotate::Logrotate;
use super::tail::Tail;

/// A program that logs numbered lines.
struct Writer {
    path: PathBuf,
    file: File,
    next: usize,
}

impl Writer {
    fn of(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { path: path.to_owned(), file, next: 0 })
    }

    fn write(&mut self, lines: usize) -> Result<()> {
        let text: String = (self.next..self.next + lines).map(|number| line(number) + "\n").collect();
        self.next += lines;
        Ok(self.file.write_all(text.as_bytes())?)
    }

    /// As a program does when logrotate tells it that the file is another's now.
    fn reopen(&mut self) -> Result<()> {
        self.file = OpenOptions::new().create(true).append(true).open(&self.path)?;
        Ok(())
    }
}

fn line(number: usize) -> String {
    format!("line {number} of a log that is rotated again and again")
}

fn log() -> Result<(TempDir, PathBuf)> {
    let dir = tempfile::tempdir()?;
    let log = dir.path().join("logs/app.log");
    fs::create_dir(dir.path().join("logs"))?;
    Ok((dir, log))
}

/// Every line once.
fn assert_complete(tail: &Tail, lines: usize) {
    let mut seen = tail.lines();
    seen.sort_by_key(|line| line.split(' ').nth(1).and_then(|number| number.parse::<usize>().ok()));
    let expected: Vec<String> = (0..lines).map(line).collect();
    let wrong = seen.iter().zip(&expected).find(|(seen, expected)| **seen != expected.as_str());
    assert_eq!((wrong, seen.len()), (None, lines));
}

#[tokio::test]
async fn no_line_is_lost_or_doubled_when_files_are_renamed() -> Result<()> {
    let (_dir, path) = log()?;
    let Some(logrotate) = Logrotate::of(&path, &["create", "compress", "delaycompress"])? else {
        return Ok(());
    };
    let mut writer = Writer::of(&path)?;
    writer.write(100)?;
    let mut tail = Tail::of(path.to_str().context("a path")?, &[("batch.size", "7")]).await?;
    for rotation in 0..4 {
        tail.read(writer.next.min(rotation * 60 + 30)).await?;
        logrotate.run()?;
        // The writer does not know yet.
        writer.write(20)?;
        writer.reopen()?;
        writer.write(100)?;
        // A file that comes and goes between two looks was never there.
        let wanted = writer.next - 50;
        tail.read(wanted).await?;
    }
    tail.read(writer.next).await?;
    assert_complete(&tail, writer.next);
    tail.until(|tail| tail.positions.len() == 1).await?;
    Ok(())
}

#[tokio::test]
async fn no_line_is_lost_or_doubled_when_files_are_copied_and_truncated() -> Result<()> {
    let (dir, path) = log()?;
    let Some(logrotate) = Logrotate::of(&path, &["copytruncate"])? else { return Ok(()) };
    for pattern in ["logs/app.log", "logs/app.log*"] {
        let mut writer = Writer::of(&path)?;
        writer.write(100)?;
        let pattern = dir.path().join(pattern);
        let mut tail = Tail::of(pattern.to_str().context("a path")?, &[("batch.size", "7")]).await?;
        for _ in 0..4 {
            tail.read(writer.next - 90).await?;
            logrotate.run()?;
            writer.write(100)?;
        }
        tail.read(writer.next).await?;
        assert_complete(&tail, writer.next);
        fs::remove_dir_all(dir.path().join("logs"))?;
        fs::create_dir(dir.path().join("logs"))?;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_rotated_and_compressed_during_an_outage_is_read_where_it_is_now() -> Result<()> {
    for directives in
        [&["create", "compress"][..], &["copytruncate", "compress"], &["create"], &["copytruncate"]]
    {
        let (_dir, path) = log()?;
        let Some(logrotate) = Logrotate::of(&path, directives)? else { return Ok(()) };
        let mut writer = Writer::of(&path)?;
        writer.write(1_000)?;
        let mut tail = Tail::of(path.to_str().context("a path")?, &[("batch.size", "100")]).await?;
        tail.read(300).await?;
        let read = tail.records.len();
        logrotate.run()?;
        writer.reopen()?;
        writer.write(50)?;
        tail.restart().await?;
        tail.read(writer.next).await?;
        assert!(read < 1_000, "nothing was left to be read");
        assert_complete(&tail, writer.next);
    }
    Ok(())
}

#[tokio::test]
async fn a_file_with_the_inode_of_one_that_was_read_is_read_from_its_beginning() -> Result<()> {
    let (_dir, path) = log()?;
    let mut writer = Writer::of(&path)?;
    writer.write(50)?;
    let inode = fs::metadata(&path)?.ino();
    let mut tail = Tail::of(path.to_str().context("a path")?, &[]).await?;
    tail.read(50).await?;
    let positions: Vec<_> = tail.positions.values().cloned().collect();
    drop(tail);

    // The descriptor of a task that was dropped closes when its thread has noticed.
    let mut reused = false;
    for _ in 0..200 {
        fs::remove_file(&path)?;
        writer.reopen()?;
        reused = fs::metadata(&path)?.ino() == inode;
        if reused {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    if !reused {
        skip("an ext4 file system", "no freed inode came again in the temporary directory");
        return Ok(());
    }
    writer.write(200)?;
    let mut tail = Tail::at(path.to_str().context("a path")?, &[], positions).await?;
    tail.read(200).await?;
    ensure!(tail.lines()[0] == line(50), "it began at {:?}", tail.lines()[0]);
    Ok(())
}
