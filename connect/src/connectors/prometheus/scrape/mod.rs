//! The source `prometheus`: asks targets for their metrics, as Prometheus does.

mod options;
mod page;
mod target;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::Utc;
use futures::future::join_all;
use reqwest::Client;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use self::page::Page;
use self::target::Target;
use super::exposition::Format;
use super::form::records;
use super::remote::Series;
use super::series::{Labels, NAME, Sample};
use crate::http::{describe, plain_body_within};
use crate::{
    About, ConnectError, End, Finding, Record, Share, Source, SourceBatch, SourceContext, SourceTask,
    TaskError,
};
pub use options::ScrapeOptions;

/// What is understood, best first.
const ACCEPTED: &str = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// Scrapes that wait for the runtime to take them. Behind a full queue targets are not asked: there is a gap in their
/// series then, as there is for a Prometheus that was away.
const SCRAPES_WAITING_MAX: usize = 4;

/// Scrapes Prometheus targets.
pub struct PrometheusSource;

#[async_trait]
impl Source for PrometheusSource {
    type Options = ScrapeOptions;

    const ABOUT: About = About {
        name: "prometheus",
        aliases: &[],
        summary: "Scrapes the metrics of targets in Prometheus's text format or OpenMetrics.",
    };

    /// What was not asked for in time nobody knows any more.
    const KEEPS_POSITIONS: bool = false;

    async fn check(options: &ScrapeOptions) -> Vec<Finding> {
        let scraper = match Scraper::new(options.clone(), "doctor") {
            Ok(scraper) => scraper,
            Err(error) => return vec![Finding::wrong("options", error.to_string())],
        };
        join_all(options.targets().into_iter().flatten().map(|target| {
            let scraper = &scraper;
            async move {
                match scraper.ask(&target, &scraper.labels(&target), Utc::now().timestamp_millis()).await {
                    Ok(series) => Finding::fine(target.url, format!("{} samples", series.len())),
                    Err(why) => Finding::wrong(target.url, why),
                }
            }
        }))
        .await
    }

    async fn split(options: &ScrapeOptions, max: usize) -> Result<Vec<Share>, ConnectError> {
        let each = options.targets.len().div_ceil(max.max(1)).max(1);
        let share = |targets: &[String]| Share::from([("targets".to_owned(), targets.join(","))]);
        Ok(options.targets.chunks(each).map(share).collect())
    }

    async fn open(
        options: ScrapeOptions,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        let targets = options.targets().map_err(ConnectError::Refused)?;
        let scraper = Arc::new(Scraper::new(options, &context.connector)?);
        let (scrapes, waiting) = mpsc::channel(SCRAPES_WAITING_MAX);
        let mut tasks = JoinSet::new();
        for target in targets {
            tasks.spawn(scraper.clone().scrape(target, scrapes.clone()));
        }
        Ok(Box::new(ScrapeTask { waiting, _tasks: tasks }))
    }
}

/// Hands on what the targets' own tasks scrape, so that a slow target keeps no other waiting.
struct ScrapeTask {
    waiting: mpsc::Receiver<Vec<Record>>,
    /// Ended when this is dropped.
    _tasks: JoinSet<()>,
}

#[async_trait]
impl SourceTask for ScrapeTask {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        let records = self.waiting.recv().await;
        Ok(records.map(|records| SourceBatch { records, ..SourceBatch::default() }))
    }

    fn end(&self) -> End {
        End::Never
    }
}

/// How targets are asked, and what becomes of their answers: shared by the tasks of all targets.
struct Scraper {
    client: Client,
    options: ScrapeOptions,
    topic: Arc<str>,
    /// The label `job`.
    job: String,
}

impl Scraper {
    fn new(options: ScrapeOptions, connector: &str) -> Result<Self, ConnectError> {
        let client = options.http().build().map_err(|error| ConnectError::Refused(error.to_string()))?;
        let topic = options.topic.as_str().into();
        let job = options.job.clone().unwrap_or_else(|| connector.to_owned());
        Ok(Self { client, options, topic, job })
    }

    /// Asks a target again and again, as long as somebody takes what it says.
    async fn scrape(self: Arc<Self>, target: Target, scrapes: mpsc::Sender<Vec<Record>>) {
        let labels = self.labels(&target);
        let mut ticks = interval(self.options.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let (asked, began) = (Utc::now().timestamp_millis(), Instant::now());
            let answer = self.ask(&target, &labels, asked).await;
            if let Err(why) = &answer {
                tracing::warn!(target = %target.instance, "scrape failed: {why}");
            }
            let records = self.records(answer.ok(), &labels, asked, began.elapsed());
            if scrapes.send(records).await.is_err() {
                return;
            }
        }
    }

    fn labels(&self, target: &Target) -> Vec<(String, String)> {
        let mut labels = self.options.labels.0.clone();
        for (name, value) in [("job", &self.job), ("instance", &target.instance)] {
            if !labels.iter().any(|(given, _)| given == name) {
                labels.push((name.to_owned(), value.clone()));
            }
        }
        labels
    }

    async fn ask(
        &self,
        target: &Target,
        labels: &[(String, String)],
        asked: i64,
    ) -> Result<Vec<Series>, String> {
        // Some exporters ask others in turn, and want to know how long they may.
        let patience = self.options.timeout.as_secs_f64().to_string();
        let request = self.client.get(target.url.clone()).header(ACCEPT, ACCEPTED);
        let request =
            request.header(ACCEPT_ENCODING, "gzip").header("X-Prometheus-Scrape-Timeout-Seconds", patience);
        let response = request.send().await.map_err(describe)?;
        if !response.status().is_success() {
            return Err(format!("it answers {}", response.status()));
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let format = Format::of(content_type.unwrap_or_default());
        let max = self.options.body_max;
        let body = plain_body_within(response, max.saturating_add(1)).await?;
        if body.len() > max {
            return Err(format!("its answer is longer than body.bytes.max ({max})"));
        }
        let text = std::str::from_utf8(&body).map_err(|_| "its answer is no UTF-8".to_owned())?;
        let (honor_labels, honor_timestamps) = (self.options.honor_labels, self.options.honor_timestamps);
        let page = Page { text, format, asked, target: labels, honor_labels, honor_timestamps };
        page.series().map_err(|fault| fault.to_string())
    }

    /// What was scraped, and how the scrape went (the series `up` and `scrape_…`, which Prometheus writes too).
    fn records(
        &self,
        answer: Option<Vec<Series>>,
        labels: &[(String, String)],
        asked: i64,
        took: Duration,
    ) -> Vec<Record> {
        let about = [
            ("up", f64::from(u8::from(answer.is_some()))),
            ("scrape_duration_seconds", took.as_secs_f64()),
            #[expect(clippy::cast_precision_loss, reason = "no answer has as many samples")]
            ("scrape_samples_scraped", answer.as_ref().map_or(0, Vec::len) as f64),
        ];
        let about = about.into_iter().filter_map(|(name, value)| {
            let labels = labels.iter().cloned().chain([(NAME.to_owned(), name.to_owned())]).collect();
            Some(Series {
                labels: Labels::new(labels).ok()?,
                samples: vec![Sample { timestamp: asked, value }],
            })
        });
        let mut out = Vec::new();
        for series in answer.into_iter().flatten().chain(about) {
            records(&self.topic, series, self.options.form, asked, &mut out);
        }
        out
    }
}
