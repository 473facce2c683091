use std::time::Duration;

use chrono::DateTime;

use super::refused::Refused;
use crate::options::{Choice, Options};

/// What can be said to [`Datagen`](super::Datagen).
#[derive(Options, Clone, Debug)]
pub struct DatagenOptions {
    /// The topic to write to.
    #[option(importance = "high", alias = "kafka.topic")]
    pub(super) topic: String,
    /// What is made up: the lines of a web server's log in combined format, orders, or metrics.
    #[option(default = "weblog", importance = "high")]
    pub(super) template: Template,
    /// The same seed makes the same records, byte for byte.
    #[option(default = 1, alias = "random.seed")]
    pub(super) seed: u64,
    /// How many records there are, in all tasks together. 0: there is no end.
    #[option(default = 0)]
    pub(super) count: u64,
    /// How many records a second are written, by each task. 0: as many as go.
    #[option(default = 0, range = 0..=10_000_000)]
    pub(super) rate: u64,
    /// How many records are handed over at once, at most.
    #[option(name = "batch.size", default = 1_000, range = 1..=100_000, importance = "low")]
    pub(super) batch_size: u64,
    /// The time of the first record: RFC 3339, milliseconds since 1970, or now, which is kept for later starts. Topics
    /// delete by these times what is older than their `retention.ms`: with the default set that to -1 where records are to stay.
    #[option(name = "start.time", default = "2026-01-01T00:00:00Z", check = is_time)]
    pub(super) start_time: String,
    /// How many records a second there are by their timestamps. 0: as many as are written, or 1000 where that has no limit.
    #[option(name = "events.per.second", default = 0, range = 0..=10_000_000)]
    pub(super) events_per_second: u64,
    /// The share of records that are late, from 0 to 1.
    #[option(name = "late.share", default = 0, check = is_share)]
    pub(super) late_share: f64,
    /// How late they are, at most.
    #[option(name = "late.max.ms", default = "5m")]
    pub(super) late_max: Duration,
    /// How many different keys there are: paths, customers, hosts.
    #[option(default = 100, range = 1..=1_000_000_000)]
    pub(super) keys: u64,
    /// The share of records that have the first key, besides its own, from 0 to 1.
    #[option(name = "hot.share", default = 0, check = is_share)]
    pub(super) hot_share: f64,
    /// The share of errors, from 0 to 1.
    #[option(name = "error.share", default = 0.01, check = is_share)]
    pub(super) error_share: f64,
    /// How long after the beginning of a burst of errors the next begins, by the timestamps. 0: there are none.
    #[option(name = "burst.every.ms", default = 0)]
    pub(super) burst_every: Duration,
    /// How long a burst lasts.
    #[option(name = "burst.length.ms", default = "30s")]
    pub(super) burst_length: Duration,
    /// The share of errors in a burst, from 0 to 1.
    #[option(name = "burst.error.share", default = 0.5, check = is_share)]
    pub(super) burst_error_share: f64,
    /// What Confluent's connector takes and this one does not.
    #[option(flatten)]
    pub(super) _refused: Refused,
}

impl DatagenOptions {
    /// Whether the records' own time comes to pass more than an hour before the time that it takes to make them.
    pub(super) fn runs_ahead(&self) -> bool {
        const HOUR_S: u64 = 3_600;
        let lasts = self.count / self.per_second();
        let is_short = self.count > 0 && lasts <= HOUR_S;
        !is_short && (self.rate == 0 || self.rate > self.per_second())
    }

    /// How many records a second there are by their timestamps.
    pub(super) fn per_second(&self) -> u64 {
        let rates = [self.events_per_second, self.rate];
        rates.into_iter().find(|rate| *rate > 0).unwrap_or(PER_SECOND)
    }
}

/// What events have a second where nothing limits them.
const PER_SECOND: u64 = 1_000;

/// What is made up.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// Lines of text.
    Weblog,
    /// Objects.
    Orders,
    /// Objects.
    Metrics,
}

impl Template {
    /// As it is named in positions.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Weblog => "weblog",
            Self::Orders => "orders",
            Self::Metrics => "metrics",
        }
    }
}

/// The start time that is the time of the start.
const NOW: &str = "now";

/// In milliseconds since 1970. `None`: it is the time of the first start.
pub(super) fn start_ms(text: &str) -> Option<i64> {
    match text.trim() {
        NOW => None,
        text => {
            text.parse().ok().or_else(|| Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_millis()))
        }
    }
}

#[expect(clippy::ptr_arg, reason = "a check takes what the option is")]
fn is_time(text: &String) -> Result<(), String> {
    if text.trim() == NOW || start_ms(text).is_some() {
        return Ok(());
    }
    Err("must be now, milliseconds since 1970, or as 2026-01-01T00:00:00Z".to_owned())
}

fn is_share(share: &f64) -> Result<(), String> {
    if (0.0..=1.0).contains(share) { Ok(()) } else { Err("must be from 0 to 1".to_owned()) }
}
