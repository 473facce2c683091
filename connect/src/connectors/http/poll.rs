//! The source `http-poll`: asks a server again and again, and goes on where it was.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::{
    ACCEPT_ENCODING, ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{Client, StatusCode, Url};
use serde_json::{Map, Value as Json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::body::{BodyFormat, Reading, Unread, optional_pointer, pointer};
use super::client::ClientOptions;
use super::headers;
use crate::connectors::parts;
use crate::http::{Verdict, describe, plain_body_within, verdict};
use crate::options::{Fault, Options, Secret};
use crate::{
    About, ConnectError, End, Finding, Source, SourceBatch, SourceContext, SourceOffset, SourcePartition,
    SourceTask, TaskError,
};

/// What can be said to a source that asks.
#[derive(Options, Debug, Clone)]
#[options(check = agree)]
pub struct PollOptions {
    /// The topic that is written to.
    #[option(importance = "high")]
    pub topic: String,
    /// What is asked for.
    #[option(importance = "high", check = address)]
    pub url: String,
    /// How long to wait between two requests. An answer with a new cursor and items is followed by the next request at once.
    #[option(name = "interval.ms", default = 60_000, importance = "high")]
    pub interval: Duration,
    /// What an answer is: `json`, `ndjson` or `text`.
    #[option(name = "body.format", default = "json")]
    pub format: BodyFormat,
    /// A JSON pointer to the items of an answer, as /data/items: each is a record. The whole answer without, a list being its
    /// items.
    #[option(name = "items.pointer", default = "", check = pointer)]
    pub items: String,
    /// A JSON pointer to what becomes a record's key, from the item. Records have no key without.
    #[option(name = "key.pointer", check = optional_pointer)]
    pub key: Option<String>,
    /// A JSON pointer to what says where the next request goes on, from the whole answer.
    #[option(name = "cursor.pointer", check = optional_pointer)]
    pub cursor: Option<String>,
    /// The parameter of the address by which the next request says it.
    #[option(name = "cursor.parameter")]
    pub parameter: Option<String>,
    /// What the parameter says in the first request; it is left out without.
    #[option(name = "cursor.initial")]
    pub initial: Option<String>,
    /// Headers of requests, as `Name: value`, with `|` between several.
    #[option(default = "", check = headers::check)]
    pub headers: Secret,
    /// How the server is reached.
    #[option(flatten)]
    pub client: ClientOptions,
    /// Bytes of an answer; a longer one is an error.
    /// While it is read as JSON it takes several times as much memory, which is not of worker.memory.bytes.
    #[option(name = "body.bytes.max", default = 16_777_216, range = 1..=1_073_741_824, importance = "low")]
    pub body_max: usize,
}

fn address(url: &str) -> Result<(), String> {
    match Url::parse(url) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
        _ => Err("an address begins with http:// or https://".to_owned()),
    }
}

fn agree(options: &PollOptions) -> Result<(), Fault> {
    if options.cursor.is_some() != options.parameter.is_some() {
        let why = "cursor.pointer says where the cursor is in an answer, cursor.parameter where it goes in a request: give \
                   both or neither";
        return Err(Fault::new("cursor.pointer", why));
    }
    if options.format != BodyFormat::Json && (options.cursor.is_some() || !options.items.is_empty()) {
        let why = "cursor.pointer and items.pointer are for body.format=json";
        return Err(Fault::new("body.format", why));
    }
    Ok(())
}

/// Asks.
pub struct HttpPollSource;

#[async_trait]
impl Source for HttpPollSource {
    type Options = PollOptions;

    const ABOUT: About = About {
        name: "http-poll",
        aliases: &[],
        summary: "Asks an HTTP server again and again, and goes on where it was.",
    };

    async fn check(options: &PollOptions) -> Vec<Finding> {
        let what = "url";
        let mut task = match PollTask::new(options.clone(), &SourceContext::default()) {
            Ok(task) => task,
            Err(why) => return vec![Finding::wrong(what, why)],
        };
        vec![match task.ask().await {
            Ok(batch) => Finding::fine(what, format!("{} records", batch.records.len())),
            Err(error) => Finding::wrong(what, error.to_string()),
        }]
    }

    fn check_position(
        options: &PollOptions,
        partition: &SourcePartition,
        offset: &SourceOffset,
        _: Option<&SourceOffset>,
    ) -> Result<(), String> {
        parts::is_read(partition, &[part(options)])?;
        let example = match options.cursor {
            Some(_) => format!(r#"{{"{CURSOR}": "..."}}, of which the next request begins"#),
            None if offset.contains_key(CURSOR) => {
                return Err(format!(
                    "The offset has a {CURSOR}, and without cursor.parameter no request has one"
                ));
            }
            None => format!(r#"{{"{ETAG_STORED}": "\"...\""}}, of the version that is known"#),
        };
        parts::is_whole(offset, &[], &[ETAG_STORED, MODIFIED, CURSOR], Json::is_string, &example)
    }

    async fn open(options: PollOptions, context: SourceContext) -> Result<Box<dyn SourceTask>, ConnectError> {
        Ok(Box::new(PollTask::new(options, &context).map_err(ConnectError::Refused)?))
    }
}

/// As positions have them.
const ETAG_STORED: &str = "etag";
const MODIFIED: &str = "last-modified";
const CURSOR: &str = "cursor";

/// The one part that there is.
fn part(options: &PollOptions) -> SourcePartition {
    Map::from_iter([("url".to_owned(), Json::from(&*options.url))])
}

/// Where the next request goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Position {
    /// What the server said of the version it answered with.
    etag: Option<String>,
    modified: Option<String>,
    /// Where the next answer begins.
    cursor: Option<String>,
}

impl Position {
    fn read(offset: &SourceOffset) -> Self {
        let text = |name: &str| offset.get(name).and_then(Json::as_str).map(str::to_owned);
        Self { etag: text(ETAG_STORED), modified: text(MODIFIED), cursor: text(CURSOR) }
    }

    fn written(&self) -> SourceOffset {
        let named = [(ETAG_STORED, &self.etag), (MODIFIED, &self.modified), (CURSOR, &self.cursor)];
        let said =
            named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())));
        said.collect()
    }
}

struct PollTask {
    client: Client,
    url: Url,
    headers: HeaderMap,
    reading: Reading,
    options: PollOptions,
    partition: SourcePartition,
    position: Position,
    /// When the next request is due. `None`: at once.
    due: Option<Instant>,
    /// Whether the last answer was all that the server had.
    at_end: watch::Sender<bool>,
}

impl PollTask {
    fn new(options: PollOptions, context: &SourceContext) -> Result<Self, String> {
        let partition = part(&options);
        let position = context.position(&partition).map(Position::read).unwrap_or_default();
        Ok(Self {
            client: options.client.build(true)?,
            url: Url::parse(&options.url).map_err(|error| error.to_string())?,
            headers: headers::parse(options.headers.expose())?,
            reading: Reading {
                topic: options.topic.as_str().into(),
                format: options.format,
                key: options.key.clone(),
                // The body's own limit holds: who is asked is chosen, who writes to a webhook is not.
                records_max: usize::MAX,
            },
            partition,
            position,
            due: None,
            at_end: watch::Sender::new(false),
            options,
        })
    }

    fn request(&self) -> reqwest::RequestBuilder {
        let mut url = self.url.clone();
        let cursor = self.position.cursor.as_ref().or(self.options.initial.as_ref());
        if let (Some(parameter), Some(cursor)) = (&self.options.parameter, cursor) {
            url.query_pairs_mut().append_pair(parameter, cursor);
        }
        let mut request = self.client.get(url).header(ACCEPT_ENCODING, "gzip").headers(self.headers.clone());
        for (name, said) in
            [(IF_NONE_MATCH, &self.position.etag), (IF_MODIFIED_SINCE, &self.position.modified)]
        {
            if let Some(said) = said {
                request = request.header(name, said);
            }
        }
        request
    }

    /// One request. What it brought counts as taken once this returns: there is no `.await` behind the last change.
    async fn ask(&mut self) -> Result<SourceBatch, TaskError> {
        let response = self.request().send().await.map_err(|error| TaskError::retry(describe(error)))?;
        let (status, headers) = (response.status(), response.headers().clone());
        if [StatusCode::NOT_MODIFIED, StatusCode::NO_CONTENT].contains(&status) {
            return Ok(SourceBatch::default());
        }
        match verdict(status, &headers) {
            Verdict::Ok => {}
            Verdict::Retry(after) | Verdict::Away(after) => {
                return Err(TaskError::Retry { after, why: format!("the server answers {status}") });
            }
            Verdict::Reject => {
                let why = format!("the server answers {status}: check url, and auth.user or auth.token");
                return Err(TaskError::fatal(why));
            }
        }
        let max = self.options.body_max;
        let body = plain_body_within(response, max.saturating_add(1)).await.map_err(TaskError::retry)?;
        if body.len() > max {
            return Err(TaskError::fatal(format!(
                "the answer is longer than body.bytes.max ({max}): raise it"
            )));
        }
        self.take(&body, &headers)
    }

    fn take(&mut self, body: &[u8], headers: &HeaderMap) -> Result<SourceBatch, TaskError> {
        let unread =
            |why: String| TaskError::retry(format!("the answer is not what body.format says: {why}"));
        let mut cursor = self.position.cursor.clone();
        let records = if self.options.format == BodyFormat::Json {
            let mut answer: Json = serde_json::from_slice(body).map_err(|error| unread(error.to_string()))?;
            if let Some(found) = self.options.cursor.as_ref().and_then(|pointer| answer.pointer(pointer)) {
                // A server without more to give often says null: the next request asks where this one did.
                cursor = text(found).or(cursor);
            }
            let pointer = &self.options.items;
            let items = answer.pointer_mut(pointer).map(Json::take);
            let items = items.ok_or_else(|| unread(format!("it has no {pointer} (items.pointer)")))?;
            // No items, for those servers that do not say so by an empty list.
            if items.is_null() { Vec::new() } else { self.reading.items(items) }
        } else {
            self.reading.records(body).map_err(|why| match why {
                Unread::Malformed(why) => unread(why),
                Unread::TooMany => unread("it has too many items".to_owned()),
            })?
        };
        let said = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
        // What a page says of itself is not said of the next one.
        let validators =
            if cursor == self.position.cursor { (said(ETAG), said(LAST_MODIFIED)) } else { (None, None) };
        let position = Position { etag: validators.0, modified: validators.1, cursor };
        self.position = position;
        let positions = vec![(self.partition.clone(), self.position.written())];
        Ok(SourceBatch { records, positions, receipt: None })
    }
}

fn text(cursor: &Json) -> Option<String> {
    match cursor {
        Json::Null => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

#[async_trait]
impl SourceTask for PollTask {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        loop {
            if let Some(due) = self.due {
                tokio::time::sleep_until(due).await;
            }
            let began = Instant::now();
            let before = self.position.clone();
            let next = began + self.options.interval;
            let asked = self.ask().await;
            let is_due = matches!(&asked, Ok(batch) if !batch.records.is_empty())
                && self.position.cursor != before.cursor;
            self.due = if is_due { None } else { Some(next) };
            let batch = asked?;
            self.at_end.send_replace(self.due.is_some());
            if !batch.records.is_empty() || self.position != before {
                return Ok(Some(batch));
            }
        }
    }

    fn end(&self) -> End {
        End::Told(self.at_end.subscribe())
    }
}
