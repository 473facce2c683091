//! The cluster that a command talks to.

use anyhow::{Result, bail};
use clap::Args;
use millstream_client::{Admin, AdminConfig, Consumer, ConsumerConfig, PerItem, Producer, ProducerConfig};

use crate::absent::{Named, explained};
use crate::output::{Format, complain};
use crate::pairs::Pair;

/// Options of every command that is a client.
#[derive(Args)]
pub(crate) struct Cluster {
    /// Brokers that know the rest of the cluster
    #[arg(
        short,
        long,
        visible_alias = "bootstrap",
        env = "MILLSTREAM_BOOTSTRAP_SERVER",
        default_value = "localhost:9092",
        value_name = "HOST:PORT,..."
    )]
    bootstrap_server: String,
    /// Configuration of the client by Kafka's name
    #[arg(short = 'X', long = "property", value_name = "KEY=VALUE")]
    properties: Vec<Pair>,
}

/// Options of every command that shows something of a cluster.
#[derive(Args)]
pub(crate) struct Shown {
    /// For people, or for scripts
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(crate) output: Format,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

/// A topic, also for those who are used to Kafka's tools and write `--topic`.
#[derive(Args)]
pub(crate) struct TopicName {
    /// Name of the topic
    // Required, as the usage shows it: what another option excludes may be missing all the same.
    #[arg(value_name = "TOPIC", required = true)]
    topic: Option<String>,
    #[arg(long = "topic", id = "named", hide = true, conflicts_with = "topic")]
    named: Option<String>,
}

impl TopicName {
    pub(crate) fn as_str(&self) -> &str {
        self.topic.as_deref().or(self.named.as_deref()).unwrap_or_default()
    }
}

const CLIENT_ID: &str = "millstream";

/// How long a question waits for a cluster that cannot be reached: Kafka's minute is long before a terminal.
const PATIENCE_MS: &str = "15000";

impl Cluster {
    /// A producer's configuration, what `-X` sets included.
    pub(crate) fn producer(&self) -> Result<ProducerConfig> {
        let config = Producer::builder().client_id(CLIENT_ID).bootstrap(&self.bootstrap_server);
        let set = |config: ProducerConfig, pair: &Pair| config.set(&pair.key, &pair.value);
        Ok(self.properties.iter().try_fold(config, set)?)
    }

    /// A consumer's configuration, what `-X` sets included.
    pub(crate) fn consumer(&self) -> Result<ConsumerConfig> {
        let config = Consumer::builder().client_id(CLIENT_ID).bootstrap(&self.bootstrap_server);
        let set = |config: ConsumerConfig, pair: &Pair| config.set(&pair.key, &pair.value);
        Ok(self.properties.iter().try_fold(config, set)?)
    }

    pub(crate) async fn admin(&self) -> Result<Admin> {
        let config = Admin::builder().client_id(CLIENT_ID).bootstrap(&self.bootstrap_server);
        let config = config.set("default.api.timeout.ms", PATIENCE_MS)?;
        let set = |config: AdminConfig, pair: &Pair| config.set(&pair.key, &pair.value);
        Ok(self.properties.iter().try_fold(config, set)?.build().await?)
    }
}

/// What succeeded; each failure is told, and the command fails if there was one.
pub(crate) async fn all<K: Named, T>(admin: &Admin, outcomes: PerItem<K, T>) -> Result<Vec<T>> {
    let mut succeeded = Vec::with_capacity(outcomes.len());
    let mut failures = Vec::new();
    for (item, outcome) in outcomes {
        match outcome {
            Ok(value) => succeeded.push(value),
            Err(error) => failures.push(explained(admin, item.name(), error).await),
        }
    }
    match failures.len() {
        0 => Ok(succeeded),
        1 => Err(failures.remove(0)),
        failed => {
            failures.iter().for_each(complain);
            bail!("{failed} of {} failed", failed + succeeded.len())
        }
    }
}
