//! One address for the numbers of all that a command runs.

use anyhow::{Result, anyhow};
use millstream_connect::runtime::MetricsServer;

/// Answers `GET /metrics` where `listen` says, until it is dropped; nothing where it does not.
pub(crate) async fn serve(
    listen: Option<&str>,
    page: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> Result<Option<MetricsServer>> {
    let Some(listen) = listen else { return Ok(None) };
    Ok(Some(MetricsServer::start(listen, page).await.map_err(|why| anyhow!("--metrics {why}"))?))
}

/// Where they are, for who asked for port 0.
pub(crate) fn line(server: &MetricsServer) -> String {
    format!("Metrics are on http://{}/metrics", server.address())
}
