use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::super::super::access::Access;
use super::super::labels::Pairs;
use super::mapping::Mapping;
use crate::http::HttpClient;
use crate::options::{Choice, Options};

/// What can be said to a sender of remote writes.
#[derive(Options, Debug, Clone)]
pub struct SendOptions {
    /// Where to write, as http://HOST:9090/api/v1/write.
    #[option(importance = "high", check = address)]
    pub url: String,
    /// What is read in a record.
    #[option(flatten)]
    pub mapping: Mapping,
    /// Labels that every series gets unless it has them: NAME=VALUE with commas between them.
    #[option(default = "")]
    pub labels: Pairs,
    /// Samples of a request. A record with more of them makes one by itself.
    #[option(name = "max.samples.per.send", default = 2_000, range = 1..=1_000_000)]
    pub samples_max: usize,
    /// Requests under way at once. A series stays with one of them, so that its samples arrive in order.
    #[option(default = 4, range = 1..=64)]
    pub shards: usize,
    /// What becomes of a sample that the server refuses because it has a newer one, or another one, of its series at that time.
    /// `count`: it is counted and passed over, since after a crash samples come again that are there already. `reject`: its
    /// record becomes a dead letter.
    #[option(name = "out.of.order", default = "count")]
    pub out_of_order: OutOfOrder,
    /// What names metrics and labels can have: `legacy`, letters, digits and `_` (colons in metrics), or `utf8`, whatever. Prometheus
    /// before 3.0 says yes to other names and drops the series; a record with one becomes a dead letter before that.
    #[option(name = "name.validation", default = "legacy")]
    pub names: Names,
    /// How long an answer may take.
    #[option(name = "request.timeout.ms", default = 30_000)]
    pub timeout: Duration,
    /// Who asks.
    #[option(flatten)]
    pub access: Access,
    /// A file of certificates (PEM) that are trusted instead of the system's.
    #[option(name = "tls.trusted", alias = "tls.ca.file")]
    pub trusted: Option<PathBuf>,
}

/// What becomes of a sample that comes too late.
#[derive(Choice, Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfOrder {
    /// It is counted.
    Count,
    /// Its record becomes a dead letter.
    Reject,
}

/// What names can be.
#[derive(Choice, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Letters, digits and `_`.
    Legacy,
    /// Any text.
    Utf8,
}

impl SendOptions {
    pub(super) fn http(&self) -> HttpClient {
        HttpClient {
            request_timeout: self.timeout,
            credentials: self.access.credentials(),
            trusted: self.trusted.clone(),
            ..HttpClient::default()
        }
    }
}

fn address(text: &str) -> Result<(), String> {
    match Url::parse(text) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) => Ok(()),
        _ => Err("must be an address as http://HOST:9090/api/v1/write".to_owned()),
    }
}
