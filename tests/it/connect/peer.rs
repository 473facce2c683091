//! Kafka Connect itself, beside Apache Kafka.

use super::http;
use anyhow::{Result, bail};
use millstream_tests::daemon::free_address;
use millstream_tests::java::Java;
use millstream_tests::kafka::Kafka;
use millstream_tests::process::{PATIENCE, Process};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Standalone,
    Distributed,
}

/// A running worker, killed when this is dropped.
pub(super) struct Peer {
    worker: Process,
    address: SocketAddr,
    /// Where it has one of its own: it goes after the worker.
    _kafka: Option<Kafka>,
    _dir: TempDir,
}

impl Peer {
    /// Starts one; without Java and Maven here, says so and returns nothing.
    pub(super) fn start(mode: Mode) -> Result<Option<Self>> {
        let Some(kafka) = Kafka::start()? else { return Ok(None) };
        let mut peer = Self::beside(kafka.bootstrap(), mode)?;
        peer._kafka = Some(kafka);
        Ok(Some(peer))
    }

    /// Starts one on a cluster that is there.
    pub(super) fn beside(bootstrap: &str, mode: Mode) -> Result<Self> {
        let (dir, address) = (tempfile::tempdir()?, free_address()?);
        let (class, own) = match mode {
            Mode::Standalone => {
                let file = dir.path().join("offsets").display().to_string();
                (
                    "org.apache.kafka.connect.cli.ConnectStandalone",
                    format!("offset.storage.file.filename={file}\n"),
                )
            }
            Mode::Distributed => ("org.apache.kafka.connect.cli.ConnectDistributed", topics()),
        };
        let json = "org.apache.kafka.connect.json.JsonConverter";
        let settings = format!(
            "bootstrap.servers={bootstrap}\nkey.converter={json}\nvalue.converter={json}\noffset.flush.interval.ms=500\n\
             listeners=http://{address}\n{own}"
        );
        let file = dir.path().join("worker.properties");
        std::fs::write(&file, settings)?;
        let worker = Java::main(class, &[&file.display().to_string()])?;
        let mut peer = Self { worker, address, _kafka: None, _dir: dir };
        peer.wait_until_ready()?;
        Ok(peer)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        while !http::ask(self.address, "GET", "/health", None).is_ok_and(|answer| answer.status == 200) {
            if begun.elapsed() > PATIENCE || !self.worker.is_running() {
                bail!("Kafka Connect is not ready\n{}", self.worker.describe());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Ends it in order.
    pub(super) fn stop(self) -> Result<()> {
        self.worker.stop()
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// What makes a worker one of a cluster.
fn topics() -> String {
    let topic = |of: &str| format!("{of}.storage.topic=connect-{of}\n{of}.storage.replication.factor=1\n");
    format!("group.id=connect\n{}{}{}", topic("config"), topic("offset"), topic("status"))
}
