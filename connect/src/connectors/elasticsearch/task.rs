//! A task: what the plan decides is done here, over HTTP.

use bytes::Bytes;
use reqwest::{Method, StatusCode};

use super::bulk::{FILTER, fates};
use super::indices::{Indices, put_template};
use super::operation::{Operation, Preparation, Prepared};
use super::options::{ElasticsearchOptions, OnMalformed};
use super::server::{Body, Server};
use crate::http::requests::{Answered, Limits, send_all};
use crate::http::{Verdict, verdict};
use crate::{Outcome, Record, SinkContext, SinkTask, TaskError, Written, async_trait};

/// Writes what it is given before it answers.
pub(super) struct ElasticsearchTask {
    server: Server,
    preparation: Preparation,
    indices: Indices,
    limits: Limits,
    options: ElasticsearchOptions,
    /// For the log.
    name: String,
    /// Documents that were there already: replays, or a topic that began anew under an index that did not.
    replayed: u64,
}

impl ElasticsearchTask {
    pub(super) async fn open(options: ElasticsearchOptions, context: &SinkContext) -> Result<Self, String> {
        let server = Server::new(&options.connection)?;
        put_template(&server, &options.target, context).await?;
        let requests = &options.requests;
        let limits = Limits {
            records: requests.records,
            bytes: requests.bytes,
            in_flight: requests.in_flight,
            retries: requests.retries,
            backoff: requests.backoff,
            patience: requests.patience,
        };
        Ok(Self {
            server,
            preparation: Preparation::new(options.clone())?,
            indices: Indices::new(&options),
            limits,
            name: format!("{}-{}", context.connector, context.task),
            options,
            replayed: 0,
        })
    }

    async fn make_indices(&mut self, records: &[Record]) -> Result<(), TaskError> {
        let mut last: Option<String> = None;
        for record in records {
            let Some(name) = self.preparation.index_to_make(record) else { continue };
            if last.as_ref() == Some(&name) {
                continue;
            }
            let ignored = self.options.documents.ignores_schema(&record.topic);
            let schema = record.value.schema.as_ref().filter(|_| !ignored);
            self.indices.ensure(&self.server, self.preparation.target(), name.clone(), schema).await?;
            last = Some(name);
        }
        Ok(())
    }

    fn count(&mut self, replayed: u64) {
        if replayed == 0 {
            return;
        }
        self.replayed += replayed;
        let (task, total) = (&self.name, self.replayed);
        tracing::info!(
            task,
            replayed,
            total,
            "documents were there already, in the same version or a newer one, and count as written"
        );
    }

    /// What the runtime is told of a record that the server refused.
    fn malformed(&self, record: &Record, why: String) -> Outcome {
        match self.options.documents.on_malformed {
            OnMalformed::Fail => Outcome::Reject { why },
            OnMalformed::Ignore => Outcome::Ok,
            OnMalformed::Warn => {
                let (task, topic) = (&self.name, &record.topic);
                let offset = record.origin.as_ref().map(|origin| origin.offset);
                tracing::warn!(task, %topic, offset, why, "a document was refused and is dropped");
                Outcome::Ok
            }
        }
    }
}

#[async_trait]
impl SinkTask for ElasticsearchTask {
    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        self.make_indices(records).await?;
        let mut lines = Vec::new();
        let prepared: Vec<Prepared> =
            records.iter().map(|record| self.preparation.prepare(record, &mut lines)).collect();
        let operations: Vec<&Operation> = prepared
            .iter()
            .filter_map(|prepared| match prepared {
                Prepared::Send(operation) => Some(operation),
                Prepared::Settled(_) => None,
            })
            .collect();
        let (server, lines) = (&self.server, Bytes::from(lines));
        let sizes = operations.iter().map(|operation| (operation.lane, operation.lines.len()));
        let send =
            |request: Vec<usize>| bulk(server, body(&lines, &operations, &request), &operations, request);
        let sent = send_all(sizes, self.limits, send).await?;
        self.count(sent.replayed);
        let mut sent = sent.outcomes.into_iter();
        let outcomes = records.iter().zip(prepared).map(|(record, prepared)| match prepared {
            Prepared::Settled(outcome) => outcome,
            Prepared::Send(_) => match sent.next() {
                Some(Outcome::Reject { why }) => self.malformed(record, why),
                Some(outcome) => outcome,
                None => Outcome::Retry { after: None, why: "it was not sent".to_owned() },
            },
        });
        let outcomes: Vec<Outcome> = outcomes.collect();
        let all = outcomes.iter().all(|outcome| *outcome == Outcome::Ok);
        Ok(if all { Written::All } else { Written::Each(outcomes) })
    }
}

/// The lines of a request: as they lie where they lie in a row, else copied.
fn body(lines: &Bytes, operations: &[&Operation], request: &[usize]) -> Bytes {
    let range = |at: &usize| operations[*at].lines.clone();
    let in_a_row = request.windows(2).all(|pair| range(&pair[0]).end == range(&pair[1]).start);
    if let (true, Some(first), Some(last)) = (in_a_row, request.first(), request.last()) {
        return lines.slice(range(first).start..range(last).end);
    }
    request.iter().map(|at| &lines[range(at)]).collect::<Vec<_>>().concat().into()
}

/// Sends a request. An error is one that no later try will mend.
async fn bulk(
    server: &Server,
    body: Bytes,
    operations: &[&Operation],
    request: Vec<usize>,
) -> Result<Answered, TaskError> {
    let answer = match server.ask(Method::POST, &["_bulk"], Some(FILTER), Some((Body::Lines, body))).await {
        Ok(answer) => answer,
        Err(why) => return Ok(Answered::None { after: None, why }),
    };
    Ok(match (answer.status, verdict(answer.status, &answer.headers)) {
        (_, Verdict::Ok) => {
            let sent: Vec<&Operation> = request.into_iter().map(|at| operations[at]).collect();
            match fates(&answer.body, &sent) {
                Ok(fates) => Answered::Each(fates),
                Err(why) => Answered::None { after: None, why },
            }
        }
        (_, Verdict::Retry(after)) => Answered::None { after, why: answer.why() },
        (StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE, _) => Answered::Refused(answer.why()),
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
            let advice = "allow the user of connection.username or connection.api.key to write to the index";
            return Err(TaskError::fatal(format!("{}; {advice}", answer.why())));
        }
        _ => {
            let advice = "connection.url does not lead to a search server's bulk interface";
            return Err(TaskError::fatal(format!("{}; {advice}", answer.why())));
        }
    })
}
