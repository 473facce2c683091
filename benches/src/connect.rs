//! The lines of a file through a topic into another file, by a Connect worker of either make on a broker of its make. Both
//! read the same files of configuration, in Kafka's names.
//!
//! CPU is that of the worker's whole life, its start included. Ours syncs its file before it commits an offset; Kafka's does not.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use millstream_benches::process::Pid;
use millstream_tests::daemon::{free_address, get};
use millstream_tests::process::Process;
use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::figures::Figures;
use crate::input::{self, INPUT};
use crate::knobs::Knobs;
use crate::node::{Node, Side, program, scratch};
use crate::peers;

const SEED: u64 = 5;

/// Bytes of a line, without its end.
const LINE_BYTES: usize = 237;

/// How often is looked whether something has happened.
const LOOK: Duration = Duration::from_millis(2);

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What Kafka's connect-standalone.sh gives its JVM; the heap is the runner's.
const JVM: &str = "-Xms256m -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 \
                   -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true";

pub(crate) fn run(side: Side, knobs: &Knobs, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    input::create_topics(&node, 1)?;
    let folder = tempfile::Builder::new().prefix("connect-").tempdir_in(scratch()?)?;
    let work = Work::prepare(folder.path(), &node, knobs.lines)?;

    let before = node.pid.cpu_seconds()?;
    let begun = Instant::now();
    let mut worker = Process::spawn(&mut work.command(side)?)?;
    let pid = Pid(worker.id());
    until(&mut worker, "REST does not answer", || get(work.rest, "/").is_ok())?;
    let (answers_in, to_start) = (begun.elapsed(), pid.cpu_seconds()?);
    let bytes = knobs.lines * (LINE_BYTES as u64 + 1);
    until(&mut worker, "the lines do not arrive", || work.written() >= bytes)?;
    let seconds = begun.elapsed().as_secs_f64();
    let (cpu, broker_cpu) = (pid.cpu_seconds()?, node.pid.cpu_seconds()? - before);
    let peak = pid.peak_memory_mib()?;
    worker.kill()?;
    ensure!(fs::read(&work.input)? == fs::read(&work.output)?, "other lines came out than went in");

    let (lines, millions) = (knobs.lines as f64, knobs.lines as f64 / 1e6);
    figures.add(side, "lines per CPU s of the worker", lines / cpu);
    figures.add(side, "worker CPU s per million lines", cpu / millions);
    figures.add(side, "worker CPU s until REST answers", to_start);
    figures.add(side, "broker CPU s per million lines", broker_cpu / millions);
    figures.add(side, "lines/s, the worker's start included", lines / seconds);
    figures.add(
        side,
        "ms from the start of the worker's process until REST answers",
        answers_in.as_secs_f64() * 1e3,
    );
    figures.add(side, "peak MiB, worker", peak);
    Ok(())
}

/// Waits until something is so, while the worker lives.
fn until(worker: &mut Process, complaint: &str, is_so: impl Fn() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !is_so() {
        let goes_on = worker.is_running() && begun.elapsed() < PATIENCE;
        ensure!(goes_on, "{complaint}\n{}", worker.describe());
        thread::sleep(LOOK);
    }
    Ok(())
}

/// What a worker is to do.
struct Work {
    input: PathBuf,
    output: PathBuf,
    rest: SocketAddr,
    /// Of the worker, of the source and of the sink.
    files: [PathBuf; 3],
}

impl Work {
    fn prepare(folder: &Path, node: &Node, lines: u64) -> Result<Self> {
        let [input, output] = ["in.txt", "out.txt"].map(|name| folder.join(name));
        write_lines(&input, lines)?;
        let rest = free_address()?;
        let worker = format!(
            "bootstrap.servers={}\nlisteners=http://{rest}\noffset.storage.file.filename={}\n\
             offset.flush.interval.ms=10000\n\
             key.converter=org.apache.kafka.connect.storage.StringConverter\n\
             value.converter=org.apache.kafka.connect.storage.StringConverter\n",
            node.bootstrap,
            folder.join("positions").display(),
        );
        let connector = |name: &str, class: &str, file: &Path, topic: &str| {
            format!(
                "name={name}\nconnector.class=org.apache.kafka.connect.file.{class}\ntasks.max=1\nfile={}\n{topic}={INPUT}\n",
                file.display()
            )
        };
        let source = connector("lines-in", "FileStreamSourceConnector", &input, "topic");
        let sink = connector("lines-out", "FileStreamSinkConnector", &output, "topics");
        let files = ["worker", "source", "sink"].map(|name| folder.join(name).with_extension("properties"));
        for (file, text) in files.iter().zip([worker, source, sink]) {
            fs::write(file, text)?;
        }
        Ok(Self { input, output, rest, files })
    }

    fn command(&self, side: Side) -> Result<Command> {
        let mut command = if side == Side::Peer {
            let mut command = peers::runner(&["java", "org.apache.kafka.connect.cli.ConnectStandalone"]);
            command.env("JDK_JAVA_OPTIONS", JVM);
            command
        } else {
            let mut command = Command::new(program("millstream")?);
            command.args(["connect", "run"]);
            command
        };
        command.args(&self.files);
        Ok(command)
    }

    /// How many bytes came out so far.
    fn written(&self) -> u64 {
        fs::metadata(&self.output).map_or(0, |file| file.len())
    }
}

/// Lines as a web server writes them, the same each time.
fn write_lines(path: &Path, lines: u64) -> Result<()> {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut out = BufWriter::new(File::create(path)?);
    let mut line = String::new();
    for nth in 0..lines {
        line.clear();
        let (minute, second) = (nth / 60_000 % 60, nth / 1_000 % 60);
        let [a, b, c] = [(); 3].map(|()| random.random_range(0..256));
        let (page, bytes) = (random.random_range(0..2_000), random.random_range(200..90_000));
        write!(
            line,
            "10.{a}.{b}.{c} - - [22/Nov/2026:10:{minute:02}:{second:02} +0000] \"GET /page/{page} HTTP/1.1\" 200 {bytes} "
        )?;
        let rest = LINE_BYTES - line.len();
        Alphanumeric.append_string(&mut random, &mut line, rest);
        line.push('\n');
        out.write_all(line.as_bytes())?;
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_of_their_length_and_the_same_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        write_lines(&one, 1_000).unwrap();
        write_lines(&other, 1_000).unwrap();
        let text = fs::read_to_string(&one).unwrap();
        assert_eq!(text, fs::read_to_string(&other).unwrap());
        assert_eq!(text.lines().count(), 1_000);
        assert!(text.lines().all(|line| line.len() == LINE_BYTES));
    }
}
