//! The other side: one request and what its answer means.

use std::time::Duration;

use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use reqwest::{Client, StatusCode};

use super::super::remote::encode;
use super::options::SendOptions;
use super::shard::{Prepared, merge};
use crate::http::{self, body_within, describe};

/// As much of an answer as an error text is made of.
const ANSWER_MAX: usize = 512;

/// What Prometheus, VictoriaMetrics, Mimir, Cortex and Thanos say of a sample whose series has a newer one, or another one at its
/// time, or that is older than all they keep open.
const LATE: [&str; 7] = [
    "out of order",
    "out-of-order",
    "duplicate sample",
    "duplicate-timestamp",
    "out of bounds",
    "too old",
    "too-old",
];

/// A server that takes remote writes.
pub(super) struct Server {
    client: Client,
    url: String,
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// All of it was taken.
    Taken,
    /// It may be taken later.
    Retry { after: Option<Duration>, why: String },
    /// Nothing of it was taken, for something in it.
    Refused(String),
    /// Nothing of it was taken, for a sample that comes too late.
    Late(String),
    /// Nothing will be taken, whatever it is: somebody must do something.
    Closed(String),
}

impl Server {
    pub(super) fn new(options: &SendOptions) -> Result<Self, String> {
        let client = options.http().build().map_err(|error| error.to_string())?;
        Ok(Self { client, url: options.url.clone() })
    }

    pub(super) async fn send(&self, records: &[Prepared]) -> Answer {
        let body = match encode(merge(records)) {
            Ok(body) => body,
            Err(error) => return Answer::Refused(format!("too large for a block of snappy: {error}")),
        };
        let request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(CONTENT_ENCODING, "snappy")
            .header("X-Prometheus-Remote-Write-Version", "0.1.0")
            .body(body);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Answer::Retry { after: None, why: describe(error) },
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = body_within(response, ANSWER_MAX).await.unwrap_or_default();
        answer(status, http::verdict(status, &headers), &String::from_utf8_lossy(&body))
    }
}

/// What an answer means. Codes that speak of the request's content are a matter of its records; the others of the address or of who
/// asks, and no record is to blame.
fn answer(status: StatusCode, verdict: http::Verdict, body: &str) -> Answer {
    let said = body.lines().next().unwrap_or_default().trim();
    let why = format!("the server answers {status}: {said}");
    match verdict {
        http::Verdict::Ok => Answer::Taken,
        http::Verdict::Retry(after) | http::Verdict::Away(after) => Answer::Retry { after, why },
        http::Verdict::Reject => match status.as_u16() {
            400 | 409 | 422 if LATE.iter().any(|late| body.to_ascii_lowercase().contains(late)) => {
                Answer::Late(why)
            }
            400 | 409 | 413 | 422 => Answer::Refused(why),
            404 => Answer::Closed(format!(
                "{why}; give the address that takes remote writes (Prometheus: /api/v1/write, and --web.enable-remote-write-receiver)"
            )),
            _ => Answer::Closed(format!("{why}; set url and auth.* to what the server wants")),
        },
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn meaning(code: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(code).unwrap();
        answer(status, http::verdict(status, &HeaderMap::new()), body)
    }

    #[test]
    fn an_answer_blames_the_records_the_moment_or_the_address() {
        for code in [200, 204] {
            assert_eq!(meaning(code, ""), Answer::Taken);
        }
        for code in [429, 500, 503] {
            assert!(matches!(meaning(code, "out of order"), Answer::Retry { .. }), "{code}");
        }
        for code in [400, 413, 422] {
            assert!(matches!(meaning(code, "label name \"a b\" is invalid"), Answer::Refused(_)), "{code}");
        }
        for said in [
            "out of order sample",
            "duplicate sample for timestamp",
            "Out of bounds",
            "err-mimir-sample-too-old",
        ] {
            assert!(matches!(meaning(400, said), Answer::Late(_)), "{said}");
        }
        for code in [301, 401, 403, 404, 405] {
            assert!(matches!(meaning(code, "out of order"), Answer::Closed(_)), "{code}");
        }
    }
}
