//! How the real servers are started.

use anyhow::Result;
use millstream_tests::daemon::{Daemon, Ready, find};

/// A node exporter; without one here, says so and returns nothing.
pub(crate) fn node_exporter() -> Result<Option<Daemon>> {
    let Some(program) = find("prometheus-node-exporter", "prometheus-node-exporter") else { return Ok(None) };
    let exporter = Daemon::start(&program, Ready::Http("/metrics"), |_, address| {
        Ok(vec![format!("--web.listen-address={address}").into()])
    })?;
    Ok(Some(exporter))
}
