//! Work on the files of a broker that is not running.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use millstream_broker::log::{TopicPartition, cut};
use millstream_broker::storage::DiskStorage;
use millstream_wire::ids::{Offset, PartitionIndex};

#[derive(Subcommand)]
pub(crate) enum Log {
    /// Give up the records of a partition from an offset on, so that it can be served again
    Cut(Cut),
}

#[derive(Args)]
pub(crate) struct Cut {
    /// Data directory of the broker, which must not run
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Its topic
    #[arg(long)]
    topic: String,
    /// Its number in the topic
    #[arg(long)]
    partition: i32,
    /// The first offset that is given up; the broker's log names it
    #[arg(long, value_name = "OFFSET")]
    at: i64,
}

impl Log {
    pub(crate) fn run(self) -> Result<()> {
        match self {
            Self::Cut(cut) => cut.run(),
        }
    }
}

impl Cut {
    fn run(self) -> Result<()> {
        if !self.data.is_dir() {
            bail!("{} is no directory", self.data.display());
        }
        let partition = TopicPartition::new(self.topic, PartitionIndex(self.partition));
        let end = cut(Arc::new(DiskStorage), &self.data, &partition, Offset(self.at))?;
        crate::output::say(format!("{partition} ends at offset {end} now"))
    }
}
