//! `millstream group reset-offsets`.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use chrono::Utc;
use clap::Args;
use millstream_client::{Admin, ErrorCode, TopicPartition};
use serde::Serialize;

use crate::cluster::{Shown, all};
use crate::output::{self, Row};
use crate::time::{moment, span};

/// What ListOffsets takes for the ends of a log.
pub(super) const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

#[derive(Args)]
pub(super) struct ResetOffsets {
    /// Name of the group
    group: String,
    /// Topic to move in, or some of its partitions
    #[arg(long = "topic", value_name = "TOPIC[:PARTITION,...]", required_unless_present = "all_topics")]
    topics: Vec<String>,
    /// Move in every topic that the group has offsets of
    #[arg(long, conflicts_with = "topics")]
    all_topics: bool,
    #[command(flatten)]
    to: Target,
    /// Show what would be done, which is the default
    #[arg(long, conflicts_with = "execute")]
    dry_run: bool,
    /// Do it
    #[arg(long)]
    execute: bool,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Target {
    /// The first record that there is
    #[arg(long)]
    to_earliest: bool,
    /// What comes from now on
    #[arg(long)]
    to_latest: bool,
    /// Where the group is, or the end where it has no offset
    #[arg(long)]
    to_current: bool,
    /// This offset, or the nearest that there is
    #[arg(long, value_name = "OFFSET", allow_negative_numbers = true)]
    to_offset: Option<i64>,
    /// The first record of this time or later, e.g. 2026-11-22T05:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    to_datetime: Option<i64>,
    /// The first record of so long ago or later, e.g. PT1H30M or 90m
    #[arg(long, value_name = "SPAN", value_parser = span)]
    by_duration: Option<i64>,
    /// By so many records forwards, or backwards if negative
    #[arg(long, value_name = "RECORDS", allow_negative_numbers = true)]
    shift_by: Option<i64>,
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
    pub(super) async fn run(self) -> Result<()> {
        let admin = self.shown.cluster.admin().await?;
        refuse_if_live(&admin, &self.group).await?;
        let committed = admin.group_offsets(&self.group).await?;
        let partitions: Vec<TopicPartition> = if self.all_topics {
            committed
                .keys()
                .map(|partition| (partition.topic.clone(), partition.partition))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .map(|(topic, partition)| TopicPartition::new(topic, partition))
                .collect()
        } else {
            self.partitions(&admin).await?
        };
        if partitions.is_empty() {
            bail!("group {} has no offsets to move; name topics with --topic", self.group);
        }
        let earliest = offsets(&admin, &partitions, EARLIEST).await?;
        let latest = offsets(&admin, &partitions, LATEST).await?;
        let dated = match self.to.time() {
            Some(time) => offsets(&admin, &partitions, time).await?,
            None => vec![None; partitions.len()],
        };
        let mut moves = Vec::new();
        for (index, partition) in partitions.iter().enumerate() {
            let (first, end) = (earliest[index].unwrap_or(0), latest[index].unwrap_or(0));
            let from = committed.get(partition).map(|committed| committed.offset);
            let to = self.to.offset(first, end, from, dated[index]);
            let to = to.with_context(|| format!("the group has no offset of {partition} to shift; give --to-earliest, --to-latest or --to-offset"))?;
            if to != to.clamp(first, end) {
                tracing::warn!(
                    "{partition} holds the offsets {first} to {end}: {to} is taken for the nearest of them"
                );
            }
            let (topic, to) = (partition.topic.to_string(), to.clamp(first, end));
            moves.push(Moved { topic, partition: partition.partition, from, to });
        }
        if self.execute {
            let to = partitions.into_iter().zip(moves.iter().map(|moved| moved.to));
            admin.alter_group_offsets(&self.group, to).await?;
        }
        output::rows(self.shown.output, &moves)
    }

    /// What `--topic` names, each partition once.
    async fn partitions(&self, admin: &Admin) -> Result<Vec<TopicPartition>> {
        let mut partitions = Vec::new();
        for text in &self.topics {
            let (name, chosen) = chosen(text)?;
            let described = admin.describe_topics([name]).await?;
            for topic in all(admin, described).await? {
                let count = topic.partitions.len();
                if let Some(missing) = chosen.iter().find(|index| **index as usize >= count) {
                    bail!("topic {name} has {count} partitions, counted from 0, so no {missing}");
                }
                let indexes = topic.partitions.iter().map(|partition| partition.partition);
                let wanted = indexes.filter(|index| chosen.is_empty() || chosen.contains(&(*index as u32)));
                partitions.extend(wanted.map(|index| TopicPartition::new(name, index)));
            }
        }
        Ok(partitions)
    }
}

/// `topic:0,2` into the topic and its partitions; none for all.
fn chosen(text: &str) -> Result<(&str, Vec<u32>)> {
    let Some((name, indexes)) = text.split_once(':') else { return Ok((text, Vec::new())) };
    let indexes: Result<Vec<u32>, _> = indexes.split(',').map(str::parse).collect();
    Ok((name, indexes.with_context(|| format!("--topic {text} is not TOPIC or TOPIC:PARTITION,..."))?))
}

/// A member would commit its own offsets over those that are set.
async fn refuse_if_live(admin: &Admin, group: &str) -> Result<()> {
    for (_, described) in admin.describe_groups([group]).await {
        match described {
            Ok(found) if found.members.is_empty() => {}
            Ok(found) => {
                let members: Vec<_> =
                    found.members.iter().map(|m| format!("{} at {}", m.client_id, m.host)).collect();
                bail!("group {group} is {}; stop its members first: {}", found.state, members.join(", "));
            }
            // A group begins with its first offset.
            Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The offsets of a time in each partition; `None` where no record is as late.
async fn offsets(admin: &Admin, partitions: &[TopicPartition], time: i64) -> Result<Vec<Option<i64>>> {
    let found = admin.list_offsets(partitions.iter().map(|partition| (partition.clone(), time))).await?;
    Ok(partitions.iter().map(|partition| Some(found.get(partition)?.as_ref()?.offset)).collect())
}

impl Target {
    /// Milliseconds since the epoch, if the target is a time.
    fn time(&self) -> Option<i64> {
        self.to_datetime.or_else(|| Some(Utc::now().timestamp_millis().saturating_sub(self.by_duration?)))
    }

    /// The offset in a partition whose log reaches from `first` to `end`, which the group has read up to `from`.
    fn offset(&self, first: i64, end: i64, from: Option<i64>, dated: Option<i64>) -> Option<i64> {
        match self {
            Self { to_earliest: true, .. } => Some(first),
            Self { to_current: true, .. } => Some(from.unwrap_or(end)),
            Self { to_offset: Some(offset), .. } => Some(*offset),
            Self { shift_by: Some(records), .. } => Some(from?.saturating_add(*records)),
            // As Kafka does where all records are older.
            Self { to_datetime: Some(_), .. } | Self { by_duration: Some(_), .. } => {
                Some(dated.unwrap_or(end))
            }
            _ => Some(end),
        }
    }
}
