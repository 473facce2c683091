use std::collections::HashMap;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout_at;

use super::child::{Program, Said};
use super::pause::Pause;
use crate::about::About;
use crate::connectors::line;
use crate::error::{ConnectError, TaskError};
use crate::options::Options;
use crate::record::Record;
use crate::sink::{Outcome, Replay, Sink, SinkContext, SinkTask, Written};

/// What can be said to [`ExecSink`].
#[derive(Options, Clone, Debug)]
pub struct ExecSinkOptions {
    /// The command to run, as a shell takes it. Each line of its standard input is a record: a JSON object of `id`, `topic`,
    /// `partition`, `offset`, `timestamp`, `key`, `headers` and `value`. It answers each by a line, in any order: `{"id": 1}`, it is
    /// done; `{"id": 2, "retry": "why", "after_ms": 5000}`, again later; `{"id": 3, "reject": "why"}`, a dead letter. What it writes to
    /// its standard error goes to the log.
    #[option(importance = "high")]
    command: String,
    /// How long the program may take to answer for the records it is given at once. Then it is killed and started again.
    #[option(name = "answer.timeout.ms", default = "30s", check = is_positive)]
    answer_timeout: Duration,
    /// The longest answer.
    #[option(name = "line.max.bytes", default = 1_000_000, range = 64..=100_000_000, importance = "low")]
    line_max_bytes: usize,
}

fn is_positive(wait: &Duration) -> Result<(), String> {
    if wait.is_zero() { Err("must be more than 0".to_owned()) } else { Ok(()) }
}

/// Gives records to a program, which answers for each.
pub struct ExecSink;

#[async_trait]
impl Sink for ExecSink {
    type Options = ExecSinkOptions;

    const ABOUT: About = About {
        name: "exec-sink",
        aliases: &[],
        summary: "Gives records as lines of JSON to a program, which answers for each of them.",
    };

    const REPLAY: Replay = Replay::Appends;

    async fn open(options: ExecSinkOptions, context: SinkContext) -> Result<Box<dyn SinkTask>, ConnectError> {
        let connector = context.connector;
        Ok(Box::new(ExecTask { options, connector, program: None, pause: Pause::default(), next_id: 0 }))
    }
}

struct ExecTask {
    options: ExecSinkOptions,
    connector: String,
    program: Option<Program>,
    pause: Pause,
    /// Ids are never given twice, so that a late answer is known as one.
    next_id: u64,
}

/// What the program says of a record.
#[derive(Deserialize)]
struct Answer {
    id: u64,
    #[serde(default)]
    retry: Option<String>,
    #[serde(default)]
    after_ms: Option<u64>,
    #[serde(default)]
    reject: Option<String>,
}

impl Answer {
    fn outcome(self) -> Outcome {
        match (self.reject, self.retry) {
            (Some(why), _) => Outcome::Reject { why },
            (None, Some(why)) => Outcome::Retry { after: self.after_ms.map(Duration::from_millis), why },
            (None, None) => Outcome::Ok,
        }
    }
}

#[async_trait]
impl SinkTask for ExecTask {
    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        let first = self.next_id;
        self.next_id += records.len() as u64;
        let program = match self.program.take() {
            Some(program) => program,
            None => self.start()?,
        };
        let mut input = Vec::new();
        for (record, id) in records.iter().zip(first..) {
            let mut object = line::envelope(record);
            object["id"] = json!(id);
            input.extend_from_slice(object.to_string().as_bytes());
            input.push(b'\n');
        }
        let mut answers = HashMap::new();
        let unanswered = if program.write(input) {
            self.listen(program, first, records.len(), &mut answers).await
        } else {
            Some(self.failed(&program, "the program does not read its standard input".to_owned()))
        };
        let missing = unanswered.unwrap_or(Outcome::Ok);
        let outcomes = (first..self.next_id).map(|id| answers.remove(&id).unwrap_or_else(|| missing.clone()));
        Ok(Written::Each(outcomes.collect()))
    }
}

impl ExecTask {
    fn start(&self) -> Result<Program, TaskError> {
        let options = &self.options;
        Program::start(&options.command, &[], options.line_max_bytes, true, &self.connector)
            .map_err(|why| TaskError::retry(format!("the command cannot be started: {why}")))
    }

    /// Waits for the answers. `Some`: what becomes of those that did not come. The program is kept unless it failed.
    async fn listen(
        &mut self,
        mut program: Program,
        first: u64,
        count: usize,
        answers: &mut HashMap<u64, Outcome>,
    ) -> Option<Outcome> {
        let deadline = tokio::time::Instant::now() + self.options.answer_timeout;
        while answers.len() < count {
            let lines = match timeout_at(deadline, program.next()).await {
                Ok(Said::Lines(lines)) => lines,
                Ok(Said::Ended(ended)) => {
                    let why =
                        ended.err().unwrap_or_else(|| "the command ended before it answered".to_owned());
                    return Some(self.failed(&program, why));
                }
                Err(_) => {
                    return Some(self.failed(&program, "the program did not answer in time".to_owned()));
                }
            };
            for line in lines {
                match serde_json::from_str::<Answer>(&line) {
                    Ok(answer) if (first..self.next_id).contains(&answer.id) => {
                        answers.insert(answer.id, answer.outcome());
                    }
                    // An answer to what was given up.
                    Ok(_) => {}
                    Err(why) => return Some(self.failed(&program, format!("{line} is no answer: {why}"))),
                }
            }
        }
        self.program = Some(program);
        None
    }

    /// The program is not to be used any more.
    fn failed(&mut self, program: &Program, why: String) -> Outcome {
        Outcome::Retry { after: Some(self.pause.after(program.started, Instant::now())), why }
    }
}
