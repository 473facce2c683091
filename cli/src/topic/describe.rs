//! `millstream topic describe`.

use anyhow::Result;
use clap::Args;
use millstream_client::{
    Admin, ConfigEntry, ConfigResource, ConfigSource, PartitionDescription, TopicDescription,
};
use serde::Serialize;

use crate::cluster::{Shown, all};
use crate::output::{self, Format, Row};

#[derive(Args)]
pub(super) struct Describe {
    /// Names of topics
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
    /// Every configuration in the table, those that nobody set included; JSON has them always
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    shown: Shown,
}

/// A topic in full.
#[derive(Serialize)]
struct Described {
    topic: String,
    id: String,
    internal: bool,
    partitions: Vec<Partition>,
    configs: Vec<Config>,
}

#[derive(Serialize)]
struct Partition {
    partition: i32,
    leader: Option<i32>,
    leader_epoch: i32,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
}

#[derive(Clone, Serialize)]
struct Config {
    name: String,
    /// Withheld if it is a secret.
    value: Option<String>,
    /// As `kafka-configs --describe --all` has it.
    source: String,
}

/// Where a value comes from when the topic itself does not set it is no concern of the short table.
const OVERRIDE: &str = "DYNAMIC_TOPIC_CONFIG";

impl Row for Partition {
    const COLUMNS: &[&str] = &["PARTITION", "LEADER", "EPOCH", "REPLICAS", "IN SYNC"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.partition.to_string(),
            self.leader.map_or_else(|| "none".to_owned(), |leader| leader.to_string()),
            self.leader_epoch.to_string(),
            format!("{:?}", self.replicas),
            format!("{:?}", self.in_sync),
        ]
    }
}

impl Row for Config {
    const COLUMNS: &[&str] = &["CONFIG", "VALUE", "SOURCE"];

    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.value.clone().unwrap_or_default(), self.source.clone()]
    }
}

impl Describe {
    pub(super) async fn run(self) -> Result<()> {
        let admin = self.shown.cluster.admin().await?;
        let names = if self.topics.is_empty() { public_names(&admin).await? } else { self.topics };
        let topics = all(&admin, admin.describe_topics(names.clone()).await?).await?;
        let resources = names.into_iter().map(ConfigResource::Topic);
        let configs = all(&admin, admin.describe_configs(resources).await?).await?;
        let described: Vec<Described> =
            topics.into_iter().zip(configs).map(|(topic, configs)| Described::new(topic, configs)).collect();
        match self.shown.output {
            Format::Json => output::json(&described),
            Format::Table => described.iter().try_for_each(|topic| topic.print(self.all)),
        }
    }
}

/// The names of all topics but the broker's own.
async fn public_names(admin: &Admin) -> Result<Vec<String>> {
    let topics = admin.list_topics().await?.into_iter().filter(|topic| !topic.internal);
    Ok(topics.map(|topic| topic.name.to_string()).collect())
}

impl Described {
    fn new(topic: TopicDescription, configs: Vec<ConfigEntry>) -> Self {
        Self {
            topic: topic.name.to_string(),
            id: topic.id.to_string(),
            internal: topic.internal,
            partitions: topic.partitions.into_iter().map(Partition::from).collect(),
            configs: configs.into_iter().map(Config::from).collect(),
        }
    }

    fn print(&self, all: bool) -> Result<()> {
        output::say(format_args!("{} ({})", self.topic, self.id))?;
        output::rows(Format::Table, &self.partitions)?;
        let shown: Vec<Config> =
            self.configs.iter().filter(|config| all || config.source == OVERRIDE).cloned().collect();
        if !shown.is_empty() {
            output::rows(Format::Table, &shown)?;
        }
        output::say("")
    }
}

impl From<PartitionDescription> for Partition {
    fn from(partition: PartitionDescription) -> Self {
        Self {
            partition: partition.partition,
            leader: partition.leader.map(|id| id.0),
            leader_epoch: partition.leader_epoch,
            replicas: partition.replicas.into_iter().map(|id| id.0).collect(),
            in_sync: partition.in_sync.into_iter().map(|id| id.0).collect(),
        }
    }
}

impl From<ConfigEntry> for Config {
    fn from(config: ConfigEntry) -> Self {
        let source = match config.source {
            ConfigSource::Topic => OVERRIDE,
            ConfigSource::DynamicBroker => "DYNAMIC_BROKER_CONFIG",
            ConfigSource::DynamicDefaultBroker => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            ConfigSource::StaticBroker => "STATIC_BROKER_CONFIG",
            ConfigSource::Default => "DEFAULT_CONFIG",
            _ => "UNKNOWN",
        };
        Self { name: config.name, value: config.value, source: source.to_owned() }
    }
}
