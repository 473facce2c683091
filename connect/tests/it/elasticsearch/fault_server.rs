//! A search server as far as a bulk sink sees one, with the faults that a test asks for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::http_server::{HttpServer, Reply, Request};

/// What goes wrong with a bulk request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// It is refused as a whole; `Retry-After` in seconds.
    Status(u16, Option<u64>),
    /// Every nth item is refused with this status; the others are done.
    Items(usize, u16),
    /// The connection ends before anything is done.
    CutBefore,
    /// All is done, the answer is cut.
    CutAfter,
    /// All is done, the answer speaks of all but the last.
    Forgetful,
    /// All is done, the answer never comes.
    Hang,
    /// All is done, the answer comes late.
    Slow(Duration),
    /// Requests of more bytes than this are refused, this one and those after it.
    TooLarge(usize),
}

/// What the server has and was asked.
#[derive(Default)]
pub(crate) struct State {
    /// By index and id.
    pub(crate) documents: BTreeMap<(String, String), Document>,
    pub(crate) made: BTreeSet<String>,
    /// Puts of templates and the like, with their bodies.
    pub(crate) puts: Vec<(String, Value)>,
    faults: VecDeque<Fault>,
    bytes_max: Option<usize>,
    /// Records in each bulk request, refused ones included.
    pub(crate) requests: Vec<usize>,
    /// How many of these were asked only whether anything went wrong.
    pub(crate) brief: usize,
    pub(crate) authorizations: BTreeSet<String>,
    /// How many documents were put in place of others, or tried to be.
    pub(crate) rewrites: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub(crate) version: i64,
    pub(crate) source: Value,
}

pub(crate) struct FaultServer {
    server: HttpServer,
    state: Arc<Mutex<State>>,
}

impl FaultServer {
    /// Starts a server that does these to the bulk requests that come first.
    pub(crate) async fn start(faults: &[Fault]) -> Result<Self> {
        let state = State { faults: faults.iter().copied().collect(), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let server = HttpServer::start(move |request| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            state.reply(request).unwrap_or_else(|error| Reply::status(400, format!("{error:#}")))
        });
        Ok(Self { server: server.await?, state })
    }

    pub(crate) fn url(&self) -> String {
        self.server.url("")
    }

    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn reply(&mut self, request: &Request) -> Result<Reply> {
        if let Some(said) = request.headers.get("authorization") {
            self.authorizations.insert(said.clone());
        }
        let path = request.path.split('?').next().unwrap_or_default().trim_start_matches('/');
        Ok(match (&*request.method, path) {
            ("GET", "") => {
                Reply::ok(json!({"version": {"number": "0.1", "distribution": "faulty"}}).to_string())
            }
            ("POST", "_bulk") => self.bulk(request)?,
            ("HEAD", name) => Reply::status(if self.made.contains(name) { 200 } else { 404 }, ""),
            ("PUT", name) => {
                let body = text(request)?;
                let body = if body.is_empty() { Value::Null } else { serde_json::from_str(&body)? };
                self.puts.push((name.to_owned(), body));
                self.made.insert(name.to_owned());
                Reply::ok("{}")
            }
            (method, path) => Reply::status(405, format!("{method} {path}")),
        })
    }

    fn bulk(&mut self, request: &Request) -> Result<Reply> {
        let body = text(request)?;
        let lines: Vec<Value> = body.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        let count = lines.iter().filter(|line| Operation::of(line).is_some()).count();
        self.requests.push(count);
        let is_brief = request.path.ends_with("?filter_path=errors");
        self.brief += usize::from(is_brief);
        let fault = self.faults.pop_front();
        if let (true, Some(same @ (Fault::Items(..) | Fault::Forgetful))) = (is_brief, fault) {
            // It goes wrong again when it is asked in full.
            self.faults.push_front(same);
        }
        if let Some(Fault::TooLarge(bytes)) = fault {
            self.bytes_max = Some(bytes);
        }
        if self.bytes_max.is_some_and(|max| body.len() > max) {
            return Ok(Reply::status(413, "{}"));
        }
        match fault {
            Some(Fault::Status(status, after)) => {
                let reply = Reply::status(status, json!({"error": "too busy"}).to_string());
                return Ok(after
                    .into_iter()
                    .fold(reply, |reply, s| reply.header("retry-after", s.to_string())));
            }
            Some(Fault::CutBefore) => return Ok(Reply::Cut),
            _ => {}
        }
        let refused = match fault {
            Some(Fault::Items(nth, status)) => Some((nth, status)),
            _ => None,
        };
        let (mut items, is_wrong) = self.apply(&lines, refused)?;
        if let Some(Fault::Forgetful) = fault {
            items.pop();
        }
        let is_forgetful = matches!(fault, Some(Fault::Forgetful));
        let mut answer = json!({"errors": is_forgetful || is_wrong});
        if !is_brief {
            answer["items"] = items.into();
        }
        let answer = answer.to_string().into_bytes();
        Ok(match fault {
            Some(Fault::CutAfter) => Reply::Half(answer),
            Some(Fault::Hang) => Reply::Hang,
            Some(Fault::Slow(by)) => Reply::Late(by, answer),
            _ => Reply::ok(answer),
        })
    }

    /// The items of the answer, and whether anything is wrong with one.
    fn apply(&mut self, lines: &[Value], refused: Option<(usize, u16)>) -> Result<(Vec<Value>, bool)> {
        let (mut items, mut is_wrong, mut at) = (Vec::new(), false, 0);
        while at < lines.len() {
            let operation = Operation::of(&lines[at]).context("no operation")?;
            at += 1;
            let source = if operation.verb == "delete" { None } else { lines.get(at) };
            at += usize::from(source.is_some());
            let status = match refused {
                Some((nth, status)) if items.len() % nth == nth - 1 => status,
                _ => self.one(&operation, source),
            };
            let mut result = json!({"status": status});
            if status >= 400 {
                is_wrong |= (operation.verb, status) != ("delete", 404);
                result["error"] = json!({"type": "of_the_test", "reason": format!("{status} it is")});
            }
            items.push(json!({ operation.verb: result }));
        }
        Ok((items, is_wrong))
    }

    fn one(&mut self, operation: &Operation, source: Option<&Value>) -> u16 {
        let id = operation.id.map_or_else(|| format!("of its own {}", self.documents.len()), str::to_owned);
        let place = (operation.index.to_owned(), id);
        let there = self.documents.get(&place).cloned();
        self.rewrites += u64::from(there.is_some());
        let version = operation.version.unwrap_or_else(|| there.as_ref().map_or(0, |one| one.version) + 1);
        let is_older =
            operation.version.is_some() && there.as_ref().is_some_and(|one| one.version >= version);
        if is_older || operation.verb == "create" && there.is_some() {
            return 409;
        }
        if source.is_some_and(|source| source.get("reject").is_some()) {
            return 400;
        }
        match (operation.verb, source) {
            ("delete", _) => {
                return if self.documents.remove(&place).is_some() { 200 } else { 404 };
            }
            ("update", Some(source)) => {
                let mut merged = there.map_or_else(|| json!({}), |one| one.source);
                for (name, value) in source["doc"].as_object().into_iter().flatten() {
                    merged[name] = value.clone();
                }
                self.documents.insert(place, Document { version, source: merged });
            }
            (_, Some(source)) => {
                self.documents.insert(place, Document { version, source: source.clone() });
            }
            _ => return 400,
        }
        201
    }
}

fn text(request: &Request) -> Result<String> {
    let mut text = String::new();
    match request.headers.get("content-encoding").map(String::as_str) {
        Some("gzip") => flate2::read::GzDecoder::new(&*request.body).read_to_string(&mut text)?,
        _ => (&*request.body).read_to_string(&mut text)?,
    };
    Ok(text)
}

struct Operation<'a> {
    verb: &'a str,
    index: &'a str,
    /// None: it makes a document of its own.
    id: Option<&'a str>,
    version: Option<i64>,
}

impl<'a> Operation<'a> {
    fn of(line: &'a Value) -> Option<Self> {
        let (verb, what) = line.as_object()?.iter().next()?;
        let is_verb = ["index", "create", "update", "delete"].contains(&&**verb);
        let (index, id) = (what.get("_index")?.as_str()?, what.get("_id").and_then(Value::as_str));
        is_verb.then_some(Self { verb, index, id, version: what.get("version").and_then(Value::as_i64) })
    }
}
