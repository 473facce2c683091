//! What lies in the topics of a cluster.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use millstream_client::{Admin, Consumer, Event, Offset, OffsetAndTimestamp, Record, TopicPartition};

use crate::process::PATIENCE;

/// An offset of each partition.
pub type Offsets = BTreeMap<i32, i64>;

/// As the protocol asks for the first offset, and for the one behind the last.
const START: i64 = -2;
const END: i64 = -1;

/// The topics of a cluster, seen from outside.
pub struct Topics {
    bootstrap: String,
    admin: Admin,
}

impl Topics {
    /// Those of the cluster at `bootstrap`.
    pub fn on(bootstrap: &str) -> Result<Self> {
        let admin = Admin::builder().bootstrap(bootstrap).build_blocking()?;
        Ok(Self { bootstrap: bootstrap.to_owned(), admin })
    }

    /// How far a group has committed a topic; partitions that it has not are missing.
    pub fn committed(&self, group: &str, topic: &str) -> Result<Offsets> {
        let offsets = self.admin.blocking(self.admin.group_offsets(group))?;
        let of_topic = offsets.into_iter().filter(|(partition, _)| &*partition.topic == topic);
        Ok(of_topic.map(|(partition, offset)| (partition.partition, offset.offset)).collect())
    }

    /// Where the partitions of a topic begin; nothing where there is no topic.
    pub fn starts(&self, topic: &str) -> Result<Offsets> {
        self.offsets(topic, START)
    }

    /// Where the partitions of a topic end; nothing where there is no topic.
    pub fn ends(&self, topic: &str) -> Result<Offsets> {
        self.offsets(topic, END)
    }

    fn offsets(&self, topic: &str, at: i64) -> Result<Offsets> {
        let described = self.admin.blocking(self.admin.describe_topics([topic]))?;
        let Some((_, Ok(described))) = described.into_iter().next() else { return Ok(Offsets::new()) };
        let partitions = described.partitions.iter().map(|one| TopicPartition::new(topic, one.partition));
        let found =
            self.admin.blocking(self.admin.list_offsets(partitions.map(|partition| (partition, at))))?;
        let offset = |(partition, found): (TopicPartition, Option<OffsetAndTimestamp>)| {
            (partition.partition, found.map_or(0, |found| found.offset))
        };
        Ok(found.into_iter().map(offset).collect())
    }

    /// Reads a topic from these offsets, or from its start, to where it ends now.
    pub fn read(&self, topic: &str, from: &Offsets, mut each: impl FnMut(i32, &Record<'_>)) -> Result<()> {
        let mut consumer = Consumer::builder().bootstrap(&self.bootstrap).build_blocking()?;
        let mut left = BTreeMap::new();
        let starts = self.starts(topic)?;
        for (partition, end) in self.ends(topic)? {
            let start = starts.get(&partition).copied().unwrap_or_default();
            let begin = from.get(&partition).copied().unwrap_or(start).max(start);
            if begin < end {
                consumer.assign_at(TopicPartition::new(topic, partition), Offset(begin));
                left.insert(partition, end);
            }
        }
        while !left.is_empty() {
            let event = consumer.poll_blocking(PATIENCE)?;
            let Event::Fetched(fetched) =
                event.with_context(|| format!("{topic} cannot be read to its end"))?
            else {
                continue;
            };
            let partition = fetched.partition.partition;
            fetched.for_each(|record| {
                each(partition, record);
                Ok(())
            })?;
            left.retain(|number, end| *number != partition || fetched.next_offset < *end);
        }
        Ok(())
    }
}
