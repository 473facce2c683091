//! `millstream consume`: records to standard output, one a line.

use std::collections::HashMap;
use std::io::{self, BufWriter, Stdout, Write};
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use millstream_client::{Consumer, Event, Fetched, Offset, OffsetReset, Record, TopicPartition};
use serde::Serialize;
use serde_json::Value;

use crate::cluster::{Cluster, TopicName, all};
use crate::output::Format;
use crate::stop::stopped;
use crate::text::to_json;
use crate::time::moment;

/// How long a poll waits before it is asked again whether the end is reached, where that matters.
const POLL: Duration = Duration::from_millis(50);

/// How long a command that is stopped waits for its last commit.
const GOODBYE: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct Consume {
    #[command(flatten)]
    topic: TopicName,
    /// Read all there is, not just what comes from now on; a group begins there if it has no offset
    #[arg(long)]
    from_beginning: bool,
    /// Read from this time on, e.g. 2026-11-22T05:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment, conflicts_with_all = ["from_beginning", "group"])]
    from: Option<i64>,
    /// Read this partition alone; by default all
    #[arg(short, long, conflicts_with = "group")]
    partition: Option<i32>,
    /// Read from here on: an offset, `earliest`, `latest`, or -N for the last N
    #[arg(
        long,
        requires = "partition",
        allow_hyphen_values = true,
        conflicts_with_all = ["from_beginning", "from"]
    )]
    offset: Option<Start>,
    /// Take part in a group, which remembers how far it has read
    #[arg(short, long)]
    group: Option<String>,
    /// End after so many records
    #[arg(short = 'n', long, value_name = "RECORDS")]
    max_messages: Option<u64>,
    /// End where the topic ended when the command began
    #[arg(short, long)]
    exit: bool,
    /// What divides the key from the value in each line; without it the value alone is written
    #[arg(short = 'K', long, value_name = "TEXT")]
    key_separator: Option<String>,
    /// With json, an object a line; bytes that are no UTF-8 become {"hex": "00ff"}. `produce --input json` takes such lines
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

/// Where `--offset` begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Earliest,
    Latest,
    At(i64),
    /// So many before the end.
    Last(i64),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<i64>()) {
            ("earliest", _) => Ok(Self::Earliest),
            ("latest", _) => Ok(Self::Latest),
            (_, Ok(offset)) if offset >= 0 => Ok(Self::At(offset)),
            (_, Ok(last)) => Ok(Self::Last(last.saturating_neg())),
            _ => Err("expected an offset, earliest, latest, or -N for the last N".to_owned()),
        }
    }
}

impl Consume {
    pub(crate) async fn run(self) -> Result<()> {
        // It is there, as is asked first; should it be deleted, nobody wants it back empty.
        let mut config = self.cluster.consumer()?.set("allow.auto.create.topics", "false")?;
        if self.from_beginning {
            config = config.auto_offset_reset(OffsetReset::Earliest);
        }
        if let Some(group) = &self.group {
            config = config.group_id(group);
        }
        let partitions = self.partitions().await?;
        let mut consumer = config.build().await?;
        let ends: Option<HashMap<_, _>> = match self.exit {
            true => Some(consumer.end_offsets(partitions.iter().cloned()).await?.into_iter().collect()),
            false => None,
        };
        self.begin(&consumer, partitions).await?;

        // From here on there is something to leave in order: the group.
        let mut stop = pin!(stopped()?);
        let mut printer = Printer { out: BufWriter::new(io::stdout()), left: self.max_messages, args: &self };
        // Without a group the partitions are there at once.
        let mut assigned = self.group.is_none();
        while printer.left != Some(0)
            && !(assigned && ends.as_ref().is_some_and(|ends| read(&consumer, ends)))
        {
            let event = tokio::select! {
                event = consumer.poll(POLL) => event?,
                stopped = &mut stop => {
                    // A broker that is away does not learn that the member left; it notices before long.
                    if let Ok(closed) = tokio::time::timeout(GOODBYE, consumer.close()).await {
                        closed?;
                    }
                    return Err(stopped.into());
                }
            };
            match event {
                Some(Event::Fetched(fetched)) => {
                    let next = printer.print(&fetched)?;
                    if next < fetched.next_offset {
                        // The group has not read what was not written.
                        consumer.seek(&fetched.partition, Offset(next))?;
                    }
                }
                Some(Event::Assigned(_)) => assigned = true,
                _ => {}
            }
        }
        Ok(consumer.close().await?)
    }

    /// The partitions to read.
    async fn partitions(&self) -> Result<Vec<TopicPartition>> {
        let (admin, name) = (self.cluster.admin().await?, self.topic.as_str());
        let topic = all(&admin, admin.describe_topics([name]).await?).await?.pop();
        let topic = topic.context("the broker did not answer for the topic")?;
        let wanted = |index: &i32| self.partition.is_none_or(|partition| partition == *index);
        let indexes = topic.partitions.iter().map(|partition| partition.partition).filter(wanted);
        let found: Vec<_> = indexes.map(|index| TopicPartition::new(name, index)).collect();
        if found.is_empty() {
            bail!("topic {name} has {} partitions, counted from 0", topic.partitions.len());
        }
        Ok(found)
    }

    async fn begin(&self, consumer: &Consumer, partitions: Vec<TopicPartition>) -> Result<()> {
        if self.group.is_some() {
            return Ok(consumer.subscribe([self.topic.as_str()])?);
        }
        if let (Some(start), [partition]) = (self.offset, partitions.as_slice()) {
            consumer.assign_at(partition.clone(), start.offset(consumer, partition).await?);
            return Ok(());
        }
        let Some(time) = self.from else {
            consumer.assign(partitions);
            return Ok(());
        };
        let found = consumer.offsets_for_times(partitions.iter().map(|p| (p.clone(), time))).await?;
        consumer.assign(partitions);
        for (partition, found) in found {
            match found {
                Some(found) => consumer.seek(&partition, Offset(found.offset))?,
                None => consumer.seek_to_end(&partition)?,
            }
        }
        Ok(())
    }
}

impl Start {
    async fn offset(self, consumer: &Consumer, partition: &TopicPartition) -> Result<Offset> {
        let firsts = consumer.beginning_offsets([partition.clone()]).await?;
        let ends = consumer.end_offsets([partition.clone()]).await?;
        let (Some(Offset(first)), Some(Offset(end))) =
            (firsts.get(partition).copied(), ends.get(partition).copied())
        else {
            bail!("the broker did not answer for {partition}")
        };
        let offset = match self {
            Self::Earliest => first,
            Self::Latest => end,
            Self::Last(records) => end.saturating_sub(records).max(first),
            Self::At(offset) if (first..=end).contains(&offset) => offset,
            Self::At(offset) => bail!("{partition} holds the offsets {first} to {end}, so none {offset}"),
        };
        Ok(Offset(offset))
    }
}

/// Whether all that is assigned was read up to `ends`.
fn read(consumer: &Consumer, ends: &HashMap<TopicPartition, Offset>) -> bool {
    let passed = |partition: &TopicPartition, end: &Offset| {
        consumer.position(partition).is_some_and(|position| position >= *end)
    };
    consumer.assignment().iter().all(|partition| ends.get(partition).is_none_or(|end| passed(partition, end)))
}

struct Printer<'a> {
    out: BufWriter<Stdout>,
    /// Records that may still be written.
    left: Option<u64>,
    args: &'a Consume,
}

impl Printer<'_> {
    /// Writes as many records as may be, and returns the offset after them.
    fn print(&mut self, fetched: &Fetched) -> Result<i64> {
        let mut outcome = Ok(());
        let mut next = fetched.next_offset;
        fetched.for_each(|record| {
            if outcome.is_err() {
                return Ok(());
            }
            if self.left == Some(0) {
                next = next.min(record.offset.0);
                return Ok(());
            }
            self.left = self.left.map(|left| left - 1);
            outcome = self.line(&fetched.partition, record);
            Ok(())
        })?;
        outcome?;
        self.out.flush()?;
        Ok(next)
    }

    fn line(&mut self, partition: &TopicPartition, record: &Record<'_>) -> io::Result<()> {
        if self.args.output == Format::Json {
            serde_json::to_writer(&mut self.out, &Line::new(partition, record))?;
            return self.out.write_all(b"\n");
        }
        if let Some(separator) = &self.args.key_separator {
            self.out.write_all(record.key.unwrap_or_default())?;
            self.out.write_all(separator.as_bytes())?;
        }
        self.out.write_all(record.value.unwrap_or_default())?;
        self.out.write_all(b"\n")
    }
}

/// A record as JSON.
#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp: i64,
    key: Option<Value>,
    value: Option<Value>,
    headers: Vec<(Value, Option<Value>)>,
}

impl<'a> Line<'a> {
    fn new(partition: &'a TopicPartition, record: &Record<'_>) -> Self {
        Self {
            topic: &partition.topic,
            partition: partition.partition,
            offset: record.offset.0,
            timestamp: record.timestamp,
            key: record.key.map(to_json),
            value: record.value.map(to_json),
            headers: record.headers.iter().map(|h| (to_json(h.key), h.value.map(to_json))).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Start;

    #[test]
    fn where_to_begin() {
        let parsed = ["earliest", "latest", "7", "-3"].map(|text| text.parse::<Start>());
        assert_eq!(parsed, [Ok(Start::Earliest), Ok(Start::Latest), Ok(Start::At(7)), Ok(Start::Last(3))]);
        assert!("first".parse::<Start>().is_err());
    }
}
