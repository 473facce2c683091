//! `millstream dlq replay`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::Args;
use millstream_client::{Header, ProducerRecord};

use super::{Letter, Letters};
use crate::output::say;

#[derive(Args)]
pub(super) struct Replay {
    #[command(flatten)]
    letters: Letters,
    /// Send all records here instead
    #[arg(long, value_name = "TOPIC")]
    to: Option<String>,
    /// Send also what was sent back before
    #[arg(long)]
    from_beginning: bool,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
}

impl Replay {
    pub(super) async fn run(self) -> Result<()> {
        let topic = self.letters.topic.as_str();
        // Remembers how far it was sent back; nobody is a member of it.
        let group = format!("dlq-replay-{topic}");
        let config = self.letters.cluster.consumer()?.set("allow.auto.create.topics", "false")?;
        let consumer = config.group_id(&group).auto_commit(false).build().await?;
        let partitions = self.letters.partitions().await?;
        let sent = if self.from_beginning {
            Default::default()
        } else {
            consumer.committed(partitions.clone()).await?
        };
        let from = partitions.into_iter().map(|partition| {
            let offset = sent.get(&partition).map_or(0, |sent| sent.offset);
            (partition, offset)
        });

        let (mut chosen, mut left) = (Vec::new(), self.letters.max.unwrap_or(u64::MAX));
        let reached = self
            .letters
            .read(consumer, from.collect(), |letter| {
                left -= 1;
                chosen.push(letter);
                Ok(left > 0)
            })
            .await?;
        let counts = self.send(&chosen).await?;
        if !self.dry_run {
            let admin = self.letters.cluster.admin().await?;
            admin.alter_group_offsets(&group, reached).await?;
        }
        let verb = if self.dry_run { "would go" } else { "sent" };
        for (topic, count) in &counts {
            say(format!("{count} {verb} to {topic}"))?;
        }
        if counts.is_empty() {
            say("nothing to send")?;
        }
        Ok(())
    }

    /// Sends the records and waits until all are written.
    async fn send(&self, letters: &[Letter]) -> Result<BTreeMap<String, usize>> {
        let producer = self.letters.cluster.producer()?.build().await?;
        let (mut counts, mut under_way) = (BTreeMap::new(), Vec::new());
        for letter in letters {
            let Some(topic) = self.to.clone().or_else(|| letter.origin()) else {
                bail!(
                    "letter {}@{} does not tell where it came from: say --to TOPIC",
                    letter.partition,
                    letter.offset
                );
            };
            *counts.entry(topic.clone()).or_default() += 1;
            if self.dry_run {
                continue;
            }
            let headers: Vec<Header<'_>> =
                letter.own_headers().map(|(name, value)| Header { key: name.as_bytes(), value }).collect();
            let record = ProducerRecord {
                topic: &topic,
                partition: None,
                key: letter.key.as_deref(),
                value: letter.value.as_deref(),
                headers: &headers,
                timestamp: Some(letter.timestamp).filter(|timestamp| *timestamp >= 0),
            };
            under_way.push(producer.send(record).await?);
        }
        for delivery in under_way {
            delivery.await?;
        }
        Ok(counts)
    }
}
