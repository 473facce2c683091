//! `millstream bench`: what a cluster can do, any cluster's.

mod consume;
mod latency;
mod produce;
mod report;

use anyhow::Result;
use clap::Subcommand;

/// The kinds of work that can be measured.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// Write records as fast as they are taken, or at a given rate
    Produce(produce::Produce),
    /// Read a topic from its beginning as fast as it comes
    Consume(consume::Consume),
    /// Measure records one by one from just before the send to their return from the consumer
    Latency(latency::Latency),
}

impl Bench {
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Produce(produce) => produce.run().await,
            Self::Consume(consume) => consume.run().await,
            Self::Latency(latency) => latency.run().await,
        }
    }
}
