//! Records that are made up, from a seed: for demonstrations, tests and measurements.

mod lanes;
mod options;
mod random;
mod refused;
mod template;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::Utc;
use serde_json::json;

pub use options::{DatagenOptions, Template};
pub use refused::Refused;

use self::lanes::Lanes;
use self::options::start_ms;
use self::template::Maker;
use crate::about::About;
use crate::check::Finding;
use crate::error::{ConnectError, TaskError};
use crate::record::Record;
use crate::source::{
    End, Share, Source, SourceBatch, SourceContext, SourceOffset, SourcePartition, SourceTask,
};

/// As positions have it.
const NEXT: &str = "next";
const START: &str = "start";
/// How long topics keep records where nothing is said: Kafka's default of `log.retention.hours`.
const RETENTION_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// The least time between two batches where a rate is asked for.
const TICK: Duration = Duration::from_millis(10);

/// Makes records up. A record depends on the seed and its number alone: a task that goes on makes what it would have made.
pub struct Datagen;

#[async_trait]
impl Source for Datagen {
    type Options = DatagenOptions;

    const ABOUT: About = About {
        name: "datagen",
        aliases: &["io.confluent.kafka.connect.datagen.DatagenConnector"],
        summary: "Makes up a web log, orders or metrics from a seed, with late records, hot keys and bursts of errors.",
    };

    /// Whether the broker will keep what is made: its retention counts the records' own times.
    async fn check(options: &DatagenOptions) -> Vec<Finding> {
        let what = format!("records from {}", options.start_time);
        let Some(start) = start_ms(&options.start_time) else {
            return vec![match options.runs_ahead() {
                true => Finding::warning(
                    what,
                    "they are made faster than their own time passes, and Kafka 4 refuses what is more than an hour ahead of its \
                     clock (message.timestamp.after.max.ms): write rate, or a higher events.per.second, or an earlier start.time",
                ),
                false => Finding::fine(what, "recent enough to be kept"),
            }];
        };
        if Utc::now().timestamp_millis().saturating_sub(start) <= RETENTION_MS {
            return vec![Finding::fine(what, "recent enough to be kept")];
        }
        vec![Finding::warning(
            what,
            "older than a topic keeps records where nothing is said (7 days), so they are deleted soon, read or not: write \
             start.time=now, or give the topic retention.ms=-1 (topic.creation.default.retention.ms=-1 where the connector \
             makes it, with topic.creation.default.partitions and .replication.factor)",
        )]
    }

    /// As many tasks as may be: the numbers are dealt out to them in turns.
    async fn split(_options: &DatagenOptions, max: usize) -> Result<Vec<Share>, ConnectError> {
        Ok(vec![Share::new(); max.max(1)])
    }

    fn check_position(
        options: &DatagenOptions,
        partition: &SourcePartition,
        offset: &SourceOffset,
        _: Option<&SourceOffset>,
    ) -> Result<(), String> {
        lanes::check(options.template, partition, offset)
    }

    async fn open(
        options: DatagenOptions,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        Ok(Box::new(DatagenTask::new(options, &context)))
    }
}

struct DatagenTask {
    topic: Arc<str>,
    maker: Maker,
    partition: SourcePartition,
    start_ms: i64,
    /// The number of the next record, and how far it is from that to the one after.
    next: u64,
    step: u64,
    /// What was made before, which other tasks may have done.
    stored: Lanes,
    /// Where there are no more; `None`: there are always more.
    end: Option<u64>,
    batch_size: u64,
    pace: Option<Pace>,
}

/// Not more than so many records a second.
struct Pace {
    rate: u64,
    since: Instant,
    made: u64,
}

impl DatagenTask {
    fn new(options: DatagenOptions, context: &SourceContext) -> Self {
        let (lane, lanes) = (context.task as u64, context.tasks.max(1) as u64);
        let partition = lanes::partition(options.template, lane, lanes);
        let stored = Lanes::read(options.template, &context.positions);
        let known = context.position(&partition).and_then(|offset| offset.get(START)?.as_i64());
        let begun = known.or_else(|| stored.start_ms());
        let start_ms =
            start_ms(&options.start_time).or(begun).unwrap_or_else(|| Utc::now().timestamp_millis());
        let pace = (options.rate > 0).then(|| Pace { rate: options.rate, since: Instant::now(), made: 0 });
        Self {
            topic: Arc::from(options.topic.as_str()),
            partition,
            start_ms,
            next: stored.first_left(lane, lanes),
            stored,
            step: lanes,
            end: (options.count > 0).then_some(options.count),
            batch_size: options.batch_size,
            pace,
            maker: Maker::new(options, start_ms),
        }
    }

    /// How many records there are left at most: some may have been made.
    fn left(&self) -> u64 {
        self.end.map_or(u64::MAX, |end| end.saturating_sub(self.next).div_ceil(self.step))
    }

    fn batch(&mut self, count: u64) -> SourceBatch {
        let mut records = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        for _ in 0..count {
            if self.end.is_some_and(|end| self.next >= end) {
                break;
            }
            let made = self.maker.make(self.next);
            self.next = self.stored.first_left_from(self.next + self.step, self.step);
            records.push(Record {
                key: made.key,
                timestamp: Some(made.timestamp),
                ..Record::new(self.topic.clone(), made.value)
            });
        }
        let mut offset = SourceOffset::new();
        offset.insert(NEXT.to_owned(), json!(self.next));
        offset.insert(START.to_owned(), json!(self.start_ms));
        SourceBatch { records, positions: vec![(self.partition.clone(), offset)], receipt: None }
    }
}

#[async_trait]
impl SourceTask for DatagenTask {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        let wanted = self.left().min(self.batch_size);
        if wanted == 0 {
            return Ok(None);
        }
        let Some(pace) = &mut self.pace else { return Ok(Some(self.batch(wanted))) };
        let count = pace.wait(wanted).await;
        Ok(Some(self.batch(count)))
    }

    fn end(&self) -> End {
        match self.end {
            Some(_) => End::OfPoll,
            None => End::Never,
        }
    }
}

impl Pace {
    /// Waits until at least one record is due; returns how many are, up to `wanted`.
    async fn wait(&mut self, wanted: u64) -> u64 {
        loop {
            let due = self.since.elapsed().as_nanos() * u128::from(self.rate) / 1_000_000_000;
            let count = u64::try_from(due).unwrap_or(u64::MAX).saturating_sub(self.made).min(wanted);
            if count > 0 {
                self.made += count;
                return count;
            }
            let one = Duration::from_nanos(1_000_000_000 / self.rate);
            tokio::time::sleep(one.max(TICK)).await;
        }
    }
}
