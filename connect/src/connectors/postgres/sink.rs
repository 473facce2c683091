use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use millstream_client::TopicPartition;
use tokio_postgres::Statement;
use uuid::Uuid;

use super::connection::{Purpose, Session};
use super::error::{describe, ends_session, is_stale, task_error};
use super::names::TableName;
use super::offsets::{Offsets, Statements};
use super::options::{InsertMode, PostgresSinkOptions};
use super::places::Places;
use super::plan::Plan;
use super::row::Row;
use super::staging::{Staged, Staging};
use super::table;
use super::tables::Tables;
use super::write::Writer;
use crate::{
    About, Assigned, ConnectError, Finding, Forget, Outcome, Record, Replay, Sink, SinkContext, SinkTask,
    TaskError, Written,
};

/// How often tables are looked at for one transaction that finds them changed.
const LOOKS: usize = 3;

/// Writes records as rows of PostgreSQL: inserts, upserts, deletes. Each record is written once: its offset is kept in the
/// transaction that writes its row.
pub struct PostgresSink;

#[async_trait]
impl Sink for PostgresSink {
    type Options = PostgresSinkOptions;

    const ABOUT: About = About {
        name: "postgres",
        aliases: &["io.confluent.connect.jdbc.JdbcSinkConnector", "io.aiven.connect.jdbc.JdbcSinkConnector"],
        summary: "Writes records as rows of PostgreSQL: inserts, upserts, deletes, each once.",
    };

    const REPLAY: Replay = Replay::Once;

    async fn check(options: &Self::Options) -> Vec<Finding> {
        super::check::sink(options).await
    }

    async fn forget_offsets(
        options: &Self::Options,
        connector: &str,
        of: &Forget,
    ) -> Result<(), ConnectError> {
        let Some(offsets) = offsets(options, connector) else { return Ok(()) };
        let forget = async {
            let name = format!("millstream-connect {connector}");
            let session = Session::open(&options.connection, &name, Purpose::Write).await?;
            session.silence.bound(offsets.forget(&session.client, of)).await?
        };
        forget.await.map_err(|error: TaskError| ConnectError::Refused(error.to_string()))
    }

    async fn open(options: Self::Options, context: SinkContext) -> Result<Box<dyn SinkTask>, ConnectError> {
        let offsets = offsets(&options, &context.connector).filter(|_| !context.ends_topology);
        let name = format!("millstream-connect {} {}", context.connector, context.task);
        let task = Task {
            options: Arc::new(options),
            name,
            offsets,
            statements: None,
            check: None,
            ids: HashMap::new(),
            session: None,
            tables: Tables::default(),
            staging: Staging::default(),
        };
        Ok(Box::new(task))
    }
}

fn offsets(options: &PostgresSinkOptions, connector: &str) -> Option<Offsets> {
    let keeps = !options.offsets_table.is_empty();
    keeps.then(|| Offsets::new(&options.offsets_table, connector))
}

struct Task {
    options: Arc<PostgresSinkOptions>,
    /// What the server's list of sessions shows.
    name: String,
    /// `None`: nothing is kept, and what is written again is there again.
    offsets: Option<Offsets>,
    /// Of this session, where offsets are kept.
    statements: Option<Statements>,
    /// Asks whether a table is what it was, in this session.
    check: Option<Statement>,
    /// Which topics the partitions are of.
    ids: HashMap<TopicPartition, Uuid>,
    /// `None`: not yet, or lost.
    session: Option<Session>,
    /// As they were looked up in this session.
    tables: Tables,
    /// Of this session.
    staging: Staging,
}

/// What became of the records of a transaction.
struct Done {
    outcomes: Vec<Outcome>,
    /// A record was refused because of what its table was like some time ago.
    is_in_doubt: bool,
}

#[async_trait]
impl SinkTask for Task {
    async fn assigned(
        &mut self,
        partitions: &[Assigned],
    ) -> Result<BTreeMap<TopicPartition, i64>, TaskError> {
        self.ids.extend(partitions.iter().map(|one| (one.partition.clone(), one.topic_id)));
        self.connect().await?;
        match (&self.offsets, &self.session) {
            (Some(offsets), Some(session)) => {
                let silence = session.silence.clone();
                let read = silence.bound(offsets.read(&session.client, partitions)).await;
                let read = read.inspect_err(|_| self.session = None)?;
                read.map_err(|error| offsets.refused(&error))
            }
            _ => Ok(BTreeMap::new()),
        }
    }

    async fn revoked(&mut self, partitions: &[TopicPartition]) {
        partitions.iter().for_each(|partition| _ = self.ids.remove(partition));
    }

    fn batch_records(&self) -> Option<usize> {
        Some(self.options.batch)
    }

    async fn write(&mut self, records: &[Record]) -> Result<Written, TaskError> {
        // What does not fit into a transaction comes again at once.
        let now: Vec<&Record> = records.iter().take(self.options.batch).collect();
        let Done { mut outcomes, is_in_doubt } = self.transaction(&now).await?;
        if is_in_doubt {
            // Before a record is blamed the tables are looked at as they are now.
            self.tables.forget();
            let again: Vec<usize> = (0..now.len()).filter(|at| outcomes[*at] != Outcome::Ok).collect();
            let rest: Vec<&Record> = again.iter().map(|at| now[*at]).collect();
            // The first transaction counts, whatever comes of this one.
            let done = self.transaction(&rest).await.map(|done| done.outcomes);
            let done = done.unwrap_or_else(|_| vec![Outcome::Untried; rest.len()]);
            again.into_iter().zip(done).for_each(|(at, outcome)| outcomes[at] = outcome);
        }
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
        self.tables.forget();
        self.staging = Staging::default();
        let session = Session::open(&self.options.connection, &self.name, Purpose::Write).await?;
        let prepare = async {
            if let Some(offsets) = &self.offsets {
                self.statements = Some(offsets.prepare(&session.client).await?);
            }
            self.check = Some(table::prepare_check(&session.client).await?);
            Ok::<_, TaskError>(())
        };
        session.silence.bound(prepare).await??;
        self.session = Some(session);
        Ok(())
    }

    /// Writes records in one transaction, up to the first of each partition that cannot be a row.
    async fn transaction(&mut self, records: &[&Record]) -> Result<Done, TaskError> {
        for _ in 0..LOOKS {
            self.connect().await?;
            let Some(session) = &self.session else { continue };
            let silence = session.silence.clone();
            match silence.bound(self.attempt(records)).await {
                Ok(Ok(Some(done))) => return Ok(done),
                Ok(Ok(None)) => {}
                Ok(Err(error)) => return Err(error),
                Err(silent) => {
                    self.session = None;
                    return Err(silent);
                }
            }
            self.tables.forget();
        }
        Err(TaskError::retry("the columns of a table are changed again and again"))
    }

    /// `None`: a table was changed since it was looked up, and nothing was written.
    async fn attempt(&mut self, records: &[&Record]) -> Result<Option<Done>, TaskError> {
        let options = Arc::clone(&self.options);
        let mut batch = Batch::new(records, &options, Places::of(records, &self.ids));
        let (Some(session), Some(check)) = (&mut self.session, &self.check) else {
            return Err(TaskError::retry("there is no session"));
        };
        let topics = records.iter().map(|record| &record.topic);
        // Most of the time there is nothing to find out, and a row is made when it is written.
        let is_fresh = self.tables.is_empty();
        if options.evolves || !self.tables.know(topics) {
            self.tables.prepare(&session.client, &options, records).await?;
        }
        let commit = async {
            let transaction = session.client.transaction().await?;
            let kept = self.offsets.as_ref().zip(self.statements.as_ref());
            if let Some((offsets, statements)) = kept {
                batch.places.know(&offsets.lock(&transaction, statements, &batch.places.assigned()).await?);
            }
            let mut staged = Staged::default();
            let wrote = batch.write(&transaction, &self.tables, &self.staging, &mut staged).await?;
            let still = wrote.trusted.iter().map(|table| table::is_still(&transaction, check, table));
            let moved = batch.places.moved();
            let store = async {
                let Some((offsets, statements)) = kept else { return Ok(()) };
                offsets.store(&transaction, statements, &moved).await
            };
            let (still, ()) = futures::try_join!(futures::future::try_join_all(still), store)?;
            if still.contains(&false) {
                return Ok(None);
            }
            transaction.commit().await?;
            self.staging.committed(staged);
            Ok::<_, tokio_postgres::Error>(Some(wrote.is_refused))
        };
        match commit.await {
            Ok(wrote) => Ok(wrote
                .map(|is_refused| Done { outcomes: batch.outcomes, is_in_doubt: is_refused && !is_fresh })),
            Err(error) => {
                if ends_session(&error) {
                    // The client may not have noticed yet.
                    self.session = None;
                }
                if is_stale(&error) {
                    // Somebody changed the table: look again.
                    self.tables.forget();
                    return Err(TaskError::retry(describe(&error)));
                }
                Err(self
                    .offsets
                    .as_ref()
                    .map_or_else(|| task_error(&error), |offsets| offsets.refused(&error)))
            }
        }
    }
}

/// What a transaction has done so far.
struct Wrote {
    /// A record was refused for what its table is like.
    is_refused: bool,
    /// The tables whose rows are what they should be only if the columns are what they were.
    trusted: BTreeSet<(TableName, u64)>,
}

/// The records of a transaction.
struct Batch<'a> {
    options: &'a PostgresSinkOptions,
    records: &'a [&'a Record],
    places: Places,
    outcomes: Vec<Outcome>,
}

impl<'a> Batch<'a> {
    fn new(records: &'a [&'a Record], options: &'a PostgresSinkOptions, places: Places) -> Self {
        Self { options, records, places, outcomes: vec![Outcome::Ok; records.len()] }
    }

    /// Writes the rows.
    async fn write(
        &mut self,
        transaction: &tokio_postgres::Transaction<'_>,
        tables: &Tables,
        staging: &Staging,
        staged: &mut Staged,
    ) -> Result<Wrote, tokio_postgres::Error> {
        let mut plan = Plan::default();
        let mut writer = Writer::new(transaction, self.options.insert_mode, staging, staged);
        let mut is_refused = false;
        let mut cells = Vec::new();
        for (at, record) in self.records.iter().enumerate() {
            if self.places.is_stopped(at) {
                self.outcomes[at] = Outcome::Untried;
                continue;
            }
            if self.places.is_written(at, record) {
                continue;
            }
            let added = Row::of_in(record, self.options, std::mem::take(&mut cells)).and_then(|row| {
                let added = self.add(&mut plan, tables, &record.topic, &row);
                is_refused |= added.is_err();
                cells = row.cells;
                added
            });
            match added {
                Ok(()) => self.places.written(at, record),
                Err(why) => self.outcomes[at] = self.places.stop(at, why),
            }
            if writer.is_due(&plan) {
                writer.drain(&mut plan).await?;
            }
        }
        Ok(Wrote { is_refused, trusted: writer.finish(plan).await? })
    }

    fn add(&self, plan: &mut Plan, tables: &Tables, topic: &Arc<str>, row: &Row<'_>) -> Result<(), String> {
        match tables.of(topic) {
            Some((name, Some(table))) => {
                plan.add(name, table, row, self.options.insert_mode != InsertMode::Insert)
            }
            // What was never written is not there.
            _ if row.is_delete => Ok(()),
            Some((name, None)) => Err(format!(
                "table {name} is not there, and all fields are null: nobody knows of what types its columns are to be. \
                 Create it by hand, or send records with a schema"
            )),
            None => Err("its table was not looked up; this is a bug of the connector".to_owned()),
        }
    }
}
