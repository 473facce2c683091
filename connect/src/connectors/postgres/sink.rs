use std::collections::{BTreeMap, HashMap, HashSet};

use async_trait::async_trait;
use millstream_client::TopicPartition;

use super::connection::Session;
use super::error::{describe, is_stale, task_error};
use super::names::TableName;
use super::offsets::{Next, Offsets};
use super::options::{InsertMode, PostgresSinkOptions};
use super::plan::Plan;
use super::row::Row;
use super::table::{self, Table};
use super::write::write;
use crate::{
    About, ConnectError, Finding, Outcome, Record, Replay, Sink, SinkContext, SinkTask, TaskError, Written,
};

/// Writes records as rows of PostgreSQL: inserts, upserts, deletes. Each record is written once: its offset is kept in the
/// transaction that writes its row.
pub struct PostgresSink;

#[async_trait]
impl Sink for PostgresSink {
    type Options = PostgresSinkOptions;

    const ABOUT: About = About {
        name: "postgres",
        aliases: &["io.confluent.connect.jdbc.JdbcSinkConnector"],
        summary: "Writes records as rows of PostgreSQL: inserts, upserts, deletes, each once.",
    };

    const REPLAY: Replay = Replay::Once;

    async fn check(options: &Self::Options) -> Vec<Finding> {
        super::check::sink(options).await
    }

    async fn open(options: Self::Options, context: SinkContext) -> Result<Box<dyn SinkTask>, ConnectError> {
        let keeps = !options.offsets_table.is_empty();
        let offsets = keeps.then(|| Offsets::new(&options.offsets_table, &context.connector));
        let name = format!("millstream-connect {} {}", context.connector, context.task);
        Ok(Box::new(Task { options, name, offsets, session: None, tables: HashMap::new() }))
    }
}

struct Task {
    options: PostgresSinkOptions,
    /// What the server's list of sessions shows.
    name: String,
    /// `None`: nothing is kept, and what is written again is there again.
    offsets: Option<Offsets>,
    /// `None`: not yet, or lost.
    session: Option<Session>,
    /// As they were looked up in this session.
    tables: HashMap<TableName, Table>,
}

#[async_trait]
impl SinkTask for Task {
    async fn assigned(
        &mut self,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>, TaskError> {
        self.connect().await?;
        match (&self.offsets, &self.session) {
            (Some(offsets), Some(session)) => {
                offsets.read(&session.client, partitions).await.map_err(|error| task_error(&error))
            }
            _ => Ok(BTreeMap::new()),
        }
    }

    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        // What does not fit into a transaction comes again at once.
        let now = &records[..records.len().min(self.options.batch)];
        let outcomes = self.transaction(now).await?;
        let is_all = now.len() == records.len() && outcomes.iter().all(|outcome| *outcome == Outcome::Ok);
        if is_all {
            return Ok(Written::All);
        }
        let rest = records.len() - now.len();
        Ok(Written::Each(outcomes.into_iter().chain(std::iter::repeat_n(Outcome::Untried, rest)).collect()))
    }
}

impl Task {
    async fn connect(&mut self) -> Result<(), TaskError> {
        if self.session.as_ref().is_some_and(|session| !session.is_lost()) {
            return Ok(());
        }
        self.session = None;
        self.tables.clear();
        let session = Session::open(&self.options.connection, &self.name).await?;
        if let Some(offsets) = &self.offsets {
            offsets.prepare(&session.client).await.map_err(|error| {
                let why = describe(&error);
                TaskError::fatal(format!(
                    "the table of offsets cannot be made: {why}; offsets.table= turns it off"
                ))
            })?;
        }
        self.session = Some(session);
        Ok(())
    }

    /// Looks up the tables of records, makes those that are missing, adds missing columns.
    async fn prepare(&mut self, rows: &[(TableName, Row<'_>)]) -> Result<(), TaskError> {
        let Some(session) = &self.session else { return Err(TaskError::retry("there is no session")) };
        let client = &session.client;
        for (name, row) in rows {
            if !self.tables.contains_key(name) {
                let mut found = table::look_up(client, name).await?;
                if found.is_none() && self.options.creates && row.is_delete {
                    // What was never written needs no deleting.
                    continue;
                }
                if found.is_none() && self.options.creates {
                    table::create(client, name, row).await?;
                    found = table::look_up(client, name).await?;
                }
                let Some(found) = found else {
                    let why = format!("table {name} does not exist: create it, or set auto.create=true");
                    return Err(TaskError::fatal(why));
                };
                self.tables.insert(name.clone(), found);
            }
            let Some(table) = self.tables.get(name) else { continue };
            let lacks =
                |cell: &super::row::Cell<'_>| table.column(cell.column).is_none() && !cell.value.is_null();
            if self.options.evolves && row.cells.iter().any(lacks) {
                table::evolve(client, name, table, row).await?;
                if let Some(found) = table::look_up(client, name).await? {
                    self.tables.insert(name.clone(), found);
                }
            }
        }
        Ok(())
    }

    /// Writes records in one transaction, up to the first of each partition that cannot be a row.
    async fn transaction(&mut self, records: &[Record]) -> Result<Vec<Outcome>, TaskError> {
        self.connect().await?;
        let options = self.options.clone();
        let mut outcomes = vec![Outcome::Ok; records.len()];
        let mut stopped = Stopped::default();
        let mut rows = Vec::with_capacity(records.len());
        for (at, record) in records.iter().enumerate() {
            if let Some(outcome) = stopped.of(record) {
                outcomes[at] = outcome;
                continue;
            }
            let name = TableName::of_topic(&options.table_format, &record.topic);
            match Row::of(record, &options) {
                Ok(row) => rows.push((at, (name, row))),
                Err(why) => outcomes[at] = stopped.at(record, why),
            }
        }
        let (places, rows): (Vec<usize>, Vec<_>) = rows.into_iter().unzip();
        self.prepare(&rows).await?;
        let written = self.commit(records, &places, rows, &mut outcomes, &mut stopped).await;
        written.map_err(|error| {
            if is_stale(&error) {
                // Somebody changed the table: look again.
                self.tables.clear();
                return TaskError::retry(describe(&error));
            }
            task_error(&error)
        })?;
        Ok(outcomes)
    }

    async fn commit(
        &mut self,
        records: &[Record],
        places: &[usize],
        rows: Vec<(TableName, Row<'_>)>,
        outcomes: &mut [Outcome],
        stopped: &mut Stopped,
    ) -> Result<(), tokio_postgres::Error> {
        let Some(session) = &mut self.session else { return Ok(()) };
        let transaction = session.client.transaction().await?;
        let partitions: HashSet<TopicPartition> = records.iter().filter_map(partition).collect();
        let mut next = Next::new();
        if let Some(offsets) = &self.offsets {
            next = offsets.lock(&transaction, &partitions.iter().collect::<Vec<_>>()).await?;
        }
        let known = next.clone();
        let mut plan = Plan::default();
        for (&at, (name, row)) in places.iter().zip(&rows) {
            let record = &records[at];
            if let Some(outcome) = stopped.of(record) {
                outcomes[at] = outcome;
                continue;
            }
            let place = partition(record);
            if is_written(record, place.as_ref().and_then(|partition| known.get(partition))) {
                continue;
            }
            let Some(table) = self.tables.get(name) else { continue };
            let replaces = self.options.insert_mode != InsertMode::Insert;
            let added = table::fits(name, table, row, &self.options)
                .and_then(|()| plan.add(name, table, row, replaces));
            match added {
                Err(why) => outcomes[at] = stopped.at(record, why),
                Ok(()) => {
                    if let (Some(partition), Some(origin)) = (place, &record.origin) {
                        next.insert(partition, origin.offset + 1);
                    }
                }
            }
        }
        for run in plan.runs {
            write(&transaction, run, self.options.insert_mode).await?;
        }
        next.retain(|partition, offset| known.get(partition) != Some(offset));
        if let Some(offsets) = &self.offsets {
            offsets.store(&transaction, &next).await?;
        }
        transaction.commit().await
    }
}

/// The partitions in which a record was refused: what follows there waits, so that no offset beyond it is kept before it is a
/// dead letter.
#[derive(Default)]
struct Stopped(HashSet<TopicPartition>);

impl Stopped {
    fn at(&mut self, record: &Record, why: String) -> Outcome {
        self.0.extend(partition(record));
        Outcome::Reject { why }
    }

    fn of(&self, record: &Record) -> Option<Outcome> {
        partition(record).is_some_and(|partition| self.0.contains(&partition)).then_some(Outcome::Untried)
    }
}

fn partition(record: &Record) -> Option<TopicPartition> {
    let origin = record.origin.as_ref()?;
    Some(TopicPartition::new(origin.topic.to_string(), origin.partition))
}

/// Whether a record is below the offset that was kept with its row.
fn is_written(record: &Record, next: Option<&i64>) -> bool {
    matches!((&record.origin, next), (Some(origin), Some(next)) if origin.offset < *next)
}
