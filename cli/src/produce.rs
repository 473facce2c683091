//! `millstream produce`: records from standard input, one a line.

use anyhow::{Context, Result};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use millstream_client::{Header, ProducerRecord};
use millstream_wire::compression::Compression;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::cluster::Cluster;
use crate::pairs::Pair;
use crate::pending::Pending;

#[derive(Args)]
pub(crate) struct Produce {
    topic: String,
    /// What divides the key from the value in each line; without it all of the line is the value
    #[arg(short = 'K', long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    key_separator: Option<String>,
    /// Partition to write to; by default the key chooses it
    #[arg(short, long)]
    partition: Option<i32>,
    /// Header of every record
    #[arg(short = 'H', long = "header", value_name = "KEY=VALUE")]
    headers: Vec<Pair>,
    /// none, gzip, snappy, lz4 or zstd
    #[arg(short = 'z', long, value_name = "CODEC")]
    compression: Option<Compression>,
    #[command(flatten)]
    cluster: Cluster,
}

impl Produce {
    pub(crate) async fn run(self) -> Result<()> {
        let mut config = self.cluster.producer()?;
        if let Some(codec) = self.compression {
            config = config.compression(codec);
        }
        let producer = config.build().await?;
        let headers: Vec<Header<'_>> = self.headers.iter().map(header).collect();
        let mut pending = Pending::default();
        let mut input = BufReader::new(stdin());
        let mut line = Vec::new();
        while input.read_until(b'\n', &mut line).await.context("reading standard input")? > 0 {
            let (key, value) = self.split(line.strip_suffix(b"\n").unwrap_or(&line))?;
            let record = ProducerRecord { partition: self.partition, key, ..ProducerRecord::to(&self.topic) };
            pending.push(producer.send(record.value(value).headers(&headers)).await?).await?;
            line.clear();
        }
        // What waits for more records to share its batch has waited long enough.
        producer.close().await?;
        pending.settle().await
    }

    /// Key and value of a line.
    fn split<'a>(&self, line: &'a [u8]) -> Result<(Option<&'a [u8]>, &'a [u8])> {
        let Some(separator) = self.key_separator.as_deref() else { return Ok((None, line)) };
        let at = line.windows(separator.len()).position(|part| part == separator.as_bytes());
        let at = at.with_context(|| {
            format!("no {separator:?} between key and value in the line {:?}", String::from_utf8_lossy(line))
        })?;
        Ok((Some(&line[..at]), &line[at + separator.len()..]))
    }
}

fn header(pair: &Pair) -> Header<'_> {
    Header { key: pair.key.as_bytes(), value: Some(pair.value.as_bytes()) }
}
