//! `millstream dlq`: records that a connector gave up.

mod done;
mod export;
mod letter;
mod purge;
mod reader;
mod replay;
mod show;

use anyhow::Result;
use clap::{Args, Subcommand};
use millstream_client::{ConsumerConfig, TopicPartition};

use self::letter::Letter;
use self::reader::Reader;
use crate::cluster::{Cluster, TopicName, all};

#[derive(Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show dead letters: where each came from and what went wrong
    Show(show::Show),
    /// Write dead letters as JSON, an object a line, as `produce --input json` takes them once they are mended
    Export(export::Export),
    /// Send records back to the topics they came from; each once, unless it is told to begin anew
    Replay(replay::Replay),
    /// Delete dead letters for good, as far as a log lets go of them: from its beginning up to the first that is to stay
    Purge(purge::Purge),
}

impl Dlq {
    pub(crate) async fn run(self) -> Result<()> {
        match self.verb {
            Verb::Show(show) => show.run().await,
            Verb::Export(export) => export.run().await,
            Verb::Replay(replay) => replay.run().await,
            Verb::Purge(purge) => purge.run().await,
        }
    }
}

/// Options of every verb.
#[derive(Args)]
struct Letters {
    #[command(flatten)]
    topic: TopicName,
    /// Only those whose error has this in it
    #[arg(short, long, value_name = "TEXT")]
    matching: Option<String>,
    #[command(flatten)]
    cluster: Cluster,
}

impl Letters {
    async fn partitions(&self) -> Result<Vec<TopicPartition>> {
        let topic = self.topic.as_str();
        let admin = self.cluster.admin().await?;
        let described = all(&admin, admin.describe_topics([topic]).await?).await?;
        let partitions = described.iter().flat_map(|topic| &topic.partitions);
        Ok(partitions.map(|partition| TopicPartition::new(topic, partition.partition)).collect())
    }

    /// The group that remembers what was sent back; nobody is a member of it.
    fn group(&self) -> String {
        format!("dlq-replay-{}", self.topic.as_str())
    }

    fn consumer(&self) -> Result<ConsumerConfig> {
        Ok(self.cluster.consumer()?.set("allow.auto.create.topics", "false")?)
    }

    fn asks_for(&self, letter: &Letter) -> bool {
        self.matching.as_ref().is_none_or(|text| letter.message().contains(text.as_str()))
    }

    /// Calls `each` with every letter that is asked for, from the beginning to where the topic ends now, as long as it says so.
    async fn for_each(&self, mut each: impl FnMut(Letter) -> Result<bool>) -> Result<()> {
        let consumer = self.consumer()?.build().await?;
        let from = self.partitions().await?.into_iter().map(|partition| (partition, 0));
        let mut reader = Reader::open(consumer, from.collect()).await?;
        while let Some(chunk) = reader.next().await? {
            for letter in chunk.letters {
                if self.asks_for(&letter) && !each(letter)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
