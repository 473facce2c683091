use anyhow::{Context, Result};
use millstream_connect::data::Value;
use millstream_connect::{SourceBatch, SourceTask};
use millstream_tests::postgres::Postgres;
use tokio::time::{Duration, timeout};

use super::session;
use crate::open;

/// How long a source that has nothing is listened to. Long enough to ask many times.
const SILENCE: Duration = Duration::from_millis(400);

async fn source(server: &Postgres, options: &[(&str, &str)]) -> Result<Box<dyn SourceTask>> {
    let url = server.url();
    let mut all = vec![("connection.url", url.as_str()), ("poll.interval.ms", "20")];
    all.extend_from_slice(options);
    open::source("postgres-query", &all).await
}

/// The next batch, as the field `id` of its records.
async fn ids(source: &mut dyn SourceTask) -> Result<Vec<i64>> {
    let batch = source.poll().await?.context("there will be more")?;
    Ok(numbers(&batch))
}

fn numbers(batch: &SourceBatch) -> Vec<i64> {
    batch.records.iter().filter_map(|record| record.value.value.get("id").and_then(Value::as_i64)).collect()
}

async fn is_silent(source: &mut dyn SourceTask) -> bool {
    timeout(SILENCE, source.poll()).await.is_err()
}

#[tokio::test]
async fn a_row_that_is_committed_late_is_not_passed_over() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let (mut slow, quick) = (session(&server).await?, session(&server).await?);
    quick.batch_execute("CREATE TABLE orders (id serial PRIMARY KEY, item text)").await?;
    let options =
        [("table.whitelist", "orders"), ("incrementing.column.name", "id"), ("topic.prefix", "db-")];
    let mut source = source(&server, &options).await?;

    let transaction = slow.transaction().await?;
    transaction.execute("INSERT INTO orders (item) VALUES ('late')", &[]).await?;
    quick.execute("INSERT INTO orders (item) VALUES ('early')", &[]).await?;
    assert!(is_silent(&mut *source).await, "2 is there and 1 is not: 2 must wait");
    transaction.commit().await?;
    let batch = source.poll().await?.context("both are there")?;
    assert_eq!(numbers(&batch), [1, 2]);
    assert_eq!(&*batch.records[0].topic, "db-orders");
    assert_eq!(serde_json::to_string(&batch.positions[0].1)?, r#"{"incrementing":2}"#);
    Ok(())
}

#[tokio::test]
async fn neither_an_update_nor_a_later_number_of_an_earlier_transaction_hides_a_row() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let (mut slow, mut other, quick) =
        (session(&server).await?, session(&server).await?, session(&server).await?);
    quick
        .batch_execute(
            "CREATE TABLE t (id int, x int); CREATE TABLE u (x int); INSERT INTO t VALUES (1), (2)",
        )
        .await?;
    let mut source = source(&server, &[("tables", "t"), ("incrementing.column.name", "id")]).await?;
    let elder = slow.transaction().await?;
    elder.execute("INSERT INTO u VALUES (1)", &[]).await?;
    quick.execute("UPDATE t SET x = 1 WHERE id = 1", &[]).await?;
    // The younger one takes the smaller number, the elder the larger one and ends first.
    let younger = other.transaction().await?;
    younger.execute("INSERT INTO t VALUES (3)", &[]).await?;
    elder.execute("INSERT INTO t VALUES (4)", &[]).await?;
    elder.commit().await?;
    assert!(is_silent(&mut *source).await, "3 is on its way");
    younger.commit().await?;
    let mut all = Vec::new();
    while all.len() < 4 {
        all.extend(ids(&mut *source).await?);
    }
    assert_eq!(all, [1, 2, 3, 4]);
    Ok(())
}

#[tokio::test]
async fn columns_become_fields_of_their_types() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client
        .batch_execute(
            "CREATE TABLE t (id bigint, b boolean, s smallint, f real, n numeric, y bytea, d date, h time, w timestamptz, j jsonb, u uuid); \
             INSERT INTO t VALUES (1, true, 2, 1.5, 12.340, '\\x00ff', '1970-01-02', '00:00:01.5', '1970-01-01 00:00:02+00', '{\"a\": 1}', \
             '00000000-0000-0000-0000-000000000001'), (2, null, null, null, null, null, 'infinity', null, '-infinity', null, null)",
        )
        .await?;
    let mut source = source(&server, &[("tables", "t"), ("incrementing.column.name", "id")]).await?;
    let batch = source.poll().await?.context("two rows")?;
    let shown: Vec<Value> = batch.records[0].value.value.fields().map(|(_, value)| value.clone()).collect();
    let expected = [
        Value::Int64(1),
        Value::Boolean(true),
        Value::Int16(2),
        Value::Float32(1.5),
        Value::string("12.340"),
        Value::bytes(vec![0, 255]),
        Value::Date(1),
        Value::Time(1_500),
        Value::Timestamp(2_000),
        Value::string("{\"a\": 1}"),
        Value::string("00000000-0000-0000-0000-000000000001"),
    ];
    assert_eq!(shown, expected);
    assert!(batch.records[1].value.value.fields().skip(1).all(|(_, value)| value.is_null()));
    Ok(())
}

#[tokio::test]
async fn changed_rows_come_again_and_a_position_is_gone_on_from() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client
        .batch_execute(
            "CREATE TABLE t (id int, changed timestamp); \
             INSERT INTO t SELECT n, timestamp '2026-01-01' + n / 3 * interval '1 microsecond' FROM generate_series(0, 8) AS n",
        )
        .await?;
    let options = [
        ("tables", "t"),
        ("mode", "timestamp+incrementing"),
        ("incrementing.column.name", "id"),
        ("timestamp.column.name", "changed"),
        ("batch.max.rows", "4"),
    ];
    let mut first = source(&server, &options).await?;
    assert_eq!(ids(&mut *first).await?, [0, 1, 2, 3]);
    let batch = first.poll().await?.context("more")?;
    assert_eq!(numbers(&batch), [4, 5, 6, 7]);

    let url = server.url();
    let mut all = vec![("connection.url", url.as_str()), ("poll.interval.ms", "20")];
    all.extend_from_slice(&options);
    let mut second = open::source_at("postgres-query", &all, batch.positions).await?;
    assert_eq!(ids(&mut *second).await?, [8]);
    client.execute("UPDATE t SET changed = '2026-01-02' WHERE id = 5", &[]).await?;
    assert_eq!(ids(&mut *second).await?, [5]);
    assert!(is_silent(&mut *second).await);
    Ok(())
}

#[tokio::test]
async fn all_rows_are_read_in_batches_each_time() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client.batch_execute("CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 5)").await?;
    let mut source = source(&server, &[("tables", "t"), ("mode", "bulk"), ("batch.max.rows", "2")]).await?;
    for _ in 0..2 {
        let mut all = Vec::new();
        while all.len() < 5 {
            all.extend(ids(&mut *source).await?);
        }
        assert_eq!(all, [1, 2, 3, 4, 5]);
    }
    Ok(())
}

#[tokio::test]
async fn a_query_has_a_topic_of_its_own() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    session(&server).await?.batch_execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2)").await?;
    let query = [
        ("query", "SELECT id, id * 2 AS twice FROM t;"),
        ("incrementing.column.name", "id"),
        ("topic.prefix", "twice"),
    ];
    let mut source = source(&server, &query).await?;
    let batch = source.poll().await?.context("two rows")?;
    assert_eq!((numbers(&batch), &*batch.records[1].topic), (vec![1, 2], "twice"));
    assert_eq!(batch.records[1].value.value.get("twice").and_then(Value::as_i64), Some(4));
    Ok(())
}
