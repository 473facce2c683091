//! `millstream consume`: records to standard output, one a line.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufWriter, Stdout, Write};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chrono::DateTime;
use clap::Args;
use millstream_client::{Consumer, Event, Fetched, Offset, OffsetReset, Record, TopicPartition};
use serde_json::json;

use crate::cluster::{Cluster, all};
use crate::output::Format;

/// How long a poll waits before it is asked again.
const POLL: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(crate) struct Consume {
    topic: String,
    /// Read all there is, not just what comes from now on; a group begins there if it has no offset
    #[arg(long)]
    from_beginning: bool,
    /// Read from this time on, e.g. 2026-11-22T05:00:00Z
    #[arg(long, value_name = "RFC 3339", conflicts_with_all = ["from_beginning", "group"])]
    from: Option<String>,
    /// Read this partition alone; by default all
    #[arg(short, long, conflicts_with = "group")]
    partition: Option<i32>,
    /// Read from this offset on
    #[arg(long, requires = "partition", conflicts_with_all = ["from_beginning", "from"])]
    offset: Option<i64>,
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
    /// With json, an object a line: topic, partition, offset, timestamp, key, value, headers; bytes that are no UTF-8 become an
    /// object too, {"hex": "00ff"}
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

impl Consume {
    pub(crate) async fn run(self) -> Result<()> {
        let mut config = self.cluster.consumer()?;
        if self.from_beginning {
            config = config.auto_offset_reset(OffsetReset::Earliest);
        }
        if let Some(group) = &self.group {
            config = config.group_id(group);
        }
        let mut consumer = config.build().await?;
        let partitions = self.partitions().await?;
        let mut ends = if self.exit { Ends::of(&consumer, &partitions).await? } else { Ends::Open };
        self.begin(&consumer, partitions).await?;

        let mut printer = Printer { out: BufWriter::new(io::stdout()), left: self.max_messages, args: &self };
        while !ends.reached() && printer.left != Some(0) {
            match consumer.poll(POLL).await? {
                Some(Event::Fetched(fetched)) => {
                    printer.print(&fetched)?;
                    ends.passed(&fetched.partition, fetched.next_offset);
                }
                // What a group has read before is not read again, so it may be at the end already.
                Some(Event::Assigned(partitions)) if self.exit => {
                    for (partition, committed) in consumer.committed(partitions).await? {
                        ends.passed(&partition, committed.offset);
                    }
                }
                _ => {}
            }
        }
        Ok(consumer.close().await?)
    }

    /// The partitions to read.
    async fn partitions(&self) -> Result<Vec<TopicPartition>> {
        let admin = self.cluster.admin().await?;
        let topic = all(admin.describe_topics([self.topic.clone()]).await?)?.pop();
        let topic = topic.context("the broker did not answer for the topic")?;
        let wanted = |index: &i32| self.partition.is_none_or(|partition| partition == *index);
        let indexes = topic.partitions.iter().map(|partition| partition.partition).filter(wanted);
        let found: Vec<_> = indexes.map(|index| TopicPartition::new(self.topic.as_str(), index)).collect();
        if found.is_empty() {
            bail!("topic {} has {} partitions, counted from 0", self.topic, topic.partitions.len());
        }
        Ok(found)
    }

    async fn begin(&self, consumer: &Consumer, partitions: Vec<TopicPartition>) -> Result<()> {
        if self.group.is_some() {
            return Ok(consumer.subscribe([self.topic.as_str()])?);
        }
        if let (Some(offset), [partition]) = (self.offset, partitions.as_slice()) {
            consumer.assign_at(partition.clone(), Offset(offset));
            return Ok(());
        }
        let Some(text) = &self.from else {
            consumer.assign(partitions);
            return Ok(());
        };
        let time = DateTime::parse_from_rfc3339(text)
            .with_context(|| format!("`{text}` is no time such as 2026-11-22T05:00:00Z"))?
            .timestamp_millis();
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

/// Where to stop.
enum Ends {
    /// Nowhere.
    Open,
    /// At these offsets; a partition that is passed is gone from here.
    At(HashMap<TopicPartition, i64>),
}

impl Ends {
    /// Where the partitions that hold anything end now.
    async fn of(consumer: &Consumer, partitions: &[TopicPartition]) -> Result<Self> {
        let empty: HashSet<_> =
            consumer.beginning_offsets(partitions.iter().cloned()).await?.into_iter().collect();
        let ends = consumer.end_offsets(partitions.iter().cloned()).await?.into_iter();
        let ends = ends.filter(|end| !empty.contains(end)).map(|(partition, end)| (partition, end.0));
        Ok(Self::At(ends.collect()))
    }

    fn passed(&mut self, partition: &TopicPartition, next: i64) {
        if let Self::At(ends) = self
            && ends.get(partition).is_some_and(|end| next >= *end)
        {
            ends.remove(partition);
        }
    }

    fn reached(&self) -> bool {
        matches!(self, Self::At(ends) if ends.is_empty())
    }
}

struct Printer<'a> {
    out: BufWriter<Stdout>,
    /// Records that may still be written.
    left: Option<u64>,
    args: &'a Consume,
}

impl Printer<'_> {
    fn print(&mut self, fetched: &Fetched) -> Result<()> {
        let mut outcome = Ok(());
        fetched.for_each(|record| {
            if self.left != Some(0) && outcome.is_ok() {
                self.left = self.left.map(|left| left - 1);
                outcome = self.line(&fetched.partition, record);
            }
            Ok(())
        })?;
        outcome?;
        Ok(self.out.flush()?)
    }

    fn line(&mut self, partition: &TopicPartition, record: &Record<'_>) -> io::Result<()> {
        if self.args.output == Format::Json {
            return writeln!(self.out, "{}", as_json(partition, record));
        }
        if let Some(separator) = &self.args.key_separator {
            self.out.write_all(record.key.unwrap_or_default())?;
            self.out.write_all(separator.as_bytes())?;
        }
        self.out.write_all(record.value.unwrap_or_default())?;
        self.out.write_all(b"\n")
    }
}

fn as_json(partition: &TopicPartition, record: &Record<'_>) -> serde_json::Value {
    let headers: Vec<_> =
        record.headers.iter().map(|header| json!([text(header.key), header.value.map(text)])).collect();
    json!({
        "topic": &*partition.topic,
        "partition": partition.partition,
        "offset": record.offset.0,
        "timestamp": record.timestamp,
        "key": record.key.map(text),
        "value": record.value.map(text),
        "headers": headers,
    })
}

/// A string, unless the bytes are none: a script must be able to tell one value from another.
fn text(bytes: &[u8]) -> serde_json::Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => {
            let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
            json!({ "hex": hex.collect::<String>() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_keeps_every_byte() {
        assert_eq!(text("naïve\0".as_bytes()), json!("naïve\0"));
        assert_eq!(text(&[0, 0xff, 0x7e]), json!({ "hex": "00ff7e" }));
    }
}
