//! Our workers on Apache Kafka: one that is killed, and in turns with Kafka Connect's.

use super::http::{ask, until};
use super::peer::{Mode, Peer};
use anyhow::{Context, Result, ensure};
use millstream_tests::kafka::Kafka;
use millstream_tests::process::{PATIENCE, Process};
use millstream_tests::server::millstream;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A worker of ours in a process of its own, of the cluster that [`Peer`] joins too.
struct Worker {
    process: Process,
    address: SocketAddr,
}

impl Worker {
    fn spawn(bootstrap: &str, dir: &Path) -> Result<Process> {
        let json = "org.apache.kafka.connect.json.JsonConverter";
        let settings = format!(
            "bootstrap.servers={bootstrap}\ngroup.id=connect\nlisteners=http://127.0.0.1:0\n\
             config.storage.topic=connect-config\noffset.storage.topic=connect-offset\n\
             status.storage.topic=connect-status\nkey.converter={json}\nvalue.converter={json}\n\
             offset.flush.interval.ms=200\nsession.timeout.ms=3000\nheartbeat.interval.ms=500\n"
        );
        let file = dir.join("worker.properties");
        fs::write(&file, settings)?;
        Process::spawn(Command::new(millstream()?).args(["connect", "worker"]).arg(file))
    }

    fn start(bootstrap: &str, dir: &Path) -> Result<Self> {
        let process = Self::spawn(bootstrap, dir)?;
        let ready = "Connect is ready on http://";
        let address = process.wait_for(|line| line.strip_prefix(ready).map(str::to_owned))?;
        Ok(Self { process, address: address.parse()? })
    }

    fn is_called(&self, worker_id: &Value) -> bool {
        worker_id.as_str().is_some_and(|id| id.ends_with(&format!(":{}", self.address.port())))
    }
}

/// A file that is copied into another, through a topic, by a source and a sink.
struct Copied {
    dir: TempDir,
    lines: String,
}

impl Copied {
    /// The file has these lines.
    fn new(lines: &str) -> Result<Self> {
        let copied = Self { dir: tempfile::tempdir()?, lines: String::new() };
        copied.add(lines)
    }

    fn add(mut self, lines: &str) -> Result<Self> {
        self.lines += lines;
        fs::write(self.dir.path().join("in.txt"), &self.lines)?;
        Ok(self)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn make(&self, worker: SocketAddr) -> Result<()> {
        let source =
            json!({"connector.class": "FileStreamSource", "file": self.path("in.txt"), "topic": "copied"});
        let sink = json!({
            "connector.class": "FileStreamSink", "file": self.path("out.txt"), "topics": "copied",
            // What a killed worker leaves in its group goes as early as the broker lets it.
            "consumer.override.session.timeout.ms": "6000",
        });
        for (name, config) in [("in", source), ("out", sink)] {
            let made = ask(worker, "PUT", &format!("/connectors/{name}/config"), Some(&config.to_string()))?;
            ensure!(made.status == 201, "{}", made.body);
        }
        Ok(())
    }

    fn copy(&self) -> String {
        fs::read_to_string(self.path("out.txt")).unwrap_or_default()
    }

    /// All lines are there, each of them once, and both connectors have stored that.
    fn is_done_once(&self, worker: SocketAddr) -> Result<()> {
        let begun = Instant::now();
        let count = self.lines.lines().count();
        while self.copy().lines().count() < count {
            ensure!(begun.elapsed() < PATIENCE, "of {} there is {}", self.lines, self.copy());
            std::thread::sleep(Duration::from_millis(50));
        }
        ensure!(self.copy() == self.lines, "of {} there is {}", self.lines, self.copy());
        let positions = |all: &Value| all["offsets"].as_array().cloned().unwrap_or_default();
        let read =
            |all: &Value| positions(all).iter().any(|one| one["offset"]["position"] == self.lines.len());
        until(worker, "/connectors/in/offsets", |all| read(all).then_some(()))?;
        let written = |all: &Value| all["offsets"][0]["offset"]["kafka_offset"] == count;
        until(worker, "/connectors/out/offsets", |all| written(all).then_some(()))
    }
}

#[test]
fn on_apache_kafka_the_tasks_of_a_killed_worker_go_on_once_where_they_were() -> Result<()> {
    let Some(kafka) = Kafka::start()? else { return Ok(()) };
    let dir = tempfile::tempdir()?;
    let copied = Copied::new("one\ntwo\n")?;
    let mut workers =
        vec![Worker::start(kafka.bootstrap(), dir.path())?, Worker::start(kafka.bootstrap(), dir.path())?];
    copied.make(workers[0].address)?;
    copied.is_done_once(workers[1].address)?;
    let status: Value =
        serde_json::from_str(&ask(workers[1].address, "GET", "/connectors/in/status", None)?.body)?;
    let owner = &status["tasks"][0]["worker_id"];
    let killed =
        workers.iter().position(|worker| worker.is_called(owner)).context("nobody has the source")?;
    workers.remove(killed).process.kill()?;
    copied.add("three\n")?.is_done_once(workers[0].address)
}

/// What a worker tells of a connector that any worker, of either kind, must tell alike.
fn told(worker: SocketAddr) -> Result<Value> {
    let runs = |all: &Value| {
        let runs = |name: &str| {
            let status = &all[name]["status"];
            status["connector"]["state"] == "RUNNING" && status["tasks"][0]["state"] == "RUNNING"
        };
        (runs("in") && runs("out")).then(|| json!([all["in"]["info"], all["out"]["info"]]))
    };
    until(worker, "/connectors?expand=info&expand=status", runs)
}

fn asked(worker: SocketAddr, method: &str, path: &str, body: Option<&Value>) -> Result<()> {
    let answer = ask(worker, method, path, body.map(Value::to_string).as_deref())?;
    ensure!((200..300).contains(&answer.status), "{method} {path}: {} {}", answer.status, answer.body);
    Ok(())
}

/// Never at the same time: a worker of Kafka Connect knows nothing of leases, nor ours of its group's assignments. Its file
/// source knows a file by its path alone; ours reads such positions, and is told to leave one where the other is to go on.
#[test]
fn workers_of_kafka_connect_and_ours_go_on_with_what_the_others_ran() -> Result<()> {
    let Some(kafka) = Kafka::start()? else { return Ok(()) };
    let dir = tempfile::tempdir()?;
    let copied = Copied::new("one\ntwo\n")?;
    let ours = Worker::start(kafka.bootstrap(), dir.path())?;
    copied.make(ours.address)?;
    copied.is_done_once(ours.address)?;
    let made = told(ours.address)?;
    asked(ours.address, "PUT", "/connectors/in/stop", None)?;
    let (partition, offset) =
        (json!({"filename": copied.path("in.txt")}), json!({"position": copied.lines.len()}));
    let left = json!({"offsets": [{"partition": partition, "offset": offset}]});
    asked(ours.address, "PATCH", "/connectors/in/offsets", Some(&left))?;
    ours.process.stop()?;

    let theirs = Peer::beside(kafka.bootstrap(), Mode::Distributed)?;
    let is_stopped = |status: &Value| (status["connector"]["state"] == "STOPPED").then_some(());
    until(theirs.address(), "/connectors/in/status", is_stopped)?;
    asked(theirs.address(), "PUT", "/connectors/in/resume", None)?;
    assert_eq!(told(theirs.address())?, made);
    // Both at once would run everything twice.
    let refused = Worker::spawn(kafka.bootstrap(), dir.path())?.finish().err().context("ours has joined")?;
    ensure!(refused.to_string().contains("a worker of Kafka Connect at"), "{refused}");
    let copied = copied.add("three\n")?;
    copied.is_done_once(theirs.address())?;
    theirs.stop()?;

    let ours = Worker::start(kafka.bootstrap(), dir.path())?;
    assert_eq!(told(ours.address)?, made);
    // The line that theirs has added to the copy stays, and ours come behind it.
    copied.add("four\n")?.is_done_once(ours.address)
}
