//! The offsets that are kept beside the rows, in the transaction that writes them: what makes each record be written once.

use std::collections::BTreeMap;

use millstream_client::TopicPartition;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement, Transaction};

use super::error::{describe, task_error};
use super::names::TableName;
use crate::{Assigned, Forget, TaskError};

/// The next offset of each partition.
pub(super) type Next = BTreeMap<TopicPartition, i64>;

/// What each transaction asks, prepared once in a session.
pub(super) struct Statements {
    lock: Statement,
    insert: Statement,
    store: Statement,
}

/// The table that has them, and whose they are.
#[derive(Debug, Clone)]
pub(super) struct Offsets {
    table: TableName,
    connector: String,
}

impl Offsets {
    pub(super) fn new(table: &str, connector: &str) -> Self {
        Self { table: TableName::parse(table), connector: connector.to_owned() }
    }

    /// Makes the table where it is not there. Whoever made it by hand need give no right to make one.
    ///
    /// # Errors
    /// It cannot be made, or is no table of offsets.
    pub(super) async fn prepare(&self, client: &Client) -> Result<Statements, TaskError> {
        match self.has_ids(client).await? {
            Some(true) => {}
            Some(false) => {
                return Err(TaskError::fatal(format!(
                    "{} has no column topic_id and no table of offsets: drop it, or name another in offsets.table",
                    self.table
                )));
            }
            None => self.create(client).await?,
        }
        let prepared = async {
            Ok(Statements {
                lock: client
                    .prepare(&format!("{} ORDER BY topic, partition FOR UPDATE", self.select()))
                    .await?,
                insert: client.prepare(&self.insert()).await?,
                store: client.prepare(&self.update()).await?,
            })
        };
        prepared.await.map_err(|error: Error| self.refused(&error))
    }

    /// What an error means, of this table or of those beside it. Who configured the connector may never
    /// have heard of it, so what it needs is told.
    pub(super) fn refused(&self, error: &Error) -> TaskError {
        let is_mine = error.as_db_error().is_some_and(|refusal| {
            *refusal.code() == SqlState::INSUFFICIENT_PRIVILEGE
                && refusal.message().ends_with(&self.table.table)
        });
        if !is_mine {
            return task_error(error);
        }
        let (why, table) = (describe(error), &self.table);
        TaskError::fatal(format!(
            "{why}: this is where offsets are kept: GRANT SELECT, INSERT, UPDATE ON {table}, or name a table of its own in \
             offsets.table (empty: none, and records may be written again after a crash)"
        ))
    }

    /// Whether the table keeps offsets by the topic's id. `None`: there is none.
    async fn has_ids(&self, client: &Client) -> Result<Option<bool>, TaskError> {
        const HAS: &str = "SELECT to_regclass($1) IS NOT NULL, EXISTS (SELECT FROM pg_attribute \
             WHERE attrelid = to_regclass($1) AND attname = 'topic_id' AND NOT attisdropped)";
        let told =
            client.query_one(HAS, &[&self.table.to_string()]).await.map_err(|error| task_error(&error))?;
        Ok(told.get::<_, bool>(0).then(|| told.get(1)))
    }

    async fn create(&self, client: &Client) -> Result<(), TaskError> {
        let statement = format!(
            "CREATE TABLE IF NOT EXISTS {} (connector text NOT NULL, topic text NOT NULL, partition integer NOT NULL, \
             topic_id uuid NOT NULL, next_offset bigint NOT NULL, PRIMARY KEY (connector, topic, partition, topic_id))",
            self.table
        );
        let Err(error) = client.batch_execute(&statement).await else { return Ok(()) };
        // Another task was quicker by a moment.
        if error.code().is_some_and(|code| matches!(code.code(), "23505" | "42P07")) {
            return Ok(());
        }
        match task_error(&error) {
            retry @ TaskError::Retry { .. } => Err(retry),
            _ => Err(TaskError::fatal(format!(
                "the table of offsets cannot be made: {}; offsets.table= turns it off",
                describe(&error)
            ))),
        }
    }

    /// What is known of partitions. Nothing is known of one that was never written.
    pub(super) async fn read(&self, client: &Client, of: &[Assigned]) -> Result<Next, Error> {
        let (topics, partitions, ids) = columns(of);
        let statement = format!("{} AND next_offset > 0", self.select());
        let rows = client.query(&statement, &[&self.connector, &topics, &partitions, &ids]).await?;
        Ok(known(&rows))
    }

    /// What is known of partitions, and kept from everybody else until the transaction ends: two tasks that both believe a
    /// partition is theirs write one after the other, and the second sees what the first has written.
    pub(super) async fn lock(
        &self,
        transaction: &Transaction<'_>,
        statements: &Statements,
        of: &[Assigned],
    ) -> Result<Next, Error> {
        let (topics, partitions, ids) = columns(of);
        let parameters: [&(dyn ToSql + Sync); 4] = [&self.connector, &topics, &partitions, &ids];
        let locked = transaction.query(&statements.lock, &parameters).await?;
        if locked.len() == of.len() {
            return Ok(known(&locked));
        }
        transaction.execute(&statements.insert, &parameters).await?;
        Ok(known(&transaction.query(&statements.lock, &parameters).await?))
    }

    fn insert(&self) -> String {
        format!(
            "INSERT INTO {} (connector, topic, partition, topic_id, next_offset) \
             SELECT $1, topic, partition, id::uuid, 0 \
             FROM unnest($2::text[], $3::int[], $4::text[]) AS wanted (topic, partition, id) ON CONFLICT DO NOTHING",
            self.table
        )
    }

    /// Moves partitions on.
    pub(super) async fn store(
        &self,
        transaction: &Transaction<'_>,
        statements: &Statements,
        moved: &[(Assigned, i64)],
    ) -> Result<(), Error> {
        let (topics, partitions, ids) = columns(moved.iter().map(|(assigned, _)| assigned));
        let offsets: Vec<i64> = moved.iter().map(|(_, next)| *next).collect();
        let parameters: [&(dyn ToSql + Sync); 5] = [&self.connector, &topics, &partitions, &ids, &offsets];
        transaction.execute(&statements.store, &parameters).await.map(|_| ())
    }

    fn update(&self) -> String {
        format!(
            "UPDATE {} AS kept SET next_offset = moved.next_offset \
             FROM unnest($2::text[], $3::int[], $4::text[], $5::bigint[]) AS moved (topic, partition, id, next_offset) \
             WHERE kept.connector = $1 AND kept.topic = moved.topic AND kept.partition = moved.partition \
             AND kept.topic_id = moved.id::uuid",
            self.table
        )
    }

    /// Nothing is known of these partitions any more, whichever topics of their names they were.
    pub(super) async fn forget(&self, client: &Client, of: &Forget) -> Result<(), TaskError> {
        if self.has_ids(client).await?.is_none() {
            return Ok(());
        }
        let all = format!("DELETE FROM {} WHERE connector = $1", self.table);
        let done = match of {
            Forget::All => client.execute(&all, &[&self.connector]).await,
            Forget::Of(of) => {
                let (topics, partitions): (Vec<&str>, Vec<i32>) =
                    of.iter().map(|partition| (&*partition.topic, partition.partition)).unzip();
                let some =
                    format!("{all} AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::int[]))");
                client.execute(&some, &[&self.connector, &topics, &partitions]).await
            }
        };
        done.map(|_| ()).map_err(|error| task_error(&error))
    }

    fn select(&self) -> String {
        format!(
            "SELECT topic, partition, next_offset FROM {} WHERE connector = $1 \
             AND (topic, partition, topic_id) IN \
             (SELECT topic, partition, id::uuid FROM unnest($2::text[], $3::int[], $4::text[]) AS wanted (topic, partition, id))",
            self.table
        )
    }
}

fn known(rows: &[Row]) -> Next {
    let partition = |row: &Row| TopicPartition::new(row.get::<_, String>(0), row.get::<_, i32>(1));
    rows.iter().map(|row| (partition(row), row.get(2))).collect()
}

/// Topics, partitions and ids, each as an array of SQL.
fn columns<'a>(of: impl IntoIterator<Item = &'a Assigned>) -> (Vec<&'a str>, Vec<i32>, Vec<String>) {
    let (mut topics, mut partitions, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for Assigned { partition, topic_id } in of {
        topics.push(&*partition.topic);
        partitions.push(partition.partition);
        ids.push(topic_id.to_string());
    }
    (topics, partitions, ids)
}
