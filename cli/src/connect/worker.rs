//! `millstream connect worker`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use millstream_connect::Registry;
use millstream_connect::config::properties;
use millstream_connect::distributed::Distributed;
use millstream_connect::rest::Loggers;

use crate::levels;
use crate::metrics;
use crate::output::say;
use crate::stop::stopped;

#[derive(Args)]
pub(crate) struct Worker {
    /// The worker's properties, as of connect-distributed.sh
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Answer GET /metrics here, for Prometheus
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<String>,
}

impl Worker {
    pub(crate) async fn run(self) -> Result<()> {
        let stop = stopped()?;
        let worker = start(settings(&self.file)?).await?;
        let metrics = metrics::serve(self.metrics.as_deref(), worker.page()).await?;
        if let Some(metrics) = &metrics {
            say(metrics::line(metrics))?;
        }
        stop.await;
        drop(metrics);
        worker.close().await;
        Ok(())
    }
}

/// What a file of properties says.
pub(crate) fn settings(file: &Path) -> Result<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    Ok(properties::parse(&text).into_iter().collect())
}

/// Joins the cluster and says where requests are answered.
pub(crate) async fn start(settings: BTreeMap<String, String>) -> Result<Distributed> {
    let loggers = Arc::new(Loggers::new("WARN", levels::set));
    let worker = Distributed::start(Arc::new(Registry::built_in()), settings, loggers).await;
    let worker = worker.context("the worker did not start")?;
    say(format_args!("Connect is ready on http://{}", worker.address()))?;
    Ok(worker)
}
