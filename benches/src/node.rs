//! One broker of either make in a process of its own, with empty data.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use millstream_benches::process::Pid;

use crate::peers;

/// Who does the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Side {
    /// Millstream, acknowledging what the page cache has, as Apache Kafka does.
    Page,
    /// Millstream, acknowledging what is on the disk.
    Sync,
    /// Apache Kafka.
    Peer,
}

impl Side {
    pub(crate) const ALL: [Self; 3] = [Self::Page, Self::Sync, Self::Peer];
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Page => "millstream, durability=page",
            Self::Sync => "millstream, durability=sync",
            Self::Peer => "Apache Kafka",
        })
    }
}

/// A broker that runs; it stops, and its data goes, when this is dropped.
pub(crate) struct Node {
    make: Make,
    pub(crate) bootstrap: String,
    pub(crate) pid: Pid,
    /// From the start of its process to its open port.
    pub(crate) started_in: Duration,
}

enum Make {
    Millstream(Child, #[expect(dead_code, reason = "the directory goes when this is dropped")] TempDir),
    Kafka,
}

impl Node {
    pub(crate) fn start(side: Side) -> Result<Self> {
        match side {
            Side::Page => Self::millstream("page"),
            Side::Sync => Self::millstream("sync"),
            Side::Peer => Self::kafka(),
        }
    }

    fn millstream(durability: &str) -> Result<Self> {
        let durability = format!("durability={durability}");
        let data = tempfile::Builder::new().prefix("bench-").tempdir_in(scratch()?)?;
        let begun = Instant::now();
        let mut child = Command::new(program("millstream")?)
            .args(["server", "--listen", "127.0.0.1:0", "--set", &durability])
            // As the peer is set: nobody else joins the groups here.
            .args(["--set", "group.initial.rebalance.delay.ms=0", "--data"])
            .arg(data.path())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting millstream")?;
        let mut ready = String::new();
        BufReader::new(child.stdout.take().context("no standard output")?).read_line(&mut ready)?;
        let started_in = begun.elapsed();
        let address = ready.split_whitespace().find(|word| word.starts_with("127.0.0.1:"));
        let bootstrap =
            address.context("millstream did not say where it is ready")?.trim_end_matches(',').to_owned();
        Ok(Self { pid: Pid(child.id()), make: Make::Millstream(child, data), bootstrap, started_in })
    }

    fn kafka() -> Result<Self> {
        let line = peers::output(&mut peers::runner(&["start"]))?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[bootstrap, pid, milliseconds] = words.as_slice() else {
            anyhow::bail!("peers start printed {line:?}");
        };
        Ok(Self {
            make: Make::Kafka,
            bootstrap: bootstrap.to_owned(),
            pid: Pid(pid.parse()?),
            started_in: Duration::from_millis(milliseconds.parse()?),
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        match &mut self.make {
            Make::Millstream(child, _) => {
                // Fails only where it has ended by itself, which the work before has noticed.
                let _ = child.kill();
                let _ = child.wait();
            }
            Make::Kafka => {
                let _ = peers::output(&mut peers::runner(&["stop"]));
            }
        }
    }
}

/// A program that was built with this one.
pub(crate) fn program(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name(name);
    ensure!(program.exists(), "{} is missing: make bench-* builds it", program.display());
    Ok(program)
}

/// A directory on a disk: what lies in memory would cost nothing to sync.
pub(crate) fn scratch() -> Result<PathBuf> {
    let directory = std::env::current_exe()?.with_file_name("bench-data");
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}
