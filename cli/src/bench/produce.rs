//! `millstream bench produce`.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;
use millstream_client::ProducerRecord;
use rand::RngExt;

use super::report::Measurement;
use crate::cluster::{Cluster, TopicName};
use crate::output::{self, Format};
use crate::pending::Pending;

#[derive(Args)]
pub(crate) struct Produce {
    /// Topic to write to; made by the cluster if it is missing
    #[command(flatten)]
    topic: TopicName,
    #[arg(long, default_value_t = 1_000_000)]
    num_records: u64,
    /// Bytes of each value
    #[arg(long, default_value_t = 100)]
    record_size: usize,
    /// Records a second; by default as many as are taken
    #[arg(long)]
    throughput: Option<u32>,
    /// For people, or for scripts
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

impl Produce {
    pub(crate) async fn run(self) -> Result<()> {
        let producer = self.cluster.producer()?.build().await?;
        let value = random_value(self.record_size);
        let mut pace = self.throughput.map(Pace::new);
        let mut pending = Pending::default();
        let measurement = Measurement::begin()?;
        for _ in 0..self.num_records {
            if let Some(pace) = &mut pace {
                pace.wait().await;
            }
            pending.push(producer.send(ProducerRecord::to(self.topic.as_str()).value(&value)).await?).await?;
        }
        producer.close().await?;
        pending.settle().await?;
        let throughput = measurement.end(self.num_records, self.num_records * self.record_size as u64)?;
        output::row(self.output, throughput)
    }
}

/// Letters, as in Kafka's own tool: they compress as little as its do.
pub(super) fn random_value(size: usize) -> Vec<u8> {
    let mut random = rand::rng();
    (0..size).map(|_| random.random_range(b'A'..=b'Z')).collect()
}

/// A steady rate. Who falls behind catches up.
pub(super) struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.max(1), next: Instant::now() }
    }

    pub(super) async fn wait(&mut self) {
        tokio::time::sleep_until(self.next.into()).await;
        self.next += self.interval;
    }
}
