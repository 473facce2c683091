//! A source for tests: numbered lines, which it knows by their number.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use millstream_connect::data::SchemaAndValue;
use millstream_connect::options::Options;
use millstream_connect::{
    About, ConnectError, Receipt, Record, Source, SourceBatch, SourceContext, SourceTask, TaskError,
    async_trait,
};
use parking_lot::Mutex;
use serde_json::json;

/// How many lines were polled, by topic.
static POLLED: LazyLock<Mutex<BTreeMap<String, u64>>> = LazyLock::new(Mutex::default);

/// How many lines for a topic were polled, whether or not they are there.
pub(crate) fn polled(topic: &str) -> u64 {
    POLLED.lock().get(topic).copied().unwrap_or(0)
}

/// Writes `line 0`, `line 1` and so on to a topic.
pub(crate) struct Lines;

#[derive(Options, Clone, Debug)]
pub(crate) struct LinesOptions {
    /// Where the lines go.
    topic: String,
    /// How many there are.
    #[option(name = "lines", default = 100)]
    lines: u64,
    /// How many come at once.
    #[option(name = "lines.batch", default = 10)]
    batch: u64,
    /// Every so many lines one is no text but a number, which the string converter takes and JSON does not mind; 0: none.
    #[option(name = "lines.huge.every", default = 0)]
    huge_every: u64,
    /// Every so many lines one is for a partition that there is not; 0: none.
    #[option(name = "lines.astray.every", default = 0)]
    astray_every: u64,
    /// From this one on all are.
    #[option(name = "lines.astray.from")]
    astray_from: Option<u64>,
    /// Every so many lines one is for a topic that there cannot be; 0: none.
    #[option(name = "lines.lost.every", default = 0)]
    lost_every: u64,
    /// How far ahead of the clock the lines' times lie, in ms; they have none without.
    #[option(name = "lines.ahead.ms")]
    ahead: Option<i64>,
    /// Asks to be asked again so many times before each batch.
    #[option(name = "lines.retries", default = 0)]
    retries: u32,
    /// Pauses between batches, in ms.
    #[option(name = "lines.pause.ms", default = 0)]
    pause: std::time::Duration,
}

pub(crate) struct LinesTask {
    options: LinesOptions,
    topic: Arc<str>,
    next: u64,
    retries: u32,
    receipt: Option<Receipt>,
}

#[async_trait]
impl Source for Lines {
    type Options = LinesOptions;
    const ABOUT: About =
        About { name: "lines", aliases: &["org.example.LinesSource"], summary: "Numbered lines." };

    async fn open(
        options: LinesOptions,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        let partition = json!({"of": "lines"}).as_object().unwrap().clone();
        let next = context.position(&partition).and_then(|offset| offset["line"].as_u64()).unwrap_or(0);
        let (topic, retries) = (options.topic.as_str().into(), options.retries);
        Ok(Box::new(LinesTask { options, topic, next, retries, receipt: None }))
    }
}

#[async_trait]
impl SourceTask for LinesTask {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        if self.next >= self.options.lines {
            return Ok(None);
        }
        if self.retries > 0 {
            self.retries -= 1;
            return Err(TaskError::retry("not now"));
        }
        tokio::time::sleep(self.options.pause).await;
        self.retries = self.options.retries;
        let end = (self.next + self.options.batch).min(self.options.lines);
        let huge = |line: u64| self.options.huge_every > 0 && line.is_multiple_of(self.options.huge_every);
        let text = |line: u64| match huge(line) {
            true => format!("line {line} {}", "x".repeat(1_100_000)),
            false => format!("line {line}"),
        };
        let astray = |line: u64| {
            let is_every = self.options.astray_every > 0 && line.is_multiple_of(self.options.astray_every);
            is_every || self.options.astray_from.is_some_and(|from| line >= from)
        };
        let ahead = self.options.ahead.map(|ahead| chrono::Utc::now().timestamp_millis() + ahead);
        let lost = |line: u64| self.options.lost_every > 0 && line.is_multiple_of(self.options.lost_every);
        let topic = |line| if lost(line) { "no topic/ü".into() } else { Arc::clone(&self.topic) };
        let record = |line| Record {
            partition: astray(line).then_some(1_000),
            timestamp: ahead,
            ..Record::new(topic(line), SchemaAndValue::string(text(line)))
        };
        let records = (self.next..end).map(record).collect();
        self.next = end;
        POLLED.lock().insert(self.topic.to_string(), end);
        let partition = json!({"of": "lines"}).as_object().unwrap().clone();
        let offset = json!({"line": end}).as_object().unwrap().clone();
        Ok(Some(SourceBatch { records, positions: vec![(partition, offset)], receipt: self.receipt.take() }))
    }
}
