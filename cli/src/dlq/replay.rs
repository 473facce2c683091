//! `millstream dlq replay`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use clap::Args;
use millstream_client::{Admin, Header, Producer, ProducerRecord, TopicPartition};

use super::done::Done;
use super::reader::{Chunk, Reader};
use super::{Letter, Letters};
use crate::output::say;

/// Sends records back. Those that do not match, and those beyond the number asked for, stay to be sent another time.
#[derive(Args)]
pub(super) struct Replay {
    #[command(flatten)]
    letters: Letters,
    /// End after so many
    #[arg(short = 'n', long, value_name = "RECORDS")]
    max: Option<u64>,
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

/// What a replay has come to.
#[derive(Default)]
struct Outcome {
    /// Sent, by topic.
    sent: BTreeMap<String, usize>,
    /// Were not asked for, and stay to be sent.
    passed_over: usize,
}

/// With what letters are sent and remembered; `None`: they are only counted.
struct Hand {
    producer: Producer,
    admin: Admin,
    group: String,
}

impl Replay {
    pub(super) async fn run(self) -> Result<()> {
        let mut outcome = Outcome::default();
        let ended = self.replay(&mut outcome).await;
        let verb = if self.dry_run { "would go" } else { "sent" };
        for (topic, count) in &outcome.sent {
            say(format!("{count} {verb} to {topic}"))?;
        }
        if outcome.sent.is_empty() {
            say("nothing to send")?;
        }
        if outcome.passed_over > 0 {
            say(format!("{} do not match and stay", outcome.passed_over))?;
        }
        ended
    }

    async fn replay(&self, outcome: &mut Outcome) -> Result<()> {
        let group = self.letters.group();
        let consumer = self.letters.consumer()?.group_id(&group).auto_commit(false).build().await?;
        let partitions = self.letters.partitions().await?;
        let known = match self.from_beginning {
            true => Default::default(),
            false => consumer.committed(partitions.clone()).await?,
        };
        let done = |partition: &TopicPartition| known.get(partition).map(Done::read).unwrap_or_default();
        let mut done: BTreeMap<TopicPartition, Done> =
            partitions.into_iter().map(|partition| (partition.clone(), done(&partition))).collect();
        let from = done.iter().map(|(partition, done)| (partition.clone(), done.below()));
        let mut reader = Reader::open(consumer, from.collect()).await?;
        let hand = match self.dry_run {
            true => None,
            false => Some(Hand {
                producer: self.letters.cluster.producer()?.build().await?,
                admin: self.letters.cluster.admin().await?,
                group,
            }),
        };
        let mut before: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        for (partition, begin) in &reader.begins {
            done.entry(partition.clone()).or_default().begin(*begin);
            before.insert(partition.clone(), begin - 1);
        }
        let mut left = self.max.unwrap_or(u64::MAX);
        while left > 0
            && let Some(chunk) = reader.next().await?
        {
            let done = done.entry(chunk.partition.clone()).or_default();
            let before = before.entry(chunk.partition.clone()).or_insert(-1);
            self.send(hand.as_ref(), &chunk, done, before, &mut left, outcome).await?;
        }
        Ok(())
    }

    /// Sends what is to be sent of a chunk, waits until it is written, and remembers that.
    async fn send(
        &self,
        hand: Option<&Hand>,
        chunk: &Chunk,
        done: &mut Done,
        before: &mut i64,
        left: &mut u64,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let (mut under_way, mut stopped, mut after) = (Vec::new(), Ok(()), done.clone());
        for letter in &chunk.letters {
            if *left == 0 {
                break;
            }
            let gap_begins = std::mem::replace(before, letter.offset);
            if done.contains(letter.offset) {
                continue;
            }
            if !self.letters.asks_for(letter) {
                outcome.passed_over += 1;
                continue;
            }
            let Some(topic) = self.to.clone().or_else(|| letter.origin()) else {
                let at = format!("{}@{}", letter.partition, letter.offset);
                stopped =
                    Err(anyhow::anyhow!("letter {at} does not tell where it came from: say --to TOPIC"));
                break;
            };
            after.add(gap_begins, letter.offset);
            if after.written().is_none() {
                stopped = too_many_gaps();
                break;
            }
            if let Some(hand) = hand {
                match hand.send(&topic, letter).await {
                    Ok(delivery) => under_way.push(delivery),
                    Err(error) => {
                        stopped = Err(error);
                        break;
                    }
                }
            }
            done.add(gap_begins, letter.offset);
            *outcome.sent.entry(topic).or_default() += 1;
            *left -= 1;
        }
        for delivery in under_way {
            delivery.await?;
        }
        if let Some(hand) = hand {
            let committed = done.written().context("more gaps than can be remembered")?;
            hand.admin.alter_group_offsets(&hand.group, [(chunk.partition.clone(), committed)]).await?;
        }
        stopped
    }
}

fn too_many_gaps() -> Result<()> {
    bail!(
        "what was sent lies between so many letters that do not match that no more can be remembered: replay or purge some of those \
         first"
    )
}

impl Hand {
    async fn send(&self, topic: &str, letter: &Letter) -> Result<millstream_client::Delivery> {
        let headers: Vec<Header<'_>> =
            letter.own_headers().map(|(name, value)| Header { key: name.as_bytes(), value }).collect();
        let record = ProducerRecord {
            topic,
            partition: None,
            key: letter.key.as_deref(),
            value: letter.value.as_deref(),
            headers: &headers,
            timestamp: Some(letter.timestamp).filter(|timestamp| *timestamp >= 0),
        };
        Ok(self.producer.send(record).await?)
    }
}
