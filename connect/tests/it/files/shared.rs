//! One file that a sink and others append to, through crashes of either.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use millstream_connect::{Record, SinkTask, Written};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::sink::{assigned, line, partition, record, text};
use crate::open;

/// Partitions of the topic.
const PARTITIONS: usize = 2;
/// Records of each.
const RECORDS: i64 = 60;

struct Shared {
    dir: tempfile::TempDir,
    /// What others have written.
    foreign: Vec<String>,
}

impl Shared {
    fn new() -> Result<Self> {
        Ok(Self { dir: tempfile::tempdir()?, foreign: Vec::new() })
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("out.txt")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.dir.path().join(format!(".out.txt.{ending}"))
    }

    async fn open(&self) -> Result<(Box<dyn SinkTask>, [i64; PARTITIONS])> {
        let path = self.path();
        let mut task = open::sink("FileStreamSink", &[("file", path.to_str().context("a path")?)]).await?;
        let known = task.assigned(&[assigned(0), assigned(1)]).await?;
        let next = [0, 1].map(|of| known.get(&partition(of)).copied().unwrap_or(0));
        Ok((task, next))
    }

    /// As another program does.
    fn append(&mut self, line: String) -> Result<()> {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path())?;
        writeln!(file, "{line}")?;
        self.foreign.push(line);
        Ok(())
    }

    fn text(&self) -> Result<String> {
        Ok(fs::read_to_string(self.path())?)
    }

    /// Every line of the sink's and every line of the others' is there once, each in its order.
    fn is_whole(&self) -> Result<()> {
        let text_of_all = self.text()?;
        let lines: Vec<&str> = text_of_all.lines().collect();
        for of in 0..PARTITIONS as i32 {
            let ours: Vec<String> = (0..RECORDS).map(|offset| text(of, offset)).collect();
            let ending = format!(" of partition {of}");
            let there: Vec<&str> = lines.iter().copied().filter(|line| line.ends_with(&ending)).collect();
            ensure!(there == ours, "of partition {of}: {there:?}");
        }
        let others: Vec<&str> = lines.iter().copied().filter(|line| line.starts_with("theirs")).collect();
        ensure!(others == self.foreign, "of the others: {others:?}");
        ensure!(lines.len() == self.foreign.len() + PARTITIONS * RECORDS as usize, "{text_of_all}");
        Ok(())
    }
}

fn records(of: usize, from: i64, to: i64) -> Vec<Record> {
    let of = of as i32;
    (from..to).map(|offset| record(of, offset, line(of, offset))).collect()
}

/// What a killed process leaves of its last write: as much as the system had taken.
fn tear(path: &Path, flushed: u64, random: &mut StdRng) -> Result<()> {
    let there = fs::metadata(path).map(|of| of.len()).unwrap_or_default();
    if there > flushed && random.random_bool(0.6) {
        OpenOptions::new().write(true).open(path)?.set_len(random.random_range(flushed..there))?;
    }
    Ok(())
}

async fn live(seed: u64) -> Result<()> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut shared = Shared::new()?;
    let (mut task, mut next) = shared.open().await?;
    // No tear reaches what was flushed, or what others have written.
    let mut kept = 0;
    let length = |shared: &Shared| fs::metadata(shared.path()).map(|of| of.len()).unwrap_or_default();
    while next.iter().any(|next| *next < RECORDS) {
        match random.random_range(0..12) {
            0..6 => {
                let of = random.random_range(0..PARTITIONS);
                let end = (next[of] + random.random_range(1..6)).min(RECORDS);
                ensure!(task.write(&records(of, next[of], end)).await? == Written::All);
                next[of] = end;
            }
            6 => {
                task.flush().await?;
                kept = length(&shared);
            }
            7 => {
                shared.append(format!("theirs {}", shared.foreign.len()))?;
                kept = length(&shared);
            }
            8 => {
                task.flush().await?;
                task.close().await;
                for _ in 0..random.random_range(0..3) {
                    shared.append(format!("theirs {}", shared.foreign.len()))?;
                }
                kept = length(&shared);
                (task, next) = shared.open().await?;
            }
            _ => {
                drop(task);
                tear(&shared.path(), kept, &mut random)?;
                (task, next) = shared.open().await?;
                kept = length(&shared);
            }
        }
    }
    task.flush().await?;
    shared.is_whole()
}

#[tokio::test]
async fn killed_at_any_byte_a_sink_leaves_each_line_once_and_those_of_others_as_they_are() -> Result<()> {
    for seed in 0..20 {
        live(seed).await.with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_noted_and_never_written_is_written_before_anything_else() -> Result<()> {
    let shared = Shared::new()?;
    fs::write(shared.path(), "was here before\n")?;
    let (mut task, _) = shared.open().await?;
    task.write(&records(0, 0, 3)).await?;
    drop(task);
    fs::write(shared.path(), "was here before\nline 0 of par")?;
    let (_, next) = shared.open().await?;
    assert_eq!(next, [3, 0]);
    let ours: String = (0..3).map(|offset| text(0, offset) + "\n").collect();
    assert_eq!(shared.text()?, format!("was here before\n{ours}"));
    Ok(())
}

#[tokio::test]
async fn a_note_that_is_cut_or_changed_brings_nothing() -> Result<()> {
    let shared = Shared::new()?;
    let (mut task, _) = shared.open().await?;
    task.write(&records(0, 0, 1)).await?;
    task.flush().await?;
    task.write(&records(0, 1, 3)).await?;
    drop(task);
    let (flushed, note) = (text(0, 0) + "\n", fs::read(shared.beside("writing"))?);
    let progress = fs::read(shared.beside("progress"))?;
    let end_of_head = note.iter().position(|byte| *byte == b'\n').context("a head")?;
    let mut broken: Vec<Vec<u8>> = (0..note.len()).map(|end| note[..end].to_vec()).collect();
    broken.extend((end_of_head + 1..note.len()).map(|at| {
        let mut changed = note.clone();
        changed[at] ^= 1;
        changed
    }));
    for broken in broken {
        fs::write(shared.path(), &flushed)?;
        fs::write(shared.beside("progress"), &progress)?;
        fs::write(shared.beside("writing"), &broken)?;
        let (_, next) = shared.open().await?;
        assert_eq!((next, shared.text()?), ([1, 0], flushed.clone()), "{}", String::from_utf8_lossy(&broken));
    }
    Ok(())
}

#[tokio::test]
async fn half_a_line_of_ours_that_another_has_written_behind_stays_and_the_line_comes_again() -> Result<()> {
    let mut shared = Shared::new()?;
    let (mut task, _) = shared.open().await?;
    task.write(&records(0, 0, 1)).await?;
    task.flush().await?;
    task.write(&records(0, 1, 2)).await?;
    drop(task);
    fs::write(shared.path(), "line 0 of partition 0\nline 1 of")?;
    shared.append(" theirs".to_owned())?;
    let (mut task, next) = shared.open().await?;
    assert_eq!(next, [1, 0]);
    task.write(&records(0, 1, 2)).await?;
    task.flush().await?;
    let expected = "line 0 of partition 0\nline 1 of theirs\nline 1 of partition 0\n";
    assert_eq!(shared.text()?, expected);
    Ok(())
}

#[tokio::test]
async fn what_a_crash_of_the_machine_leaves_is_put_aside_and_comes_again() -> Result<()> {
    let shared = Shared::new()?;
    let (mut task, _) = shared.open().await?;
    task.write(&records(0, 0, 1)).await?;
    task.flush().await?;
    task.write(&records(0, 1, 2)).await?;
    drop(task);
    // The disk has got the file, and not what lies beside it.
    fs::write(shared.beside("writing"), [0; 64])?;
    let progress = fs::read_to_string(shared.beside("progress"))?;
    let mut progress: serde_json::Value = serde_json::from_str(&progress)?;
    progress["boot"] = "another".into();
    fs::write(shared.beside("progress"), progress.to_string())?;
    let (mut task, next) = shared.open().await?;
    assert_eq!(next, [1, 0]);
    assert_eq!(shared.text()?, "line 0 of partition 0\n");
    let aside = fs::read_to_string(shared.dir.path().join("out.txt.22-0.aside"))?;
    assert_eq!(aside, "line 1 of partition 0\n");
    task.flush().await?;
    task.close().await;

    // In order, and another run of the machine: what comes now is somebody else's.
    let stored = fs::read_to_string(shared.beside("progress"))?;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&stored)?["boot"], serde_json::Value::Null);
    Ok(())
}
