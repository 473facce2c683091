//! What several sessions, one after the other or at a time, leave of a sink's records.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use millstream_client::TopicPartition;
use millstream_connect::data::{SchemaAndValue, Value};
use millstream_connect::{Assigned, Outcome, Record, TaskError, Written};
use millstream_tests::postgres::Postgres;
use tokio_postgres::Client;
use uuid::Uuid;

use super::sink::{UPSERT, again, order, record, sink};
use super::{rows, session};

/// Ends the sessions of all sinks, as an administrator does.
const CUT: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'millstream-connect%'";

fn assigned(partition: i32, topic: u128) -> Assigned {
    Assigned { partition: TopicPartition::new("orders", partition), topic_id: Uuid::from_u128(topic) }
}

fn of_partition(partition: i32, record: Record) -> Record {
    let origin = record.origin.map(|origin| millstream_connect::Origin { partition, ..origin });
    Record { origin, ..record }
}

async fn until(client: &Client, query: &str, told: &str) -> Result<()> {
    while rows(client, query).await? != [told] {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test]
async fn what_a_transaction_or_a_session_leaves_unmade_the_next_makes() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    // What is wrong shows when the transaction is committed.
    let tables = "CREATE TABLE items (item text PRIMARY KEY); INSERT INTO items VALUES ('tea'), ('rum'); CREATE TABLE orders \
                  (id bigint PRIMARY KEY, item text REFERENCES items DEFERRABLE INITIALLY DEFERRED)";
    client.batch_execute(tables).await?;
    let mut sink = sink(&server, &UPSERT).await?;
    let refused = sink.write(&[order(0, 0, "poison")]).await;
    assert!(matches!(refused, Err(TaskError::Rejected { .. })), "{refused:?}");
    assert_eq!(sink.write(&[order(0, 0, "tea")]).await?, Written::All);
    assert_eq!(rows(&client, CUT).await?, ["1"]);
    assert_eq!(again(&mut *sink, order(1, 1, "rum")).await?, Written::All);
    assert_eq!(rows(&client, "SELECT * FROM orders ORDER BY id").await?, ["0|tea", "1|rum"]);
    Ok(())
}

#[tokio::test]
async fn two_that_write_the_same_records_at_a_time_write_each_once() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client
        .batch_execute(
            "CREATE TABLE orders (id bigint, item text); CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END'; \
             CREATE TRIGGER linger AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION linger()",
        )
        .await?;
    let (mut one, mut other) = (sink(&server, &[]).await?, sink(&server, &[]).await?);
    let orders: Vec<Record> = (0..3).map(|n| order(n, n, "tea")).collect();
    one.write(&orders[..1]).await?;
    other.write(&orders[..1]).await?;
    let (first, second) = tokio::join!(one.write(&orders[1..]), other.write(&orders[1..]));
    assert_eq!((first?, second?), (Written::All, Written::All));
    assert_eq!(rows(&client, "SELECT id FROM orders ORDER BY id").await?, ["0", "1", "2"]);
    Ok(())
}

#[tokio::test]
async fn a_table_that_another_makes_in_the_same_moment_is_written_to() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let (mut other, client) = (session(&server).await?, session(&server).await?);
    let transaction = other.transaction().await?;
    transaction.batch_execute("CREATE TABLE orders (id bigint, item text)").await?;
    let mut sink = sink(&server, &[("auto.create", "true")]).await?;
    let written = tokio::spawn(async move { sink.write(&[order(0, 0, "tea")]).await });
    const WAITS: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CREATE TABLE%orders%'";
    until(&client, WAITS, "1").await?;
    transaction.commit().await?;
    assert_eq!(written.await??, Written::All);
    assert_eq!(rows(&client, "SELECT * FROM orders").await?, ["0|tea"]);
    Ok(())
}

#[tokio::test]
async fn offsets_are_those_of_the_topic_however_partitions_come_and_none_is_made_up() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    session(&server).await?.batch_execute("CREATE TABLE orders (id bigint, item text)").await?;
    let mut task = sink(&server, &[]).await?;
    task.assigned(&[assigned(0, 1)]).await?;
    task.assigned(&[assigned(1, 1)]).await?;
    task.revoked(&[TopicPartition::new("orders", 1)]).await;
    assert_eq!(task.write(&[order(7, 7, "tea")]).await?, Written::All);
    let next = BTreeMap::from([(TopicPartition::new("orders", 0), 8)]);
    assert_eq!(task.assigned(&[assigned(0, 1)]).await?, next);

    // A row that nothing was written with tells nothing: reading begins where the group says.
    task.assigned(&[assigned(2, 1)]).await?;
    let poison = of_partition(2, record(40, &[("id", Value::string("no number"))]));
    let Written::Each(outcomes) = task.write(&[poison]).await? else { panic!("it is no row") };
    assert!(matches!(&outcomes[0], Outcome::Reject { .. }), "{outcomes:?}");
    assert!(task.assigned(&[assigned(2, 1)]).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_key_is_the_last_header_of_its_name_and_no_null() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client.batch_execute("CREATE TABLE orders (id bigint PRIMARY KEY, item text)").await?;
    let options = [("insert.mode", "upsert"), ("pk.mode", "record_header"), ("pk.fields", "id")];
    let mut sink = sink(&server, &options).await?;
    let named = |offset, id: &[Option<i64>]| {
        let header = |id: &Option<i64>| SchemaAndValue::schemaless(id.map_or(Value::Null, Value::Int64));
        id.iter().fold(record(offset, &[("item", Value::string("tea"))]), |record, id| {
            record.header("id", header(id))
        })
    };
    let batch = [named(0, &[Some(1), Some(2)]), named(1, &[Some(3), None]), named(2, &[Some(4)])];
    let Written::Each(outcomes) = sink.write(&batch).await? else {
        panic!("the second has a null for a key")
    };
    assert_eq!(outcomes[1], Outcome::Reject { why: "the key column id is null".into() });
    assert_eq!(sink.write(&batch[2..]).await?, Written::All);
    assert_eq!(rows(&client, "SELECT id FROM orders ORDER BY id").await?, ["2", "4"]);
    Ok(())
}
