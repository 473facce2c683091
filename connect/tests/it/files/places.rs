//! Where a line is said to be: the same whenever it is read, and of no other line.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use millstream_tests::skip::skip;
use tempfile::TempDir;

use super::logrotate::Logrotate;
use super::tail::Tail;

const OPTIONS: [(&str, &str); 2] = [("header.position", "place"), ("batch.size", "7")];

/// How often an inode may not come again before the test gives up.
const TRIES: usize = 20;

fn log() -> Result<(TempDir, PathBuf)> {
    let dir = tempfile::tempdir()?;
    fs::create_dir(dir.path().join("logs"))?;
    let log = dir.path().join("logs/app.log");
    Ok((dir, log))
}

async fn tail(log: &Path) -> Result<Tail> {
    Tail::of(log.to_str().context("a path")?, &OPTIONS).await
}

/// The places of the lines that were read, with the lines.
fn places(tail: &Tail) -> Vec<(String, &str)> {
    let place = tail.records.iter().map(|record| match &record.headers[..] {
        [(name, place)] if name == "place" => place.value.as_str().unwrap_or("no text").to_owned(),
        other => panic!("{other:?}"),
    });
    place.zip(tail.lines()).collect()
}

#[tokio::test]
async fn a_line_that_is_read_again_is_where_it_was_whatever_rotation_did_meanwhile() -> Result<()> {
    for directives in
        [&["create"][..], &["copytruncate"], &["create", "compress"], &["copytruncate", "compress"]]
    {
        let (_dir, path) = log()?;
        let Some(logrotate) = Logrotate::of(&path, directives)? else { return Ok(()) };
        let text: String = (0..100).map(|number| format!("line {number} is not the only one\n")).collect();
        fs::write(&path, text)?;
        let mut first = tail(&path).await?;
        first.read(30).await?;
        let stored: Vec<_> = first.positions.values().cloned().collect();
        let known = first.records.len();
        first.read(100).await?;
        let before: BTreeMap<_, _> = places(&first).into_iter().collect();
        assert_eq!(before.len(), 100, "two lines at one place");

        logrotate.run()?;
        let mut again = Tail::at(path.to_str().context("a path")?, &OPTIONS, stored).await?;
        again.read(100 - known).await?;
        for (place, line) in places(&again) {
            assert_eq!(before.get(&place), Some(&line), "{directives:?}: {place}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_same_lines_of_another_file_are_elsewhere() -> Result<()> {
    let (_dir, path) = log()?;
    let text = "the same\nand the same again\n".repeat(50);
    fs::write(&path, &text)?;
    fs::write(path.with_file_name("web.log"), &text)?;
    let mut tail = tail(&path.with_file_name("*.log")).await?;
    tail.read(200).await?;
    assert_eq!(distinct(&tail), 200);
    Ok(())
}

#[tokio::test]
async fn the_same_lines_of_a_file_whose_inode_came_again_are_elsewhere() -> Result<()> {
    let (_dir, path) = log()?;
    fs::write(&path, process(0))?;
    let inode = fs::metadata(&path)?.ino();
    let mut tail = tail(&path).await?;
    tail.read(100).await?;
    for nth in 1..=TRIES {
        fs::remove_file(&path)?;
        // The tail closes the file when it has noticed that it is gone; until then the inode is not free.
        tail.until(|tail| tail.positions.is_empty()).await?;
        fs::write(&path, process(nth))?;
        tail.read((nth + 1) * 100).await?;
        if fs::metadata(&path)?.ino() == inode {
            assert_eq!(distinct(&tail), tail.records.len());
            return Ok(());
        }
    }
    skip("an ext4 file system", "no freed inode came again in the temporary directory");
    Ok(())
}

#[tokio::test]
async fn the_same_lines_after_a_truncation_are_elsewhere() -> Result<()> {
    let (_dir, path) = log()?;
    let Some(logrotate) = Logrotate::of(&path, &["copytruncate"])? else { return Ok(()) };
    let mut tail = tail(&path).await?;
    for nth in 0..3 {
        fs::OpenOptions::new().create(true).append(true).open(&path)?.write_all(process(nth).as_bytes())?;
        tail.read((nth + 1) * 100).await?;
        logrotate.run()?;
        let is_at_the_beginning = |tail: &Tail| tail.positions.values().all(|(_, at)| at["position"] == 0);
        tail.until(is_at_the_beginning).await?;
    }
    assert_eq!(distinct(&tail), 300);
    Ok(())
}

/// A hundred lines, of which only the first tells the process that writes them.
fn process(nth: usize) -> String {
    format!("process {nth:03}\n") + &"the same\n".repeat(99)
}

/// At how many places the lines are.
fn distinct(tail: &Tail) -> usize {
    places(tail).into_iter().map(|(place, _)| place).collect::<BTreeSet<_>>().len()
}
