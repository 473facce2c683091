//! `millstream group`.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use chrono::DateTime;
use clap::{Args, Subcommand};
use millstream_client::{Admin, GroupDescription, TopicPartition};
use serde::Serialize;

use crate::cluster::{Cluster, all};
use crate::output::{self, Format, Row};

/// What ListOffsets takes for the ends of a log.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

#[derive(Args)]
pub(crate) struct Group {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Name all groups
    List(List),
    /// Tell how far a group has read, and who reads
    Describe(Describe),
    /// Delete groups with their offsets
    Delete(Delete),
    /// Move a group without members to other offsets; shows what it would do unless --execute is given
    ResetOffsets(ResetOffsets),
}

#[derive(Args)]
struct List {
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Args)]
struct Describe {
    group: String,
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Args)]
struct Delete {
    #[arg(required = true)]
    groups: Vec<String>,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Args)]
struct ResetOffsets {
    group: String,
    /// Topic to move in
    #[arg(long)]
    topic: String,
    #[command(flatten)]
    to: Target,
    /// Do it
    #[arg(long)]
    execute: bool,
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Target {
    #[arg(long)]
    to_earliest: bool,
    #[arg(long)]
    to_latest: bool,
    #[arg(long, value_name = "OFFSET")]
    to_offset: Option<i64>,
    /// The first record of this time or later, e.g. 2026-11-22T05:00:00Z
    #[arg(long, value_name = "RFC 3339")]
    to_datetime: Option<String>,
    /// By so many records forwards, or backwards if negative
    #[arg(long, value_name = "RECORDS", allow_negative_numbers = true)]
    shift_by: Option<i64>,
}

impl Group {
    pub(crate) async fn run(self) -> Result<()> {
        match self.verb {
            Verb::List(list) => list.run().await,
            Verb::Describe(describe) => describe.run().await,
            Verb::Delete(delete) => delete.run().await,
            Verb::ResetOffsets(reset) => reset.run().await,
        }
    }
}

/// A group in the list.
#[derive(Serialize)]
struct Listed {
    group: String,
    protocol_type: String,
    state: String,
}

impl Row for Listed {
    const COLUMNS: &[&str] = &["GROUP", "TYPE", "STATE"];

    fn cells(&self) -> Vec<String> {
        vec![self.group.clone(), self.protocol_type.clone(), self.state.clone()]
    }
}

impl List {
    async fn run(self) -> Result<()> {
        let groups = self.cluster.admin().await?.list_groups().await?.into_iter();
        let listed: Vec<Listed> = groups
            .map(|group| Listed { group: group.id, protocol_type: group.protocol_type, state: group.state })
            .collect();
        output::rows(self.output, &listed)
    }
}

/// A partition that a group has read from, or that one of its members reads.
#[derive(Serialize)]
struct Progress {
    topic: String,
    partition: i32,
    committed: Option<i64>,
    end: Option<i64>,
    lag: Option<i64>,
    member: Option<String>,
    client_id: Option<String>,
    host: Option<String>,
}

impl Row for Progress {
    const COLUMNS: &[&str] = &["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER", "HOST", "CLIENT"];

    fn cells(&self) -> Vec<String> {
        let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        vec![
            self.topic.clone(),
            self.partition.to_string(),
            number(self.committed),
            number(self.end),
            number(self.lag),
            text(&self.member),
            text(&self.host),
            text(&self.client_id),
        ]
    }
}

impl Describe {
    async fn run(self) -> Result<()> {
        let admin = self.cluster.admin().await?;
        let group = all(admin.describe_groups([self.group.clone()]).await)?.pop();
        let group = group.context("the broker did not answer for the group")?;
        let progress = progress(&admin, &group).await?;
        if self.output == Format::Table {
            output::say(format_args!("{} is {}, {} members", group.id, group.state, group.members.len()))?;
        }
        output::rows(self.output, &progress)
    }
}

/// One row a partition, in order.
async fn progress(admin: &Admin, group: &GroupDescription) -> Result<Vec<Progress>> {
    let mut rows = BTreeMap::new();
    let empty = |partition: &TopicPartition| Progress {
        topic: partition.topic.to_string(),
        partition: partition.partition,
        committed: None,
        end: None,
        lag: None,
        member: None,
        client_id: None,
        host: None,
    };
    let key = |partition: &TopicPartition| (partition.topic.to_string(), partition.partition);
    for (partition, committed) in admin.group_offsets(&group.id).await? {
        rows.entry(key(&partition)).or_insert_with(|| empty(&partition)).committed = Some(committed.offset);
    }
    for member in &group.members {
        for partition in &member.partitions {
            let row = rows.entry(key(partition)).or_insert_with(|| empty(partition));
            row.member = Some(member.id.clone());
            row.client_id = Some(member.client_id.clone());
            row.host = Some(member.host.clone());
        }
    }
    let partitions = rows.keys().map(|(topic, partition)| TopicPartition::new(topic.as_str(), *partition));
    let ends = admin.list_offsets(partitions.map(|partition| (partition, LATEST))).await?;
    for (partition, end) in ends {
        if let (Some(row), Some(end)) = (rows.get_mut(&key(&partition)), end) {
            row.end = Some(end.offset);
            row.lag = row.committed.map(|committed| end.offset - committed);
        }
    }
    Ok(rows.into_values().collect())
}

impl Delete {
    async fn run(self) -> Result<()> {
        all(self.cluster.admin().await?.delete_groups(self.groups).await).map(drop)
    }
}

/// Where a partition is moved to.
#[derive(Serialize)]
struct Moved {
    topic: String,
    partition: i32,
    from: Option<i64>,
    to: i64,
}

impl Row for Moved {
    const COLUMNS: &[&str] = &["TOPIC", "PARTITION", "FROM", "TO"];

    fn cells(&self) -> Vec<String> {
        let from = self.from.map_or_else(|| "-".to_owned(), |from| from.to_string());
        vec![self.topic.clone(), self.partition.to_string(), from, self.to.to_string()]
    }
}

impl ResetOffsets {
    async fn run(self) -> Result<()> {
        let admin = self.cluster.admin().await?;
        let topic = all(admin.describe_topics([self.topic.clone()]).await?)?.pop();
        let partitions: Vec<TopicPartition> = topic
            .context("the broker did not answer for the topic")?
            .partitions
            .iter()
            .map(|partition| TopicPartition::new(self.topic.as_str(), partition.partition))
            .collect();
        let committed = admin.group_offsets(&self.group).await?;
        let earliest = offsets(&admin, &partitions, EARLIEST).await?;
        let latest = offsets(&admin, &partitions, LATEST).await?;
        let dated = match self.to.time()? {
            Some(time) => offsets(&admin, &partitions, time).await?,
            None => vec![None; partitions.len()],
        };
        let mut moves = Vec::new();
        for (index, partition) in partitions.iter().enumerate() {
            let (first, end) = (earliest[index].unwrap_or(0), latest[index].unwrap_or(0));
            let from = committed.get(partition).map(|committed| committed.offset);
            let to = self.to.offset(first, end, from, dated[index]);
            let to = to.with_context(|| format!("the group has no offset of {partition} to shift"))?;
            moves.push(Moved {
                topic: self.topic.clone(),
                partition: partition.partition,
                from,
                to: to.clamp(first, end),
            });
        }
        if self.execute {
            let to = partitions.into_iter().zip(moves.iter().map(|moved| moved.to));
            admin.alter_group_offsets(&self.group, to).await?;
        }
        output::rows(self.output, &moves)
    }
}

/// The offsets of a time in each partition; `None` where no record is as late.
async fn offsets(admin: &Admin, partitions: &[TopicPartition], time: i64) -> Result<Vec<Option<i64>>> {
    let found = admin.list_offsets(partitions.iter().map(|partition| (partition.clone(), time))).await?;
    Ok(partitions.iter().map(|partition| Some(found.get(partition)?.as_ref()?.offset)).collect())
}

impl Target {
    /// Milliseconds since the epoch, if the target is a time.
    fn time(&self) -> Result<Option<i64>> {
        let Some(text) = &self.to_datetime else { return Ok(None) };
        match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Ok(Some(time.timestamp_millis())),
            Err(error) => bail!("`{text}` is no time such as 2026-11-22T05:00:00Z: {error}"),
        }
    }

    /// The offset in a partition whose log reaches from `first` to `end`, which the group has read up to `from`.
    fn offset(&self, first: i64, end: i64, from: Option<i64>, dated: Option<i64>) -> Option<i64> {
        match self {
            Self { to_earliest: true, .. } => Some(first),
            Self { to_offset: Some(offset), .. } => Some(*offset),
            Self { shift_by: Some(records), .. } => Some(from? + records),
            // As Kafka does where all records are older.
            Self { to_datetime: Some(_), .. } => Some(dated.unwrap_or(end)),
            _ => Some(end),
        }
    }
}
