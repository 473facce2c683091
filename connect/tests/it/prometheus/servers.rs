//! How the real servers are started.

use std::fs;
use std::net::SocketAddr;

use anyhow::Result;
use millstream_tests::daemon::{Daemon, Ready, find};
pub(crate) use millstream_tests::prometheus::prometheus;

/// A node exporter; without one here, says so and returns nothing.
pub(crate) fn node_exporter() -> Result<Option<Daemon>> {
    let Some(program) = find("prometheus-node-exporter", "prometheus-node-exporter") else { return Ok(None) };
    let exporter = Daemon::start(&program, Ready::Http("/metrics"), |_, address| {
        Ok(vec![format!("--web.listen-address={address}").into()])
    })?;
    Ok(Some(exporter))
}

/// A VictoriaMetrics, which shows a sample as soon as it has it; without one here, says so and returns nothing.
pub(crate) fn victoria_metrics() -> Result<Option<Daemon>> {
    let Some(program) = find("victoria-metrics", "victoria-metrics") else { return Ok(None) };
    let victoria = Daemon::start(&program, Ready::Http("/health"), |_, address| {
        Ok(vec![
            "-storageDataPath=data".into(),
            "-search.latencyOffset=0s".into(),
            "-search.disableCache".into(),
            "-dedup.minScrapeInterval=1ms".into(),
            format!("-httpListenAddr={address}").into(),
        ])
    })?;
    Ok(Some(victoria))
}

/// An agent of VictoriaMetrics that scrapes by a configuration in YAML and writes to `url`; without one here, says so.
pub(crate) fn vmagent(config: &str, url: &str) -> Result<Option<Daemon>> {
    let Some(program) = find("vmagent", "victoria-metrics") else { return Ok(None) };
    let agent = Daemon::start(&program, Ready::Http("/health"), |dir, address| {
        fs::write(dir.join("scrape.yml"), config)?;
        Ok(vec![
            "-promscrape.config=scrape.yml".into(),
            "-remoteWrite.tmpDataPath=data".into(),
            "-remoteWrite.flushInterval=200ms".into(),
            format!("-remoteWrite.url={url}").into(),
            format!("-httpListenAddr={address}").into(),
        ])
    })?;
    Ok(Some(agent))
}

/// What has a Prometheus or an agent ask `target` ten times a second.
pub(crate) fn scraping(target: SocketAddr) -> String {
    format!(
        "scrape_configs:\n- job_name: judged\n  scrape_interval: 100ms\n  scrape_timeout: 100ms\n  \
         static_configs:\n  - targets: ['{target}']\n"
    )
}
