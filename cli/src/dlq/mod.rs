//! `millstream dlq`: records that a connector gave up.

mod export;
mod letter;
mod replay;
mod show;

use anyhow::Result;
use clap::{Args, Subcommand};
use millstream_client::{Consumer, Event, Offset, TopicPartition};

use self::letter::Letter;
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
}

impl Dlq {
    pub(crate) async fn run(self) -> Result<()> {
        match self.verb {
            Verb::Show(show) => show.run().await,
            Verb::Export(export) => export.run().await,
            Verb::Replay(replay) => replay.run().await,
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
    /// End after so many
    #[arg(short = 'n', long, value_name = "RECORDS")]
    max: Option<u64>,
    #[command(flatten)]
    cluster: Cluster,
}

/// How long a read waits before it looks whether it is at the end.
const POLL: std::time::Duration = std::time::Duration::from_millis(100);

impl Letters {
    async fn partitions(&self) -> Result<Vec<TopicPartition>> {
        let topic = self.topic.as_str();
        let admin = self.cluster.admin().await?;
        let described = all(&admin, admin.describe_topics([topic]).await?).await?;
        let partitions = described.iter().flat_map(|topic| &topic.partitions);
        Ok(partitions.map(|partition| TopicPartition::new(topic, partition.partition)).collect())
    }

    /// Calls `each` with every letter from the beginning to where the topic ends now.
    async fn for_each(&self, mut each: impl FnMut(Letter) -> Result<()>) -> Result<()> {
        let consumer = self.cluster.consumer()?.set("allow.auto.create.topics", "false")?.build().await?;
        let from = self.partitions().await?.into_iter().map(|partition| (partition, 0));
        let mut left = self.max.unwrap_or(u64::MAX);
        self.read(consumer, from.collect(), |letter| {
            if left > 0 {
                left -= 1;
                each(letter)?;
            }
            Ok(left > 0)
        })
        .await
        .map(drop)
    }

    /// Calls `each` with every letter that matches, as long as it says so; the positions behind what was read.
    async fn read(
        &self,
        mut consumer: Consumer,
        from: Vec<(TopicPartition, i64)>,
        mut each: impl FnMut(Letter) -> Result<bool>,
    ) -> Result<Vec<(TopicPartition, i64)>> {
        let partitions: Vec<TopicPartition> = from.iter().map(|(partition, _)| partition.clone()).collect();
        let begins = consumer.beginning_offsets(partitions.clone()).await?;
        let ends = consumer.end_offsets(partitions).await?;
        let mut next: Vec<(TopicPartition, i64)> = Vec::new();
        for (partition, offset) in from {
            let begin = begins.get(&partition).map_or(0, |begin| begin.0).max(offset);
            consumer.assign_at(partition.clone(), Offset(begin));
            next.push((partition, begin));
        }
        let at_end = |next: &[(TopicPartition, i64)]| {
            next.iter().all(|(partition, offset)| ends.get(partition).is_none_or(|end| *offset >= end.0))
        };
        let mut goes_on = true;
        while goes_on && !at_end(&next) {
            let Some(Event::Fetched(fetched)) = consumer.poll(POLL).await? else { continue };
            let mut letters = Vec::new();
            fetched.for_each(|record| {
                letters.push(Letter::read(&fetched.partition, record));
                Ok(())
            })?;
            let mut reached = fetched.next_offset;
            for letter in letters {
                let matches =
                    self.matching.as_ref().is_none_or(|text| letter.message().contains(text.as_str()));
                let offset = letter.offset;
                goes_on = !matches || each(letter)?;
                if !goes_on {
                    reached = offset + 1;
                    break;
                }
            }
            let place = next.iter_mut().find(|(partition, _)| *partition == fetched.partition);
            place.into_iter().for_each(|(_, offset)| *offset = reached);
        }
        Ok(next)
    }
}
