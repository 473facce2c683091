//! `millstream produce`: records from standard input, one a line.

use std::pin::pin;

use anyhow::{Context, Result, anyhow};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use millstream_client::{Header, ProducerRecord};
use millstream_wire::compression::Compression;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, stdin};

use crate::cluster::{Cluster, TopicName};
use crate::pairs::Pair;
use crate::pending::Pending;
use crate::stop::stopped;
use crate::text::from_json;

#[derive(Args)]
pub(crate) struct Produce {
    #[command(flatten)]
    topic: TopicName,
    /// With json each line is an object as `consume -o json` writes them: key, value, headers, timestamp; null is no value
    #[arg(short, long, value_enum, default_value_t = Input::Text, value_name = "FORMAT")]
    input: Input,
    /// What divides the key from the value in each line; without it all of the line is the value
    #[arg(
        short = 'K',
        long,
        value_name = "TEXT",
        value_parser = NonEmptyStringValueParser::new(),
        conflicts_with = "input"
    )]
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

/// What the lines are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Input {
    Text,
    Json,
}

/// A record that owns what its line said.
#[derive(Default)]
struct Line {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    timestamp: Option<i64>,
}

/// What a line of JSON may hold. Where the record lay before is no concern of the topic that it goes to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object {
    #[serde(default)]
    key: Value,
    value: Value,
    #[serde(default)]
    headers: Vec<(Value, Value)>,
    timestamp: Option<i64>,
    #[serde(rename = "topic")]
    _topic: Option<Value>,
    #[serde(rename = "partition")]
    _partition: Option<Value>,
    #[serde(rename = "offset")]
    _offset: Option<Value>,
    /// What `dlq export` says of a letter: where it came from, where it failed, and why.
    #[serde(rename = "origin")]
    _origin: Option<Value>,
    #[serde(rename = "stage")]
    _stage: Option<Value>,
    #[serde(rename = "error")]
    _error: Option<Value>,
}

impl Produce {
    pub(crate) async fn run(self) -> Result<()> {
        let mut config = self.cluster.producer()?;
        if let Some(codec) = self.compression {
            config = config.compression(codec);
        }
        let producer = config.build().await?;
        let mut stop = pin!(stopped()?);
        let mut asked_to_stop = None;
        let mut pending = Pending::default();
        let mut input = BufReader::new(stdin());
        let mut bytes = Vec::new();
        for number in 1_u64.. {
            bytes.clear();
            let read = tokio::select! {
                read = input.read_until(b'\n', &mut bytes) => read.context("reading standard input")?,
                stopped = &mut stop => {
                    asked_to_stop = Some(stopped);
                    break;
                }
            };
            if read == 0 {
                break;
            }
            let line = self.parse(bytes.strip_suffix(b"\n").unwrap_or(&bytes));
            let line = line.with_context(|| format!("line {number} of standard input"))?;
            let own = line.headers.iter().map(|(key, value)| Header { key, value: value.as_deref() });
            let headers: Vec<Header<'_>> = self.headers.iter().map(header).chain(own).collect();
            let record = ProducerRecord {
                partition: self.partition,
                key: line.key.as_deref(),
                value: line.value.as_deref(),
                timestamp: line.timestamp,
                ..ProducerRecord::to(self.topic.as_str())
            };
            pending.push(producer.send(record.headers(&headers)).await?).await?;
        }
        // What waits for more records to share its batch has waited long enough.
        producer.close().await?;
        pending.settle().await?;
        asked_to_stop.map_or(Ok(()), |stopped| Err(stopped.into()))
    }

    fn parse(&self, line: &[u8]) -> Result<Line> {
        match self.input {
            Input::Json => Line::from_json(line),
            Input::Text => self.split(line),
        }
    }

    /// Key and value of a line.
    fn split(&self, line: &[u8]) -> Result<Line> {
        let Some(separator) = self.key_separator.as_deref() else {
            return Ok(Line { value: Some(line.to_vec()), ..Line::default() });
        };
        let at = line.windows(separator.len()).position(|part| part == separator.as_bytes());
        let at = at.with_context(|| {
            format!("no {separator:?} between key and value in {:?}", String::from_utf8_lossy(line))
        })?;
        let (key, value) = (line[..at].to_vec(), line[at + separator.len()..].to_vec());
        Ok(Line { key: Some(key), value: Some(value), ..Line::default() })
    }
}

impl Line {
    fn from_json(line: &[u8]) -> Result<Self> {
        let object: Object = serde_json::from_slice(line)?;
        let bytes = |value: &Value| from_json(value).map_err(|error| anyhow!(error));
        let header =
            |(key, value): &(Value, Value)| Ok((bytes(key)?.context("a header has no key")?, bytes(value)?));
        Ok(Self {
            key: bytes(&object.key)?,
            value: bytes(&object.value)?,
            headers: object.headers.iter().map(header).collect::<Result<_>>()?,
            timestamp: object.timestamp,
        })
    }
}

fn header(pair: &Pair) -> Header<'_> {
    Header { key: pair.key.as_bytes(), value: Some(pair.value.as_bytes()) }
}
