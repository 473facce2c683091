//! `millstream group describe`.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use millstream_client::{Admin, GroupDescription, TopicPartition};
use serde::Serialize;

use super::reset::LATEST;
use crate::cluster::{Shown, all};
use crate::output::{self, Format, Row};

#[derive(Args)]
pub(super) struct Describe {
    /// Names of groups
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    #[command(flatten)]
    shown: Shown,
}

/// A group in full.
#[derive(Serialize)]
struct Described {
    group: String,
    state: String,
    protocol_type: String,
    assignor: String,
    members: Vec<Member>,
    partitions: Vec<Progress>,
}

#[derive(Serialize)]
struct Member {
    member: String,
    instance_id: Option<String>,
    client_id: String,
    host: String,
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
    pub(super) async fn run(self) -> Result<()> {
        let admin = self.shown.cluster.admin().await?;
        let groups = match self.groups {
            groups if groups.is_empty() => {
                admin.list_groups().await?.into_iter().map(|group| group.id).collect()
            }
            groups => groups,
        };
        let mut described = Vec::new();
        for group in all(&admin, admin.describe_groups(groups).await).await? {
            described.push(Described::new(&admin, group).await?);
        }
        match self.shown.output {
            Format::Json => output::json(&described),
            Format::Table => described.iter().try_for_each(Described::print),
        }
    }
}

impl Described {
    async fn new(admin: &Admin, group: GroupDescription) -> Result<Self> {
        let partitions = progress(admin, &group).await?;
        let member = |member: millstream_client::GroupMember| Member {
            member: member.id,
            instance_id: member.instance_id,
            client_id: member.client_id,
            host: member.host,
        };
        Ok(Self {
            group: group.id,
            state: group.state,
            protocol_type: group.protocol_type,
            assignor: group.assignor,
            members: group.members.into_iter().map(member).collect(),
            partitions,
        })
    }

    fn print(&self) -> Result<()> {
        let members = match self.members.len() {
            0 => "no members".to_owned(),
            1 => "1 member".to_owned(),
            many => format!("{many} members"),
        };
        output::say(format_args!("{} is {}, {members}", self.group, self.state))?;
        output::rows(Format::Table, &self.partitions)
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
