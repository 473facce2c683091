//! `millstream server`: one broker in the foreground.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use millstream_broker::{Broker, BrokerConfig};
use tokio::signal::unix::{SignalKind, signal};

use crate::output::say;
use crate::pairs::Pair;

#[derive(Args)]
pub(crate) struct Server {
    /// Directory of the broker's data; made if it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// File of Kafka's server.properties; what it sets is overruled by --set
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Broker configuration by Kafka's name
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Pair>,
}

impl Server {
    pub(crate) async fn run(self) -> Result<()> {
        // Asked for first: a signal that comes while the log is recovered must not kill.
        let stop = stop_signal()?;
        let data = self.data.display().to_string();
        let broker = Broker::start(self.into_config()?).await.context("the broker did not start")?;
        say(format_args!("Millstream is ready on {}, its data in {data}", broker.bootstrap()))?;
        stop.await;
        broker.close().await;
        Ok(())
    }

    fn into_config(self) -> Result<BrokerConfig> {
        let mut config = BrokerConfig::new(&self.data);
        if let Some(file) = &self.config {
            config = config.properties_file(file)?.set("log.dirs", &self.data.to_string_lossy())?;
        }
        if let Some(address) = &self.listen {
            config = config.listen(address);
        }
        for Pair { key, value } in &self.settings {
            config = config.set(key, value)?;
        }
        Ok(config)
    }
}

/// Completes when the process is asked to end, by ctrl-c or by SIGTERM.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
