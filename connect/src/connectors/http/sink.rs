//! The sink `http`: records are sent to a server, one by one or some at once.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, StatusCode};

use super::client::ClientOptions;
use super::headers;
use super::template::{Escape, Template};
use crate::data::Value;
use crate::http::requests::{Answered, Fate, Limits, send_all};
use crate::http::{Verdict, body_within, describe, verdict};
use crate::options::{Choice, Fault, Options, Secret};
use crate::{
    About, ConnectError, Finding, Outcome, Record, Replay, Sink, SinkContext, SinkTask, TaskError, Written,
};

/// Of an answer that is no 2xx, this much is shown.
const SHOWN_BYTES_MAX: usize = 300;

/// What can be said to a sink that sends requests. Names are those of Confluent's HTTP sink where it has them.
#[derive(Options, Debug, Clone)]
#[options(check = agree)]
pub struct HttpSinkOptions {
    /// Where to, with `${topic}`, `${key}`, `${partition}`, `${offset}`, `${timestamp}` and `${value:/json/pointer}` filled in
    /// from the record. One that would make another path of it, by a key that is empty, `.` or `..`, becomes a dead letter.
    #[option(alias = "http.api.url", importance = "high", check = template)]
    pub url: String,
    /// The method of requests.
    #[option(name = "request.method", default = "post", alias = "http.request.method")]
    pub method: RequestMethod,
    /// The body for a record, with the same places as `url` and `${value}`; texts are escaped for JSON. Without it the body is
    /// the record's value: text as it is, everything else as JSON.
    #[option(name = "body.template", check = optional_template)]
    pub body: Option<String>,
    /// The content type of bodies; JSON or plain text without.
    #[option(name = "content.type")]
    pub content_type: Option<String>,
    /// Headers of requests, as `Name: value`, with `|` between several.
    #[option(default = "", check = headers::check)]
    pub headers: Secret,
    /// How many records a request holds at most.
    #[option(name = "batch.max.size", default = 1, range = 1..=1_000_000, group = "Requests")]
    pub records: usize,
    /// How many bytes a request with several records holds at most.
    #[option(name = "batch.max.bytes", default = 1_048_576, range = 1..=100_000_000, group = "Requests")]
    pub bytes: usize,
    /// What a body of several records begins with.
    #[option(name = "batch.prefix", default = "[", importance = "low", group = "Requests")]
    pub prefix: String,
    /// What stands between records; `\n` is a line end.
    #[option(name = "batch.separator", default = ",", importance = "low", group = "Requests")]
    pub separator: String,
    /// What a body of several records ends with.
    #[option(name = "batch.suffix", default = "]", importance = "low", group = "Requests")]
    pub suffix: String,
    /// How many requests are under way at once. Records of one key, and those without one, keep their order.
    #[option(name = "max.in.flight.requests", default = 1, range = 1..=1000, group = "Requests")]
    pub in_flight: usize,
    /// How often a request that failed in a way that passes (408, 425, 429, 5xx, no answer) is sent again before the worker's
    /// own retries take over.
    #[option(name = "max.retries", default = 5, range = 0..=1000, importance = "low", group = "Requests")]
    pub retries: u32,
    /// How long to wait before the first of these; twice as long before each that follows. `Retry-After` counts where it is more.
    #[option(name = "retry.backoff.ms", default = 200, importance = "low", group = "Requests")]
    pub backoff: Duration,
    /// How long these retries may take in all.
    #[option(name = "retry.timeout.ms", default = 60_000, importance = "low", group = "Requests")]
    pub patience: Duration,
    /// What a record without a value does: `ignore` it, `delete` what its key names by a DELETE without a body, or `fail`, which
    /// makes it a dead letter.
    #[option(name = "behavior.on.null.values", default = "ignore", importance = "low")]
    pub on_null: OnNull,
    /// How the server is reached.
    #[option(flatten)]
    pub client: ClientOptions,
}

/// The method of requests.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestMethod {
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
}

/// What a record without a value does.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNull {
    /// Nothing.
    Ignore,
    /// It sends a DELETE.
    Delete,
    /// It becomes a dead letter.
    Fail,
}

fn template(text: &str) -> Result<(), String> {
    Template::parse(text).map(drop)
}

fn optional_template(text: &Option<String>) -> Result<(), String> {
    text.as_deref().map_or(Ok(()), template)
}

fn agree(options: &HttpSinkOptions) -> Result<(), Fault> {
    if options.records == 1 {
        return Ok(());
    }
    if Template::parse(&options.url).is_ok_and(|url| !url.is_fixed()) {
        let why =
            "a request of several records has one address: leave out the places, or set batch.max.size=1";
        return Err(Fault::invalid("url", &options.url, why));
    }
    if options.on_null == OnNull::Delete {
        let why = "a DELETE is for one record: set batch.max.size=1, and ${key} in url";
        return Err(Fault::invalid("behavior.on.null.values", "delete", why));
    }
    Ok(())
}

/// Sends records.
pub struct HttpSink;

#[async_trait]
impl Sink for HttpSink {
    type Options = HttpSinkOptions;

    const ABOUT: About = About {
        name: "http",
        aliases: &["io.confluent.connect.http.HttpSinkConnector"],
        summary: "Sends records to an HTTP server, one by one or some at once.",
    };

    const REPLAY: Replay = Replay::Appends;

    async fn check(options: &HttpSinkOptions) -> Vec<Finding> {
        let what = "url";
        let task = match HttpTask::new(options.clone()) {
            Ok(task) => task,
            Err(why) => return vec![Finding::wrong(what, why)],
        };
        if !task.url.is_fixed() {
            return vec![Finding::warning(what, "it depends on the record, so nobody was asked")];
        }
        // What it does is not known: only whether somebody is there.
        match task.client.request(Method::OPTIONS, &options.url).send().await {
            Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => {
                vec![Finding::wrong(what, "it wants to know who asks: set auth.user or auth.token")]
            }
            Ok(_) => vec![Finding::fine(what, "somebody answers")],
            Err(error) => vec![Finding::wrong(what, describe(error))],
        }
    }

    async fn open(
        options: HttpSinkOptions,
        _context: SinkContext,
    ) -> Result<Box<dyn SinkTask>, ConnectError> {
        Ok(Box::new(HttpTask::new(options).map_err(ConnectError::Refused)?))
    }
}

/// Sends what it is given before it answers.
struct HttpTask {
    client: Client,
    url: Template,
    body: Option<Template>,
    headers: HeaderMap,
    options: HttpSinkOptions,
    hasher: RandomState,
}

/// A record's part of a request.
struct Part {
    url: String,
    /// `None`: a DELETE.
    body: Option<Vec<u8>>,
    /// Records of one key keep their order.
    lane: u64,
    is_text: bool,
}

impl HttpTask {
    fn new(options: HttpSinkOptions) -> Result<Self, String> {
        Ok(Self {
            client: options.client.build(false)?,
            url: Template::parse(&options.url)?,
            body: options.body.as_deref().map(Template::parse).transpose()?,
            headers: headers::parse(options.headers.expose())?,
            hasher: RandomState::new(),
            options,
        })
    }

    fn limits(&self) -> Limits {
        let options = &self.options;
        Limits {
            records: options.records,
            bytes: options.bytes,
            in_flight: options.in_flight,
            retries: options.retries,
            backoff: options.backoff,
            patience: options.patience,
        }
    }

    fn part(&self, record: &Record) -> Result<Part, Outcome> {
        let value = &record.value.value;
        let reject = |why: String| Outcome::Reject { why };
        let body = match (value, self.options.on_null) {
            (Value::Null, OnNull::Ignore) => return Err(Outcome::Ok),
            (Value::Null, OnNull::Fail) => {
                let why = "the record has no value: behavior.on.null.values says what to do about it";
                return Err(reject(why.to_owned()));
            }
            (Value::Null, OnNull::Delete) => None,
            _ => Some(match &self.body {
                Some(template) => template.fill(record, Escape::Json).map_err(reject)?.into_bytes(),
                None => plain(value),
            }),
        };
        Ok(Part {
            url: self.url.fill(record, Escape::Url).map_err(reject)?,
            body,
            lane: self.hasher.hash_one(&record.key.value),
            is_text: self.body.is_none() && matches!(value, Value::String(_) | Value::Bytes(_)),
        })
    }

    async fn send(&self, parts: &[Part], request: Vec<usize>) -> Result<Answered, TaskError> {
        let Some(first) = request.first().map(|&at| &parts[at]) else {
            return Ok(Answered::Each(Vec::new()));
        };
        let method = match (&first.body, self.options.method) {
            (None, _) => Method::DELETE,
            (_, RequestMethod::Post) => Method::POST,
            (_, RequestMethod::Put) => Method::PUT,
            (_, RequestMethod::Patch) => Method::PATCH,
        };
        let mut sending = self.client.request(method, &first.url);
        if first.body.is_some() {
            let kind = if first.is_text { "text/plain; charset=utf-8" } else { "application/json" };
            let kind = self.options.content_type.as_deref().unwrap_or(kind);
            sending = sending.header(CONTENT_TYPE, kind).body(self.body_of(parts, &request));
        }
        let response = match sending.headers(self.headers.clone()).send().await {
            Ok(response) => response,
            Err(error) if error.is_builder() => return Ok(Answered::Refused(describe(error))),
            Err(error) => return Ok(Answered::Away { after: None, why: describe(error) }),
        };
        let (status, verdict) = (response.status(), verdict(response.status(), response.headers()));
        // The status is the answer; what follows it is only shown.
        let said = body_within(response, SHOWN_BYTES_MAX).await.unwrap_or_default();
        let why = || match String::from_utf8_lossy(&said).trim() {
            "" => format!("status {}", status.as_u16()),
            said => format!("status {}: {said}", status.as_u16()),
        };
        Ok(match verdict {
            Verdict::Ok => Answered::Each(vec![Fate::Done; request.len()]),
            Verdict::Retry(after) => Answered::None { after, why: why() },
            Verdict::Away(after) => Answered::Away { after, why: why() },
            Verdict::Reject => match status {
                // What was to go has gone: after a crash a DELETE comes again.
                StatusCode::NOT_FOUND | StatusCode::GONE if first.body.is_none() => {
                    Answered::Each(vec![Fate::Done; request.len()])
                }
                StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                    let advice = "check auth.user and auth.password, or auth.token";
                    return Err(TaskError::fatal(format!("{}; {advice}", why())));
                }
                status if status.is_redirection() => {
                    let advice = "redirects are not followed: write the address they lead to in url";
                    return Err(TaskError::fatal(format!("{}; {advice}", why())));
                }
                _ => Answered::Refused(why()),
            },
        })
    }

    fn body_of(&self, parts: &[Part], request: &[usize]) -> Bytes {
        let bodies: Vec<&[u8]> = request.iter().filter_map(|&at| parts[at].body.as_deref()).collect();
        if self.options.records == 1 {
            return bodies.concat().into();
        }
        let separator = self.options.separator.replace("\\n", "\n");
        let (prefix, suffix) = (&self.options.prefix, self.options.suffix.replace("\\n", "\n"));
        [prefix.as_bytes(), &bodies.join(separator.as_bytes()), suffix.as_bytes()].concat().into()
    }
}

/// Text and bytes as they are, everything else as JSON.
fn plain(value: &Value) -> Vec<u8> {
    match value.as_bytes() {
        Some(bytes) => bytes.to_vec(),
        None => value.to_json().to_string().into_bytes(),
    }
}

#[async_trait]
impl SinkTask for HttpTask {
    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        let mut parts = Vec::new();
        let mut outcomes = Vec::with_capacity(records.len());
        for record in records {
            match self.part(record) {
                Ok(part) => {
                    parts.push(part);
                    outcomes.push(None);
                }
                Err(outcome) => outcomes.push(Some(outcome)),
            }
        }
        let sizes = parts.iter().map(|part| (Some(part.lane), part.body.as_ref().map_or(0, Vec::len)));
        let sent = send_all(sizes, self.limits(), |request| self.send(&parts, request)).await?;
        if let Some(away) = sent.away {
            return Err(away);
        }
        let mut sent = sent.outcomes.into_iter();
        let unsent = || Outcome::Retry { after: None, why: "it was not sent".to_owned() };
        let outcomes: Vec<Outcome> =
            outcomes.into_iter().map(|known| known.or_else(|| sent.next()).unwrap_or_else(unsent)).collect();
        let all = outcomes.iter().all(|outcome| *outcome == Outcome::Ok);
        Ok(if all { Written::All } else { Written::Each(outcomes) })
    }
}
