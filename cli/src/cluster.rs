//! The cluster that a command talks to.

use anyhow::Result;
use clap::Args;
use millstream_client::{Producer, ProducerConfig};

use crate::pairs::Pair;

/// Options of every command that is a client.
#[derive(Args)]
pub(crate) struct Cluster {
    /// Brokers that know the rest of the cluster
    #[arg(
        short,
        long,
        env = "MILLSTREAM_BOOTSTRAP_SERVER",
        default_value = "localhost:9092",
        value_name = "HOST:PORT,..."
    )]
    bootstrap_server: String,
    /// Configuration of the client by Kafka's name
    #[arg(short = 'X', long = "property", value_name = "KEY=VALUE")]
    properties: Vec<Pair>,
}

impl Cluster {
    /// A producer's configuration; what `-X` sets is set last.
    pub(crate) fn producer(&self) -> Result<ProducerConfig> {
        let config = Producer::builder().client_id("millstream").bootstrap(&self.bootstrap_server);
        let set = |config: ProducerConfig, pair: &Pair| config.set(&pair.key, &pair.value);
        Ok(self.properties.iter().try_fold(config, set)?)
    }
}
