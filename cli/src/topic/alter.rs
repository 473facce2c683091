//! `millstream topic alter`.

use anyhow::Result;
use clap::Args;
use millstream_client::{ConfigChange, ConfigResource};

use crate::cluster::{Cluster, TopicName, all};
use crate::pairs::{Pairs, flat};

#[derive(Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(super) struct Alter {
    #[command(flatten)]
    topic: TopicName,
    /// Configuration to set, by Kafka's name
    #[arg(
        short = 'c',
        long = "config",
        visible_alias = "add-config",
        value_name = "KEY=VALUE",
        group = "change"
    )]
    set: Vec<Pairs>,
    /// Configuration to put back to its default
    #[arg(long = "delete-config", value_name = "KEY", value_delimiter = ',', group = "change")]
    delete: Vec<String>,
    /// Number of partitions to grow to; keys move between partitions then
    #[arg(short, long, value_name = "COUNT", group = "change")]
    partitions: Option<i32>,
    #[command(flatten)]
    cluster: Cluster,
}

impl Alter {
    pub(super) async fn run(self) -> Result<()> {
        let (admin, topic) = (self.cluster.admin().await?, self.topic.as_str().to_owned());
        let set = flat(self.set).map(|pair| ConfigChange::Set(pair.key, pair.value));
        let changes: Vec<ConfigChange> =
            set.chain(self.delete.into_iter().map(ConfigChange::Delete)).collect();
        if !changes.is_empty() {
            let outcome = admin.alter_configs([(ConfigResource::Topic(topic.clone()), changes)]).await?;
            all(&admin, outcome).await?;
        }
        if let Some(partitions) = self.partitions {
            all(&admin, admin.create_partitions([(topic, partitions)]).await?).await?;
        }
        Ok(())
    }
}
