use millstream::prelude::*;
use serde::{Deserialize, Serialize};

/// A request of the log, and which service answered it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Request {
    /// What it is known by: where its line is.
    pub id: String,
    /// When it was made, in milliseconds since 1970.
    pub time: i64,
    /// Who made it.
    pub client: String,
    /// `GET` and the like.
    pub method: String,
    /// What was asked for, without a query.
    pub path: String,
    /// What was answered.
    pub status: u16,
    /// Bytes of the answer.
    pub bytes: u64,
    /// Which service answers for the path; `other` where nobody has said.
    pub service: String,
}

impl Request {
    /// The part of the path by which a service is known: `blog` of `/blog/geekery/x.html`.
    #[must_use]
    pub fn section(&self) -> &str {
        self.path.trim_start_matches('/').split('/').next().unwrap_or_default()
    }

    /// Whether the server is to blame.
    #[must_use]
    pub fn failed(&self) -> bool {
        self.status >= 500
    }
}

/// A line that is no line of an access log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Unparsed {
    /// The line as it came.
    pub line: String,
    /// What is wrong with it.
    pub why: String,
}

/// What is counted apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Slice {
    /// Which service answered.
    pub service: String,
    /// What it answered.
    pub status: u16,
}

/// How many requests of a slice were made in a minute: a row of a table and a sample of a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Rollup {
    /// When the minute began, in milliseconds since 1970.
    pub minute: i64,
    /// Which service answered.
    pub service: String,
    /// What it answered.
    pub status: u16,
    /// How many requests.
    pub requests: i64,
}

/// What a service has answered so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Health {
    /// All requests.
    pub requests: u64,
    /// Those for which the server is to blame.
    pub failed: u64,
    /// Bytes of all answers.
    pub bytes: u64,
}

impl Health {
    /// The same after a request more.
    pub fn add(&mut self, request: &Request) {
        self.requests += 1;
        self.failed += u64::from(request.failed());
        self.bytes += request.bytes;
    }

    /// How many of a hundred requests failed.
    #[must_use]
    pub fn error_percent(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.failed as f64 * 100.0 / self.requests as f64 }
    }
}

/// A minute in which a service failed too often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Data)]
#[data(json)]
pub struct Alert {
    /// When the minute began, in milliseconds since 1970.
    pub minute: i64,
    /// Which service.
    pub service: String,
    /// All its requests of the minute.
    pub requests: u64,
    /// Those for which the server is to blame.
    pub failed: u64,
}
