//! `millstream topic`.

use anyhow::Result;
use clap::{Args, Subcommand};
use millstream_client::{
    Admin, ConfigChange, ConfigEntry, ConfigResource, ConfigSource, Error, ErrorCode, NewTopic,
    TopicDescription,
};
use serde::Serialize;

use crate::cluster::{Cluster, all};
use crate::output::{self, Format, Row};
use crate::pairs::Pair;

#[derive(Args)]
pub(crate) struct Topic {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make a topic
    Create(Create),
    /// Name all topics
    List(List),
    /// Tell partitions and configuration of topics; without a name, of all
    Describe(Describe),
    /// Change the configuration of a topic, or add partitions
    Alter(Alter),
    /// Delete topics with their records
    Delete(Delete),
}

#[derive(Args)]
struct Create {
    name: String,
    /// By default the broker's num.partitions
    #[arg(short, long)]
    partitions: Option<i32>,
    #[arg(short, long)]
    replication_factor: Option<i16>,
    /// Configuration of the topic by Kafka's name
    #[arg(short, long = "config", value_name = "KEY=VALUE")]
    configs: Vec<Pair>,
    /// It is no error if the topic is there already
    #[arg(long)]
    if_not_exists: bool,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Args)]
struct List {
    /// The broker's own topics too
    #[arg(long)]
    internal: bool,
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Args)]
struct Describe {
    names: Vec<String>,
    /// Every configuration, those that nobody set included
    #[arg(long)]
    all: bool,
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Args)]
struct Alter {
    name: String,
    /// Configuration to set
    #[arg(long = "add-config", value_name = "KEY=VALUE")]
    set: Vec<Pair>,
    /// Configuration to put back to its default
    #[arg(long = "delete-config", value_name = "KEY")]
    delete: Vec<String>,
    /// Number of partitions to grow to; keys move between partitions then
    #[arg(short, long)]
    partitions: Option<i32>,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Args)]
struct Delete {
    #[arg(required = true)]
    names: Vec<String>,
    #[command(flatten)]
    cluster: Cluster,
}

impl Topic {
    pub(crate) async fn run(self) -> Result<()> {
        match self.verb {
            Verb::Create(create) => create.run().await,
            Verb::List(list) => list.run().await,
            Verb::Describe(describe) => describe.run().await,
            Verb::Alter(alter) => alter.run().await,
            Verb::Delete(delete) => delete.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<()> {
        let mut topic = NewTopic::new(self.name, 1);
        topic.partitions = self.partitions;
        topic.replication_factor = self.replication_factor;
        topic.configs = self.configs.into_iter().map(|pair| (pair.key, pair.value)).collect();
        let created = self.cluster.admin().await?.create_topics([topic]).await?;
        let exists = |error: &Error| error.code() == Some(ErrorCode::TopicAlreadyExists);
        let there = created.iter().any(|(_, result)| result.as_ref().is_err_and(exists));
        if self.if_not_exists && there {
            return Ok(());
        }
        all(created).map(drop)
    }
}

/// A topic in the list.
#[derive(Serialize)]
struct Listed {
    topic: String,
    partitions: usize,
    internal: bool,
}

impl Row for Listed {
    const COLUMNS: &[&str] = &["TOPIC", "PARTITIONS"];

    fn cells(&self) -> Vec<String> {
        vec![self.topic.clone(), self.partitions.to_string()]
    }
}

impl List {
    async fn run(self) -> Result<()> {
        let topics = self.cluster.admin().await?.list_topics().await?;
        let shown = topics.into_iter().filter(|topic| self.internal || !topic.internal);
        let listed: Vec<Listed> = shown
            .map(|topic| Listed {
                topic: topic.name.to_string(),
                partitions: topic.partitions,
                internal: topic.internal,
            })
            .collect();
        output::rows(self.output, &listed)
    }
}

/// A topic in full.
#[derive(Serialize)]
struct Described {
    topic: String,
    id: String,
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

#[derive(Serialize)]
struct Config {
    name: String,
    value: Option<String>,
    source: String,
}

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
    async fn run(self) -> Result<()> {
        let admin = self.cluster.admin().await?;
        let names = if self.names.is_empty() { public_names(&admin).await? } else { self.names };
        let topics = all(admin.describe_topics(names.clone()).await?)?;
        let configs = all(admin.describe_configs(names.into_iter().map(ConfigResource::Topic)).await?)?;
        let described: Vec<Described> = topics
            .into_iter()
            .zip(configs)
            .map(|(topic, configs)| Described::new(topic, configs, self.all))
            .collect();
        match self.output {
            Format::Json => output::json(&described),
            Format::Table => described.iter().try_for_each(Described::print),
        }
    }
}

/// The names of all topics but the broker's own.
async fn public_names(admin: &Admin) -> Result<Vec<String>> {
    let topics = admin.list_topics().await?.into_iter().filter(|topic| !topic.internal);
    Ok(topics.map(|topic| topic.name.to_string()).collect())
}

impl Described {
    fn new(topic: TopicDescription, configs: Vec<ConfigEntry>, all: bool) -> Self {
        let partition = |partition: millstream_client::PartitionDescription| Partition {
            partition: partition.partition,
            leader: partition.leader.map(|id| id.0),
            leader_epoch: partition.leader_epoch,
            replicas: partition.replicas.into_iter().map(|id| id.0).collect(),
            in_sync: partition.in_sync.into_iter().map(|id| id.0).collect(),
        };
        let shown = configs.into_iter().filter(|config| all || config.source == ConfigSource::Topic);
        let config = |config: ConfigEntry| Config {
            name: config.name,
            value: config.value,
            source: format!("{:?}", config.source),
        };
        Self {
            topic: topic.name.to_string(),
            id: topic.id.to_string(),
            partitions: topic.partitions.into_iter().map(partition).collect(),
            configs: shown.map(config).collect(),
        }
    }

    fn print(&self) -> Result<()> {
        output::say(format_args!("{} ({})", self.topic, self.id))?;
        output::rows(Format::Table, &self.partitions)?;
        if !self.configs.is_empty() {
            output::rows(Format::Table, &self.configs)?;
        }
        output::say("")
    }
}

impl Alter {
    async fn run(self) -> Result<()> {
        let admin = self.cluster.admin().await?;
        let set = self.set.into_iter().map(|pair| ConfigChange::Set(pair.key, pair.value));
        let changes: Vec<ConfigChange> =
            set.chain(self.delete.into_iter().map(ConfigChange::Delete)).collect();
        if !changes.is_empty() {
            let topic = ConfigResource::Topic(self.name.clone());
            all(admin.alter_configs([(topic, changes)]).await?)?;
        }
        if let Some(partitions) = self.partitions {
            all(admin.create_partitions([(self.name, partitions)]).await?)?;
        }
        Ok(())
    }
}

impl Delete {
    async fn run(self) -> Result<()> {
        all(self.cluster.admin().await?.delete_topics(self.names).await?).map(drop)
    }
}
