//! Prometheus, as Debian has it.

use std::fs;

use anyhow::Result;

use crate::daemon::{Daemon, Ready, find};

/// A Prometheus with a configuration in YAML, which takes remote writes; without one here, says so and returns nothing.
pub fn prometheus(config: &str) -> Result<Option<Daemon>> {
    let Some(program) = find("prometheus", "prometheus") else { return Ok(None) };
    let prometheus = Daemon::start(&program, Ready::Http("/-/ready"), |dir, address| {
        fs::write(dir.join("prometheus.yml"), config)?;
        Ok(vec![
            "--config.file=prometheus.yml".into(),
            "--storage.tsdb.path=data".into(),
            "--web.enable-remote-write-receiver".into(),
            format!("--web.listen-address={address}").into(),
        ])
    })?;
    Ok(Some(prometheus))
}
