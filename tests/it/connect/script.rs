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

/// What `$LONG` stands for.
const LONG: usize = 3_000;

/// Requests in their order: `requests.txt`, then `oddities.txt`.
pub(super) struct Script {
    pub(super) requests: Vec<Request>,
}

pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Said besides; `Content-Type` is `application/json` unless it is among them.
    headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    /// What must be where in the answer; it is asked again until it is.
    until: Vec<(String, String)>,
    /// The status that ours means to answer where Kafka Connect answers another.
    pub(super) ours: Option<u16>,
}

/// An answer without what differs from one machine to the next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    /// Which methods a path has.
    pub(super) allow: Option<String>,
    /// What the body is. None where there is no body.
    pub(super) kind: Option<String>,
    pub(super) body: Value,
}

impl Script {
    pub(super) fn load() -> Result<Self> {
        let all = [include_str!("requests.txt"), include_str!("oddities.txt")];
        let lines =
            all.into_iter().flat_map(str::lines).filter(|line| !line.is_empty() && !line.starts_with('#'));
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
        let (line, ours) =
            line.split_once(" ours ").map_or((line, None), |(line, ours)| (line, ours.parse().ok()));
        let (asked, until) = line.split_once(" until ").unwrap_or((line, ""));
        let (method, rest) = asked.split_once(' ').context("METHOD PATH [NAME:VALUE...] [BODY]")?;
        let (path, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut headers = Vec::new();
        while let Some((name, value)) = header(rest.split(' ').next().unwrap_or_default()) {
            headers.push((name.to_owned(), value.to_owned()));
            rest = rest.split_once(' ').map_or("", |(_, rest)| rest);
        }
        let until = until.split(' ').filter_map(|one| one.split_once('='));
        Ok(Self {
            method: method.to_owned(),
            path: path.to_owned(),
            headers,
            body: (!rest.is_empty()).then(|| rest.to_owned()),
            until: until.map(|(pointer, value)| (pointer.to_owned(), value.to_owned())).collect(),
            ours,
        })
    }

    /// A content type of `-` is none.
    fn header_lines(&self) -> String {
        let json = ("Content-Type".to_owned(), "application/json".to_owned());
        let is_json = !self.headers.iter().any(|(name, _)| *name == json.0);
        let all = self.headers.iter().chain(is_json.then_some(&json)).filter(|(_, value)| value != "-");
        all.map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }

    fn ask(&self, address: SocketAddr, dir: &Path) -> Result<Answer> {
        let (dir, long) = (dir.to_string_lossy(), "x".repeat(LONG));
        let written = |text: &str| text.replace("$DIR", &dir).replace("$LONG", &long);
        let (path, body) = (written(&self.path), self.body.as_deref().map(written));
        let headers = self.header_lines();
        let begun = Instant::now();
        loop {
            let response = http::ask_with(address, &self.method, &path, &headers, body.as_deref())?;
            let said = response.body.replace(&*dir, "$DIR").replace(&long, "$LONG");
            let parsed = match serde_json::from_str(&said) {
                // A page of Jetty's names its version.
                Err(_) if said.starts_with("<html>") => json!("<html>"),
                Err(_) if !said.is_empty() => Value::String(said),
                parsed => parsed.unwrap_or_default(),
            };
            let is_settled = !is_momentary(response.status, &parsed);
            if is_settled && self.until.iter().all(|(pointer, value)| is(parsed.pointer(pointer), value)) {
                let location = response.header("location").and_then(|url| url.splitn(4, '/').nth(3));
                return Ok(Answer {
                    status: response.status,
                    location: location.map(|path| path.replace(&long, "$LONG")),
                    allow: response.header("allow").map(sorted),
                    kind: response.header("content-type").map(str::to_owned),
                    body: normal(parsed),
                });
            }
            if begun.elapsed() > PATIENCE {
                bail!("{self}: not so after {PATIENCE:?}: {} {parsed}", response.status);
            }
            thread::sleep(PAUSE);
        }
    }
}

/// `NAME:VALUE` before a body, which begins otherwise.
fn header(word: &str) -> Option<(&str, &str)> {
    let is_named = |name: &str| name.starts_with(|first: char| first.is_ascii_uppercase());
    word.split_once(':').filter(|(name, _)| is_named(name))
}

/// Methods in no order of their own.
fn sorted(methods: &str) -> String {
    let mut methods: Vec<&str> = methods.split(',').map(str::trim).collect();
    methods.sort_unstable();
    methods.join(",")
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
        write!(f, "{} {}", self.method, self.path)?;
        self.headers.iter().try_for_each(|(name, value)| write!(f, " {name}:{value}"))?;
        write!(f, " {}", self.body.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { status, location, allow, kind, body } = self;
        let all = json!({"status": status, "location": location, "allow": allow, "type": kind, "body": body});
        f.write_str(&all.to_string())
    }
}

impl Answer {
    /// As it was written.
    pub(super) fn read(line: &str) -> Result<Self> {
        let mut read: Value = serde_json::from_str(line)?;
        let status =
            read["status"].as_u64().and_then(|status| u16::try_from(status).ok()).context("no status")?;
        let text = |name: &str| read[name].as_str().map(str::to_owned);
        let (location, allow, kind) = (text("location"), text("allow"), text("type"));
        Ok(Self { status, location, allow, kind, body: read["body"].take() })
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
