//! A task: what the plan decides is done here, over HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millstream_client::TopicPartition;

use super::bulk::Bulk;
use super::indices::{Indices, put_template};
use super::operation::{Operation, Preparation, Prepared};
use super::options::{ElasticsearchOptions, OnMalformed};
use super::server::Server;
use super::volleys::{Place, Volleys};
use crate::http::requests::{Limits, Sent, send_all};
use crate::{Assigned, Outcome, Record, SinkContext, SinkTask, TaskError, Written, async_trait};

/// How many times what may be under way a write has records for: those that are under way when it ends come again, and each time
/// costs.
const TURNS: usize = 2;
/// How long a write goes on sending once it has something to tell.
const WRITE_MAX: Duration = Duration::from_millis(500);

/// Keeps as many requests under way as it may: what is under way when a write returns is left untried and comes again with
/// the next, which finds it under way or done.
pub(super) struct ElasticsearchTask {
    server: Arc<Server>,
    bulk: Arc<Bulk>,
    preparation: Preparation,
    indices: Indices,
    limits: Limits,
    options: ElasticsearchOptions,
    /// For the log.
    name: String,
    /// Documents that were there already: replays, or a topic that began anew under an index that did not.
    replayed: u64,
    volleys: Volleys,
    /// Of a write that was not dropped none is left when the next begins.
    is_writing: bool,
}

impl ElasticsearchTask {
    pub(super) async fn open(
        options: ElasticsearchOptions,
        context: &SinkContext,
    ) -> Result<Self, TaskError> {
        let server = Server::new(&options.connection).map_err(TaskError::fatal)?;
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
        let preparation = Preparation::new(options.clone()).map_err(TaskError::fatal)?;
        let server = Arc::new(server);
        Ok(Self {
            bulk: Arc::new(Bulk::new(Arc::clone(&server), preparation.is_repeatable())),
            server,
            preparation,
            indices: Indices::new(&options),
            limits,
            name: format!("{}-{}", context.connector, context.task),
            options,
            replayed: 0,
            volleys: Volleys::default(),
            is_writing: false,
        })
    }

    async fn make_indices(&mut self, records: &[(Place, &Record)]) -> Result<(), TaskError> {
        let mut last: Option<Arc<str>> = None;
        for (_, record) in records {
            let Some(name) = self.preparation.index_to_make(record) else { continue };
            if last.as_ref() == Some(&name) {
                continue;
            }
            let ignored = self.options.documents.ignores_schema(&record.topic);
            let schema = record.value.schema.as_ref().filter(|_| !ignored);
            self.indices.ensure(&self.server, self.preparation.target(), &name, schema).await?;
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
        if std::mem::replace(&mut self.is_writing, true) {
            // The last write was dropped, and with it whoever waited for what is under way.
            self.volleys = Volleys::default();
        }
        let written = self.advance(records).await;
        self.is_writing = false;
        written
    }

    fn keeps_json(&self) -> bool {
        self.preparation.keeps_json()
    }

    async fn assigned(
        &mut self,
        partitions: &[Assigned],
    ) -> Result<BTreeMap<TopicPartition, i64>, TaskError> {
        let partitions: Vec<TopicPartition> = partitions.iter().map(|one| one.partition.clone()).collect();
        self.volleys.forget(&partitions);
        Ok(BTreeMap::new())
    }

    async fn revoked(&mut self, partitions: &[TopicPartition]) {
        self.volleys.forget(partitions);
    }

    fn batch_records(&self) -> Option<usize> {
        Some(self.window().saturating_mul(TURNS))
    }
}

impl ElasticsearchTask {
    /// All that may be under way, and one request more.
    fn window(&self) -> usize {
        self.limits.records.saturating_mul(self.limits.in_flight + 1)
    }

    async fn advance(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        self.volleys.begin();
        let places = self.volleys.places(records);
        let places =
            places.ok_or_else(|| TaskError::fatal("a record without an offset names no document"))?;
        let new = self.volleys.unknown(&places, records);
        self.make_indices(&new).await?;
        if new.iter().any(|(_, record)| self.preparation.is_ordered(record)) {
            self.in_order(&new[..new.len().min(self.window())]).await?;
        } else {
            self.in_turns(&places, &new).await?;
        }
        let mut outcomes = self.volleys.tell(&places);
        if let Some(away) = self.volleys.away() {
            return Err(away);
        }
        for (outcome, record) in outcomes.iter_mut().zip(records) {
            if let Outcome::Reject { why } = outcome {
                *outcome = self.malformed(record, std::mem::take(why));
            }
        }
        let all = outcomes.iter().all(|outcome| *outcome == Outcome::Ok);
        Ok(if all { Written::All } else { Written::Each(outcomes) })
    }

    /// Sends one request after the other, until no whole one is left, something is wrong or time is over; and until there is
    /// something to tell.
    async fn in_turns(&mut self, places: &[Place], new: &[(Place, &Record)]) -> Result<(), TaskError> {
        let until = Instant::now() + WRITE_MAX;
        let mut rest = self.at_once(new);
        while self.volleys.len() > 0 {
            let enough =
                rest.len() < self.limits.records || Instant::now() >= until || self.volleys.is_troubled();
            if enough && self.volleys.is_any_settled(places) {
                break;
            }
            self.listen().await?;
            if !self.volleys.is_troubled() {
                rest = self.at_once(rest);
            }
        }
        Ok(())
    }

    /// Sends what there is room for, and returns the rest.
    fn at_once<'a, 'r>(&mut self, new: &'a [(Place, &'r Record)]) -> &'a [(Place, &'r Record)] {
        let mut sent = 0;
        for request in new.chunks(self.limits.records) {
            // What is no whole request yet may become one while others are under way.
            let waits = request.len() < self.limits.records && self.volleys.len() > 0;
            if waits || self.volleys.len() >= self.limits.in_flight {
                break;
            }
            self.fire(request, Limits { in_flight: 1, ..self.limits });
            sent += request.len();
        }
        &new[sent..]
    }

    /// Sends records in the order of their lanes, which no other request knows of.
    async fn in_order(&mut self, new: &[(Place, &Record)]) -> Result<(), TaskError> {
        while self.volleys.len() > 0 {
            self.listen().await?;
        }
        self.fire(new, self.limits);
        while self.volleys.len() > 0 {
            self.listen().await?;
        }
        Ok(())
    }

    fn fire(&mut self, records: &[(Place, &Record)], limits: Limits) {
        let (mut lines, mut places, mut operations) = (Vec::new(), Vec::new(), Vec::new());
        for (place, record) in records {
            match self.preparation.prepare(record, &mut lines) {
                Prepared::Send(operation) => {
                    places.push(*place);
                    operations.push(operation);
                }
                Prepared::Settled(outcome) => self.volleys.settle(*place, outcome),
            }
        }
        if !operations.is_empty() {
            self.volleys.fire(places, send(Arc::clone(&self.bulk), lines.into(), operations, limits));
        }
    }

    /// Takes in what the server answers next.
    async fn listen(&mut self) -> Result<(), TaskError> {
        let replayed = self.volleys.answered().await?;
        self.count(replayed);
        Ok(())
    }
}

/// Sends operations, in one request if they fit in it, until each has its outcome.
async fn send(
    bulk: Arc<Bulk>,
    lines: Bytes,
    operations: Vec<Operation>,
    limits: Limits,
) -> Result<Sent, TaskError> {
    let operations: Vec<&Operation> = operations.iter().collect();
    let sizes = operations.iter().map(|operation| (operation.lane, operation.lines.len()));
    let send = |request: Vec<usize>| {
        let (body, bulk) = (body(&lines, &operations, &request), &bulk);
        let sent: Vec<&Operation> = request.into_iter().map(|at| operations[at]).collect();
        async move { bulk.send(body, &sent).await }
    };
    send_all(sizes, limits, send).await
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
