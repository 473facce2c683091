//! `millstream streams`.

mod answer;
mod ask;
mod report;
mod skew;

use anyhow::Result;
use clap::Subcommand;

#[derive(Subcommand)]
pub(crate) enum Streams {
    /// Show which partitions and keys an application has most work with, and which of its instances fall behind
    Skew(skew::Skew),
}

impl Streams {
    pub(crate) async fn run(self) -> Result<()> {
        let Self::Skew(skew) = self;
        skew.run().await
    }
}
