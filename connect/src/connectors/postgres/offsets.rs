//! The offsets that are kept beside the rows, in the transaction that writes them: what makes each record be written once.

use std::collections::BTreeMap;

use millstream_client::TopicPartition;
use tokio_postgres::{Client, Error, Transaction};

use super::names::TableName;

/// The next offset of each partition.
pub(super) type Next = BTreeMap<TopicPartition, i64>;

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

    /// Makes the table.
    pub(super) async fn prepare(&self, client: &Client) -> Result<(), Error> {
        let statement = format!(
            "CREATE TABLE IF NOT EXISTS {} (connector text NOT NULL, topic text NOT NULL, partition integer NOT NULL, \
             next_offset bigint NOT NULL, PRIMARY KEY (connector, topic, partition))",
            self.table
        );
        match client.batch_execute(&statement).await {
            // Another task was quicker by a moment.
            Err(error) if error.code().is_some_and(|code| matches!(code.code(), "23505" | "42P07")) => Ok(()),
            made => made,
        }
    }

    /// What is known of partitions. Nothing is known of one that was never written.
    pub(super) async fn read(&self, client: &Client, of: &[TopicPartition]) -> Result<Next, Error> {
        let (topics, partitions) = columns(of.iter());
        let statement = format!("{} AND next_offset > 0", self.select());
        let rows = client.query(&statement, &[&self.connector, &topics, &partitions]).await?;
        Ok(rows.iter().map(|row| (partition(row), row.get(2))).collect())
    }

    /// What is known of partitions, and kept from everybody else until the transaction ends: two tasks that both believe a
    /// partition is theirs write one after the other, and the second sees what the first has written.
    pub(super) async fn lock(
        &self,
        transaction: &Transaction<'_>,
        of: &[&TopicPartition],
    ) -> Result<Next, Error> {
        let (topics, partitions) = columns(of.iter().copied());
        let select = format!("{} ORDER BY topic, partition FOR UPDATE", self.select());
        let known = |rows: Vec<tokio_postgres::Row>| -> Next {
            rows.iter().map(|row| (partition(row), row.get(2))).collect()
        };
        let locked = known(transaction.query(&select, &[&self.connector, &topics, &partitions]).await?);
        if locked.len() == of.len() {
            return Ok(locked);
        }
        let insert = format!(
            "INSERT INTO {} SELECT $1, topic, partition, 0 FROM unnest($2::text[], $3::int[]) AS wanted (topic, partition) \
             ON CONFLICT DO NOTHING",
            self.table
        );
        transaction.execute(&insert, &[&self.connector, &topics, &partitions]).await?;
        Ok(known(transaction.query(&select, &[&self.connector, &topics, &partitions]).await?))
    }

    /// Moves partitions on.
    pub(super) async fn store(&self, transaction: &Transaction<'_>, next: &Next) -> Result<(), Error> {
        let (topics, partitions) = columns(next.keys());
        let offsets: Vec<i64> = next.values().copied().collect();
        let update = format!(
            "UPDATE {} AS kept SET next_offset = moved.next_offset \
             FROM unnest($2::text[], $3::int[], $4::bigint[]) AS moved (topic, partition, next_offset) \
             WHERE kept.connector = $1 AND kept.topic = moved.topic AND kept.partition = moved.partition",
            self.table
        );
        transaction.execute(&update, &[&self.connector, &topics, &partitions, &offsets]).await.map(|_| ())
    }

    fn select(&self) -> String {
        format!(
            "SELECT topic, partition, next_offset FROM {} WHERE connector = $1 \
             AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::int[]))",
            self.table
        )
    }
}

fn partition(row: &tokio_postgres::Row) -> TopicPartition {
    TopicPartition::new(row.get::<_, String>(0), row.get::<_, i32>(1))
}

fn columns<'a>(of: impl Iterator<Item = &'a TopicPartition>) -> (Vec<&'a str>, Vec<i32>) {
    of.map(|partition| (&*partition.topic, partition.partition)).unzip()
}
