use std::time::Duration;

use super::super::super::access::Access;
use super::super::form::Form;
use super::super::labels::Pairs;
use super::target::Target;
use crate::http::HttpClient;
use crate::options::{Fault, Options};

/// What can be said to a scrape.
#[derive(Options, Debug, Clone)]
#[options(check = consistent)]
pub struct ScrapeOptions {
    /// The topic that samples are written to.
    #[option(importance = "high")]
    pub topic: String,
    /// What is scraped: addresses as HOST:PORT, or whole URLs.
    #[option(importance = "high", check = addresses)]
    pub targets: Vec<String>,
    /// The path of an address without one.
    #[option(name = "metrics.path", default = "/metrics")]
    pub metrics_path: String,
    /// How often a target is scraped.
    #[option(name = "scrape.interval.ms", default = 15_000, check = positive)]
    pub interval: Duration,
    /// How long an answer may take; not longer than the interval.
    #[option(name = "scrape.timeout.ms", default = 10_000, check = positive)]
    pub timeout: Duration,
    /// The label `job`. The name of the connector without.
    pub job: Option<String>,
    /// Labels that every series gets: NAME=VALUE with commas between them.
    #[option(default = "")]
    pub labels: Pairs,
    /// Whether a label that a target gives itself stands where it is also one of the target; it becomes `exported_…` otherwise.
    #[option(name = "honor.labels", default = false)]
    pub honor_labels: bool,
    /// Whether a time that a target gives a sample stands; it is the time of the scrape otherwise.
    #[option(name = "honor.timestamps", default = true)]
    pub honor_timestamps: bool,
    /// Whether a record is one sample, or all samples that a series got at once.
    #[option(name = "record.form", default = "sample")]
    pub form: Form,
    /// The longest answer that is read. A longer one counts as a failed scrape.
    #[option(name = "body.bytes.max", default = 16_777_216, importance = "low", range = 1..=1_073_741_824)]
    pub body_max: usize,
    /// Who asks.
    #[option(flatten)]
    pub access: Access,
    /// A file of certificates (PEM) that are trusted instead of the system's.
    #[option(name = "tls.trusted", alias = "tls.ca.file")]
    pub trusted: Option<std::path::PathBuf>,
}

impl ScrapeOptions {
    /// How a target is asked.
    pub(super) fn http(&self) -> HttpClient {
        HttpClient {
            request_timeout: self.timeout,
            credentials: self.access.credentials(),
            trusted: self.trusted.clone(),
            follow_redirects: true,
            ..HttpClient::default()
        }
    }

    /// The targets, which were checked when the options were read.
    pub(super) fn targets(&self) -> Result<Vec<Target>, String> {
        self.targets.iter().map(|target| Target::parse(target, &self.metrics_path)).collect()
    }
}

fn addresses(targets: &[String]) -> Result<(), String> {
    if targets.is_empty() {
        return Err("names no target".to_owned());
    }
    targets.iter().try_for_each(|target| Target::parse(target, "/").map(drop))
}

fn positive(time: &Duration) -> Result<(), String> {
    if time.is_zero() { Err("must be longer than nothing".to_owned()) } else { Ok(()) }
}

fn consistent(options: &ScrapeOptions) -> Result<(), Fault> {
    if options.timeout > options.interval {
        let why = "an answer that takes longer than scrape.interval.ms is too late: set it to that at most";
        return Err(Fault::invalid("scrape.timeout.ms", &options.timeout.as_millis().to_string(), why));
    }
    Ok(())
}
