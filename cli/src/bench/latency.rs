//! `millstream bench latency`.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use millstream_client::{Consumer, Event, OffsetReset, Producer, ProducerRecord, TopicPartition};

use super::produce::Pace;
use super::report::Latencies;
use crate::cluster::{Cluster, TopicName};
use crate::output::{self, Format};
use crate::pending::Pending;

/// Sent first and not measured.
const WARM_UP: usize = 2_000;

/// A record that takes longer is lost.
const LOST: Duration = Duration::from_secs(30);

/// Its number stands at the start of each value.
const NUMBER_BYTES: usize = 8;

#[derive(Args)]
pub(crate) struct Latency {
    /// Topic to write to and read from; made by the cluster if it is missing
    #[command(flatten)]
    topic: TopicName,
    /// Records to measure
    #[arg(long, default_value_t = 10_000)]
    num_records: usize,
    /// Records a second
    #[arg(long, default_value_t = 500)]
    throughput: u32,
    /// Bytes of each value
    #[arg(long, default_value_t = 100)]
    record_size: usize,
    /// For people, or for scripts
    #[arg(short, long, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    cluster: Cluster,
}

impl Latency {
    pub(crate) async fn run(self) -> Result<()> {
        ensure!(self.record_size >= NUMBER_BYTES, "--record-size must be at least {NUMBER_BYTES}");
        let producer = self.cluster.producer()?.linger(Duration::ZERO).build().await?;
        // Makes the topic, too.
        ensure!(
            producer.partitions(self.topic.as_str()).await? > 0,
            "topic {} has no partitions",
            self.topic.as_str()
        );
        let mut consumer = self.cluster.consumer()?.auto_offset_reset(OffsetReset::Latest).build().await?;
        let partition = TopicPartition::new(self.topic.as_str(), 0);
        let end = consumer.end_offsets([partition.clone()]).await?.get(&partition).copied();
        consumer.assign_at(partition, end.context("the topic has no end")?);

        let total = WARM_UP + self.num_records;
        let reader = tokio::spawn(async move { arrivals(&mut consumer, total).await });
        let sent = self.send(producer, total).await?;
        let arrived = reader.await??;
        let taken = sent.iter().zip(&arrived).skip(WARM_UP).map(|(sent, arrived)| *arrived - *sent);
        output::row(self.output, Latencies::of(taken.collect())?)
    }

    /// Sends numbered records at the rate; returns when each was handed to the producer.
    async fn send(&self, producer: Producer, total: usize) -> Result<Vec<Instant>> {
        let mut value = vec![0; self.record_size];
        let mut sent = Vec::with_capacity(total);
        let mut pace = Pace::new(self.throughput);
        let mut pending = Pending::default();
        for number in 0..total {
            pace.wait().await;
            value[..NUMBER_BYTES].copy_from_slice(&(number as u64).to_be_bytes());
            sent.push(Instant::now());
            let record = ProducerRecord::to(self.topic.as_str()).partition(0).value(&value);
            pending.push(producer.send(record).await?).await?;
        }
        producer.close().await?;
        pending.settle().await?;
        Ok(sent)
    }
}

/// When each numbered record came.
async fn arrivals(consumer: &mut Consumer, total: usize) -> Result<Vec<Instant>> {
    let mut arrived = Vec::with_capacity(total);
    while arrived.len() < total {
        let event = consumer.poll(LOST).await?;
        let Event::Fetched(fetched) = event.context("a record did not come back")? else { continue };
        let now = Instant::now();
        let mut in_order = true;
        fetched.for_each(|record| {
            let number = record.value.and_then(|value| value.first_chunk()).copied().map(u64::from_be_bytes);
            in_order &= number == Some(arrived.len() as u64);
            arrived.push(now);
            Ok(())
        })?;
        ensure!(in_order, "somebody else writes to this topic: choose another");
    }
    Ok(arrived)
}
