//! `millstream topic`.

mod alter;
mod describe;

use anyhow::Result;
use clap::{Args, Subcommand};
use millstream_client::{Error, ErrorCode, NewTopic};
use serde::Serialize;

use crate::cluster::{Cluster, Shown, TopicName, all};
use crate::output::{self, Row};
use crate::pairs::{Pairs, flat};

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
    Describe(describe::Describe),
    /// Change the configuration of a topic, or add partitions
    Alter(alter::Alter),
    /// Delete topics with their records
    Delete(Delete),
}

#[derive(Args)]
struct Create {
    #[command(flatten)]
    topic: TopicName,
    /// By default the broker's num.partitions
    #[arg(short, long, value_name = "COUNT")]
    partitions: Option<i32>,
    /// By default the broker's default.replication.factor
    #[arg(short, long, value_name = "COUNT")]
    replication_factor: Option<i16>,
    /// Configuration of the topic by Kafka's name
    #[arg(short, long = "config", visible_alias = "add-config", value_name = "KEY=VALUE")]
    configs: Vec<Pairs>,
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
    #[command(flatten)]
    shown: Shown,
}

#[derive(Args)]
struct Delete {
    /// Names of the topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// It is no error if a topic is not there
    #[arg(long)]
    if_exists: bool,
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
        let mut topic = NewTopic::new(self.topic.as_str(), 1);
        topic.partitions = self.partitions;
        topic.replication_factor = self.replication_factor;
        topic.configs = flat(self.configs).map(|pair| (pair.key, pair.value)).collect();
        let admin = self.cluster.admin().await?;
        let mut created = admin.create_topics([topic]).await?;
        created.retain(|(_, result)| !(self.if_not_exists && is(result, ErrorCode::TopicAlreadyExists)));
        all(&admin, created).await.map(drop)
    }
}

fn is<T>(result: &Result<T, Error>, code: ErrorCode) -> bool {
    result.as_ref().is_err_and(|error| error.code() == Some(code))
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
        let topics = self.shown.cluster.admin().await?.list_topics().await?;
        let shown = topics.into_iter().filter(|topic| self.internal || !topic.internal);
        let listed: Vec<Listed> = shown
            .map(|topic| Listed {
                topic: topic.name.to_string(),
                partitions: topic.partitions,
                internal: topic.internal,
            })
            .collect();
        output::rows(self.shown.output, &listed)
    }
}

impl Delete {
    async fn run(self) -> Result<()> {
        let admin = self.cluster.admin().await?;
        let mut deleted = admin.delete_topics(self.topics).await?;
        deleted.retain(|(_, result)| !(self.if_exists && is(result, ErrorCode::UnknownTopicOrPartition)));
        all(&admin, deleted).await.map(drop)
    }
}
