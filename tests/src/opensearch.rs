//! A node of OpenSearch, by `benches/opensearch`; where Java is missing, the stand-in from PyPI.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::java;
use crate::process::Process;
use crate::python::Python;

/// It keeps no files, knows no data streams and rejects for no queue: what needs these asks [`OpenSearch::is_real`].
const STAND_IN: [&str; 1] = ["osmem-server==0.1.6"];
const START_STAND_IN: &str = "
import os, sys, osmem_server
binary = osmem_server.resolve_binary()
os.chmod(binary, 0o755)
os.execv(binary, [binary])
";

/// A running node with empty data. It is killed when this is dropped, and ends by itself when its test's process has.
pub struct OpenSearch {
    // Before the folder: it is gone when the files go.
    process: Process,
    address: SocketAddr,
    real: bool,
    _data: TempDir,
}

impl OpenSearch {
    /// Starts a node with `settings` (`name=value`) beside its own; without Java and without Python here, says so and
    /// returns nothing.
    pub fn start(settings: &[&str]) -> Result<Option<Self>> {
        let data = tempfile::tempdir()?;
        let real = java::is_installed();
        let process = if real {
            let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/opensearch/opensearch");
            let mut command = Command::new(runner);
            command.env("OPENSEARCH_HEAP", "384m").env("MILLSTREAM_CACHE", crate::cluster::cache());
            Process::spawn(command.arg("serve").arg(data.path()).args(settings))?
        } else {
            let Some(python) = Python::with("opensearch-stand-in", &STAND_IN)? else { return Ok(None) };
            python.start(START_STAND_IN, &[])?
        };
        let address = process.wait_for(address_in)?;
        Ok(Some(Self { process, address, real, _data: data }))
    }

    /// Whether this is OpenSearch itself.
    pub fn is_real(&self) -> bool {
        self.real
    }

    /// The process that runs it, or its child does.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://HOST:PORT` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// The real one prints `HOST:PORT`, the other a JSON object with a `url`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let said = serde_json::from_str::<serde_json::Value>(line).ok();
    let url = said.as_ref().and_then(|said| said.get("url")?.as_str()).unwrap_or(line);
    url.trim_start_matches("http://").parse().ok()
}

impl OpenSearch {
    /// What the node answers a GET of `path`, as JSON.
    pub fn get(&self, path: &str) -> Result<serde_json::Value> {
        let body = crate::daemon::get(self.address, path)?;
        serde_json::from_str(&body).with_context(|| format!("GET {path}: {body}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_one_says_where_it_listens() {
        for line in ["127.0.0.1:4000", r#"{"url":"http://127.0.0.1:4000","pid":7}"#] {
            assert_eq!(address_in(line), Some(([127, 0, 0, 1], 4000).into()));
        }
        assert_eq!(address_in("WARN 127.0.0.1:4000"), None);
    }
}
