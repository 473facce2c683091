//! A node of Apache Kafka, by `benches/peers`.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::java::{is_here, peers};
use crate::process::Process;

/// Ports that are tried: each node takes two in a row.
const PORTS_TRIED: usize = 100;

/// A node of Apache Kafka with empty data. It stops when this is dropped, or its process ends in whatever way.
pub struct Kafka {
    /// `None` once it has been told to stop.
    process: Option<Process>,
    bootstrap: String,
    _data: TempDir,
}

impl Kafka {
    /// Starts a node on free ports; without Java and Maven here, says so and returns nothing.
    pub fn start() -> Result<Option<Self>> {
        if !is_here() {
            return Ok(None);
        }
        let data = tempfile::tempdir()?;
        let port = two_free_ports()?;
        let mut command = peers();
        command.arg("serve").env("PEERS_NODE", data.path().join("node")).env("PEERS_PORT", port.to_string());
        let process = Process::spawn(&mut command)?;
        let bootstrap = format!("127.0.0.1:{port}");
        process.wait_for_line(|line| line.starts_with(&bootstrap))?;
        Ok(Some(Self { process: Some(process), bootstrap, _data: data }))
    }

    /// `HOST:PORT` for clients.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        // The runner stops the node when its input ends; an error would be about a node that is gone.
        let _ = self.process.take().map(Process::finish);
    }
}

fn two_free_ports() -> Result<u16> {
    let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
    let found = (0..PORTS_TRIED).find_map(|_| {
        let first = free(0)?;
        let port = first.local_addr().ok()?.port();
        free(port.checked_add(1)?).map(|_| port)
    });
    found.context("no two free ports in a row")
}
