//! `millstream server`: one broker in the foreground.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use millstream_broker::log::LogError;
use millstream_broker::{Broker, BrokerConfig, BrokerError};
use millstream_connect::distributed::Distributed;

use crate::connect;
use crate::metrics;
use crate::output::say;
use crate::pairs::Pair;
use crate::stop::stopped;

#[derive(Args)]
pub(crate) struct Server {
    /// Directory of the broker's data; made if it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Address to listen on, 127.0.0.1:9092 by default; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// File of Kafka's server.properties; what it sets is overruled by --set
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Broker configuration by Kafka's name
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Pair>,
    /// Run a Connect worker beside the broker; a file of properties, as of connect-distributed.sh, says how
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    connect: Option<Option<PathBuf>>,
    /// Answer GET /metrics here, for Prometheus: with the numbers of the broker, and of the worker beside it
    #[arg(long, value_name = "HOST:PORT")]
    metrics: Option<String>,
}

/// What a worker beside the broker is told, unless its file says otherwise.
const CONNECT: [(&str, &str); 6] = [
    ("group.id", "connect"),
    ("config.storage.topic", "connect-configs"),
    ("offset.storage.topic", "connect-offsets"),
    ("status.storage.topic", "connect-status"),
    ("key.converter", "json"),
    ("value.converter", "json"),
];

impl Server {
    pub(crate) async fn run(self) -> Result<()> {
        // Asked for first: a signal that comes while the log is recovered must not kill.
        let stop = stopped()?;
        let data = self.data.display().to_string();
        let (connect, metrics) = (self.connect.clone(), self.metrics.clone());
        let broker = Broker::start(self.into_config()?).await.map_err(advised);
        let broker = broker.context("the broker did not start")?;
        say(format_args!("Millstream is ready on {}, its data in {data}", broker.bootstrap()))?;
        let worker = match connect {
            None => None,
            Some(file) => Some(connect::start(worker_settings(file, &broker.bootstrap())?).await?),
        };
        let (broker_page, worker_page) =
            (broker.metrics_reader().page(), worker.as_ref().map(Distributed::page));
        let page = move || broker_page() + &worker_page.as_ref().map(|page| page()).unwrap_or_default();
        let metrics = metrics::serve(metrics.as_deref(), page).await?;
        if let Some(metrics) = &metrics {
            say(metrics::line(metrics))?;
        }
        stop.await;
        drop(metrics);
        if let Some(worker) = worker {
            worker.close().await;
        }
        broker.close().await;
        Ok(())
    }

    fn into_config(self) -> Result<BrokerConfig> {
        let mut config = BrokerConfig::new(&self.data);
        if let Some(file) = &self.config {
            config = config.properties_file(file)?.set("log.dirs", &self.data.to_string_lossy())?;
        }
        if let Some(address) = &self.listen {
            let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            ensure!(port.is_some(), "--listen {address} is not HOST:PORT such as 127.0.0.1:9092");
            config = config.listen(address);
        }
        for Pair { key, value } in &self.settings {
            config = config.set(key, value)?;
        }
        Ok(config)
    }
}

/// Its own broker is a worker's cluster.
fn worker_settings(file: Option<PathBuf>, bootstrap: &str) -> Result<BTreeMap<String, String>> {
    let mut settings: BTreeMap<_, _> =
        CONNECT.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if let Some(file) = file {
        settings.extend(connect::settings(&file)?);
    }
    settings.insert("bootstrap.servers".to_owned(), bootstrap.to_owned());
    Ok(settings)
}

/// With the option of this command that helps.
fn advised(error: BrokerError) -> anyhow::Error {
    match error {
        BrokerError::Listen { address, source } => {
            anyhow!(
                "cannot listen on {address}: {source}; choose another address with --listen HOST:PORT, port 0 for a free one"
            )
        }
        BrokerError::Log(LogError::Io { action, path, source }) => {
            anyhow!(
                "cannot {action} {}: {source}; --data must name a directory that this user may write to",
                path.display()
            )
        }
        other => other.into(),
    }
}
