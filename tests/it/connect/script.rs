use super::http;
use anyhow::{Context, Result, bail};
use millstream_tests::process::PATIENCE;
use serde_json::{Value, json};
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// What the script's source is given to read.
const LINES: &str = "one\ntwo\nthr\n";
const PAUSE: Duration = Duration::from_millis(100);

/// Requests in their order: `requests.txt`.
pub(super) struct Script {
    pub(super) requests: Vec<Request>,
}

pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Option<String>,
    /// What must be where in the answer; it is asked again until it is.
    until: Vec<(String, String)>,
}

/// An answer without what differs from one machine to the next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) body: Value,
}

impl Script {
    pub(super) fn load() -> Result<Self> {
        let lines =
            include_str!("requests.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Ok(Self { requests: lines.map(Request::read).collect::<Result<_>>()? })
    }

    /// Asks all of it.
    pub(super) fn ask(&self, address: SocketAddr) -> Result<Vec<Answer>> {
        let dir = tempfile::tempdir()?;
        std::fs::write(dir.path().join("in.txt"), LINES)?;
        self.requests.iter().map(|request| request.ask(address, dir.path())).collect()
    }
}

impl Request {
    fn read(line: &str) -> Result<Self> {
        let (asked, until) = line.split_once(" until ").unwrap_or((line, ""));
        let mut words = asked.splitn(3, ' ');
        let (method, path) = words.next().zip(words.next()).context("METHOD PATH [BODY]")?;
        let until = until.split(' ').filter_map(|one| one.split_once('='));
        Ok(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            body: words.next().map(str::to_owned),
            until: until.map(|(pointer, value)| (pointer.to_owned(), value.to_owned())).collect(),
        })
    }

    fn ask(&self, address: SocketAddr, dir: &Path) -> Result<Answer> {
        let dir = dir.to_string_lossy();
        let body = self.body.as_ref().map(|body| body.replace("$DIR", &dir));
        let begun = Instant::now();
        loop {
            let response = http::ask(address, &self.method, &self.path, body.as_deref())?;
            let parsed = serde_json::from_str(&response.body.replace(&*dir, "$DIR")).unwrap_or(Value::Null);
            let is_settled = !is_momentary(response.status, &parsed);
            if is_settled && self.until.iter().all(|(pointer, value)| is(parsed.pointer(pointer), value)) {
                let location = response.location.and_then(|url| Some(url.splitn(4, '/').nth(3)?.to_owned()));
                return Ok(Answer { status: response.status, location, body: normal(parsed) });
            }
            if begun.elapsed() > PATIENCE {
                bail!("{self}: not so after {PATIENCE:?}: {} {parsed}", response.status);
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Kafka Connect's herder rebalances when it will, does nothing meanwhile, and says so: it is to be asked again.
fn is_momentary(status: u16, body: &Value) -> bool {
    let message = body["message"].as_str().unwrap_or_default();
    match status {
        409 => message.starts_with("Cannot complete request"),
        500 => message.ends_with("because a rebalance is expected"),
        _ => false,
    }
}

fn is(found: Option<&Value>, wanted: &str) -> bool {
    let is_as_json =
        |found: &Value| serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *found);
    found.is_some_and(|found| wanted == "*" || found.as_str() == Some(wanted) || is_as_json(found))
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.method, self.path, self.body.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&json!({"status": self.status, "location": self.location, "body": self.body}).to_string())
    }
}

impl Answer {
    /// As it was written.
    pub(super) fn read(line: &str) -> Result<Self> {
        let mut read: Value = serde_json::from_str(line)?;
        let status =
            read["status"].as_u64().and_then(|status| u16::try_from(status).ok()).context("no status")?;
        Ok(Self { status, location: read["location"].as_str().map(str::to_owned), body: read["body"].take() })
    }
}

/// Without what names a machine, a moment or a version, and without Java's class names and stack traces.
fn normal(value: Value) -> Value {
    match value {
        Value::Array(all) => all.into_iter().map(normal).collect(),
        Value::Object(map) => map
            .into_iter()
            .filter(|(name, _)| !["trace", "why", "since", "task.class"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), field(&name, value)))
            .collect(),
        other => other,
    }
}

fn field(name: &str, value: Value) -> Value {
    match (name, value) {
        ("worker_id" | "version" | "commit" | "kafka_cluster_id", Value::String(_)) => json!("..."),
        ("last_modified", Value::Number(_)) => json!("..."),
        // In words of its own; that there are some is what matters.
        ("documentation", Value::String(words)) if !words.trim().is_empty() => json!("..."),
        ("message", Value::String(message)) => json!(shortened(&message)),
        (_, value) => normal(value),
    }
}

/// A message without the exception that carried it, and without lists of what there is.
fn shortened(message: &str) -> String {
    let class_end = message.find("Exception: ").map_or(0, |at| at + "Exception: ".len());
    let message = if message.starts_with("org.apache.kafka.") { &message[class_end..] } else { message };
    let message = message.split(", available connectors are").next().unwrap_or(message);
    match (message.find(" {"), message.find("} contains no")) {
        (Some(from), Some(to)) => format!("{}{}", &message[..from], &message[to + 1..]),
        _ => message.to_owned(),
    }
}
