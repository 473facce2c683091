use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::child::{Program, Said};
use super::pause::Pause;
use crate::about::About;
use crate::connectors::parts;
use crate::data::{SchemaAndValue, Value};
use crate::error::{ConnectError, TaskError};
use crate::options::{Choice, Options};
use crate::record::{Headers, Record};
use crate::source::{Source, SourceBatch, SourceContext, SourceOffset, SourcePartition, SourceTask};

/// The variable of the environment that has the position.
const POSITION: &str = "MILLSTREAM_POSITION";
/// The header of a record whose line was no record.
const WRONG: &str = "exec.error";

/// What can be said to [`ExecSource`].
#[derive(Options, Clone, Debug)]
pub struct ExecSourceOptions {
    /// The command to run, as a shell takes it. What it writes to its standard error goes to the log. When it ends with 0, all is
    /// said; when it fails, it is started again.
    #[option(importance = "high")]
    command: String,
    /// The topic to write to, where a record names no other.
    #[option(importance = "high")]
    topic: String,
    /// What the lines are: text; or `records`, JSON objects such as `{"value": {"a": 1}, "key": "k", "topic": "t", "partition": 0,
    /// "timestamp": 1767225600000, "headers": {"h": 1}, "position": {"page": 7}}`, of which all but the value may be missing. The
    /// position that was stored last stands in the environment as MILLSTREAM_POSITION. A line that is none is a record as it is, with
    /// what is wrong in the header `exec.error`.
    #[option(default = "lines")]
    format: Spoken,
    /// The longest line. A longer one comes in pieces.
    #[option(name = "line.max.bytes", default = 1_000_000, range = 16..=100_000_000, importance = "low")]
    line_max_bytes: usize,
}

/// What the lines of a program are.
#[derive(Choice, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// Texts.
    Lines,
    /// Records as JSON objects.
    Records,
}

/// Runs a program and writes what it prints to a topic.
pub struct ExecSource;

#[async_trait]
impl Source for ExecSource {
    type Options = ExecSourceOptions;

    const ABOUT: About = About {
        name: "exec-source",
        aliases: &[],
        summary: "Runs a program and writes its lines, or the records that it prints as JSON, to a topic.",
    };

    /// Any offset: what it means only the program knows. It is given to it as it is.
    fn check_position(
        options: &ExecSourceOptions,
        partition: &SourcePartition,
        _: &SourceOffset,
        _: Option<&SourceOffset>,
    ) -> Result<(), String> {
        if options.format == Spoken::Lines {
            let why = "Offsets cannot be set with format=lines: a program's lines say nothing of where they are; those of \
                       format=records can";
            return Err(why.to_owned());
        }
        parts::is_read(partition, &[part(options)])
    }

    async fn open(
        options: ExecSourceOptions,
        context: SourceContext,
    ) -> Result<Box<dyn SourceTask>, ConnectError> {
        if context.task > 0 {
            return Err(ConnectError::Refused("a program is run once: set tasks.max=1".to_owned()));
        }
        let partition = part(&options);
        let position = context.position(&partition).cloned();
        Ok(Box::new(ExecTask {
            topic: options.topic.as_str().into(),
            connector: context.connector,
            options,
            partition,
            position,
            program: None,
            pause: Pause::default(),
            is_over: false,
        }))
    }
}

/// The one part that there is.
fn part(options: &ExecSourceOptions) -> SourcePartition {
    [("command".to_owned(), json!(options.command))].into_iter().collect()
}

struct ExecTask {
    topic: Arc<str>,
    connector: String,
    options: ExecSourceOptions,
    partition: SourcePartition,
    /// The last that was said: where the next run goes on.
    position: Option<SourceOffset>,
    program: Option<Program>,
    pause: Pause,
    is_over: bool,
}

#[async_trait]
impl SourceTask for ExecTask {
    async fn poll(&mut self) -> Result<Option<SourceBatch>, TaskError> {
        if self.is_over {
            return Ok(None);
        }
        if self.program.is_none() {
            self.program = Some(self.start()?);
        }
        let Some(program) = &mut self.program else { return Ok(None) };
        let started = program.started;
        match program.next().await {
            Said::Lines(lines) => Ok(Some(self.batch(lines))),
            Said::Ended(Ok(())) => {
                (self.program, self.is_over) = (None, true);
                Ok(None)
            }
            Said::Ended(Err(why)) => {
                self.program = None;
                Err(TaskError::Retry { after: Some(self.pause.after(started, Instant::now())), why })
            }
        }
    }
}

impl ExecTask {
    fn start(&mut self) -> Result<Program, TaskError> {
        let position = self.position.clone().map(|position| (POSITION, Json::Object(position).to_string()));
        let environment: Vec<_> = position.into_iter().collect();
        let options = &self.options;
        Program::start(&options.command, &environment, options.line_max_bytes, false, &self.connector)
            .map_err(|why| TaskError::retry(format!("the command cannot be started: {why}")))
    }

    fn batch(&mut self, lines: Vec<String>) -> SourceBatch {
        let mut records = Vec::with_capacity(lines.len());
        let mut is_moved = false;
        for line in lines {
            if self.options.format == Spoken::Lines {
                records.push(Record::new(self.topic.clone(), SchemaAndValue::string(line)));
                continue;
            }
            match object(&line) {
                Ok(mut object) => {
                    if let Some(Json::Object(position)) = object.remove("position") {
                        (self.position, is_moved) = (Some(position), true);
                    }
                    // A line of a position alone says how far the program came where nothing was to be found.
                    if object.contains_key("value") {
                        records.push(self.record(object));
                    }
                }
                // It is passed on as it is: nothing that a program says is thrown away.
                Err(why) => {
                    let record = Record::new(self.topic.clone(), SchemaAndValue::string(line));
                    records.push(record.header(WRONG, SchemaAndValue::string(why)));
                }
            }
        }
        let position = self.position.clone().filter(|_| is_moved);
        let positions = position.map(|position| (self.partition.clone(), position)).into_iter().collect();
        SourceBatch { records, positions, receipt: None }
    }

    fn record(&self, mut object: serde_json::Map<String, Json>) -> Record {
        let mut take = |name| object.remove(name).unwrap_or_default();
        let topic = take("topic").as_str().map_or_else(|| self.topic.clone(), Arc::from);
        let headers: Headers = match take("headers") {
            Json::Object(headers) => headers.into_iter().map(|(name, value)| (name, data(value))).collect(),
            _ => Headers::new(),
        };
        Record {
            topic,
            partition: take("partition").as_i64().and_then(|partition| i32::try_from(partition).ok()),
            key: data(take("key")),
            value: data(take("value")),
            timestamp: take("timestamp").as_i64(),
            headers,
            origin: None,
        }
    }
}

fn object(line: &str) -> Result<serde_json::Map<String, Json>, String> {
    match serde_json::from_str(line) {
        Ok(Json::Object(object)) if object.contains_key("value") || object.contains_key("position") => {
            Ok(object)
        }
        Ok(_) => Err("the line is no JSON object with a value".to_owned()),
        Err(why) => Err(format!("the line is no JSON: {why}")),
    }
}

fn data(json: Json) -> SchemaAndValue {
    match json {
        Json::String(text) => SchemaAndValue::string(text),
        other => SchemaAndValue::schemaless(Value::from(other)),
    }
}
