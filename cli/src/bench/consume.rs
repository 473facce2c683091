//! `millstream bench consume`.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use millstream_client::{Event, OffsetReset, TopicPartition};

use super::report::Measurement;
use crate::cluster::{Cluster, TopicName, all};
use crate::output::{self, Format};

/// A topic that brings nothing for so long has ended.
const SILENCE: Duration = Duration::from_secs(10);

#[derive(Args)]
pub(crate) struct Consume {
    /// Topic to read, all of its partitions
    #[command(flatten)]
    topic: TopicName,
    #[arg(long, default_value_t = 1_000_000)]
    num_records: u64,
    /// For people, or for scripts
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

impl Consume {
    pub(crate) async fn run(self) -> Result<()> {
        let admin = self.cluster.admin().await?;
        let topic = all(&admin, admin.describe_topics([self.topic.as_str()]).await?).await?.pop();
        let partitions = topic.context("the broker did not answer for the topic")?.partitions;
        let mut consumer = self.cluster.consumer()?.auto_offset_reset(OffsetReset::Earliest).build().await?;
        let measurement = Measurement::begin()?;
        consumer.assign(
            partitions.iter().map(|partition| TopicPartition::new(self.topic.as_str(), partition.partition)),
        );
        let (mut records, mut bytes) = (0, 0);
        while records < self.num_records {
            let event = consumer.poll(SILENCE).await?;
            match event.with_context(|| format!("the topic ends after {records} records"))? {
                Event::Fetched(fetched) => fetched.for_each(|record| {
                    records += 1;
                    bytes += (record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len)) as u64;
                    Ok(())
                })?,
                _ => continue,
            }
        }
        output::row(self.output, measurement.end(records, bytes)?)
    }
}
