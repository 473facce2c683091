use anyhow::{Context, Result};
use millstream_connect::data::Value;
use millstream_connect::{SourceBatch, SourceTask, TaskError};
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
    late_and_early(&server, ("table.whitelist", "orders"), "db-orders").await?;
    late_and_early(&server, ("query", "SELECT * FROM orders"), "db-").await
}

async fn late_and_early(server: &Postgres, from: (&str, &str), topic: &str) -> Result<()> {
    let (mut slow, quick) = (session(server).await?, session(server).await?);
    let anew = "DROP TABLE IF EXISTS orders; CREATE TABLE orders (id serial PRIMARY KEY, item text)";
    quick.batch_execute(anew).await?;
    let options = [from, ("incrementing.column.name", "id"), ("topic.prefix", "db-")];
    let mut source = source(server, &options).await?;

    let transaction = slow.transaction().await?;
    transaction.execute("INSERT INTO orders (item) VALUES ('late')", &[]).await?;
    quick.execute("INSERT INTO orders (item) VALUES ('early')", &[]).await?;
    assert!(is_silent(&mut *source).await, "2 is there and 1 is not: 2 must wait");
    transaction.commit().await?;
    let batch = source.poll().await?.context("both are there")?;
    assert_eq!(numbers(&batch), [1, 2]);
    assert_eq!(&*batch.records[0].topic, topic);
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
async fn a_row_that_has_no_number_or_no_time_to_be_read_by_is_passed_over() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client
        .batch_execute(
            "CREATE TABLE t (id int, at timestamptz); \
             INSERT INTO t VALUES (1, '2026-01-01'), (2, 'infinity'), (3, null), (null, '2026-01-03'), (4, '-infinity')",
        )
        .await?;
    let by_number = [("tables", "t"), ("incrementing.column.name", "id")];
    let batch = source(&server, &by_number).await?.poll().await?.context("four rows")?;
    assert_eq!((numbers(&batch), batch.records.len()), (vec![1, 2, 3, 4], 4));
    let by_time = [("tables", "t"), ("mode", "timestamp"), ("timestamp.column.name", "at")];
    let batch = source(&server, &by_time).await?.poll().await?.context("two rows")?;
    assert_eq!((numbers(&batch), batch.records.len()), (vec![1], 2));
    Ok(())
}

#[tokio::test]
async fn a_time_is_cut_to_its_millisecond_and_never_the_next_day() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client
        .batch_execute(
            "CREATE TABLE t (id int, h time, w timestamptz); \
             INSERT INTO t VALUES (1, '23:59:59.9999', '1970-01-01 23:59:59.9999+00'), (2, '24:00', '1969-12-31 23:59:59.9999+00')",
        )
        .await?;
    let mut source = source(&server, &[("tables", "t"), ("incrementing.column.name", "id")]).await?;
    let batch = source.poll().await?.context("two rows")?;
    let times = |at: usize| -> Vec<Value> {
        batch.records[at].value.value.fields().skip(1).map(|(_, value)| value.clone()).collect()
    };
    assert_eq!(times(0), [Value::Time(86_399_999), Value::Timestamp(86_399_999)]);
    assert_eq!(times(1), [Value::Time(86_399_999), Value::Timestamp(-1)]);
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_altered_while_it_is_read_is_read_on() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client.batch_execute("CREATE TABLE t (id int, x int); INSERT INTO t VALUES (1, 1)").await?;
    let mut source = source(&server, &[("tables", "t"), ("incrementing.column.name", "id")]).await?;
    assert_eq!(ids(&mut *source).await?, [1]);
    client
        .batch_execute("ALTER TABLE t DROP x; ALTER TABLE t ADD y text; INSERT INTO t VALUES (2, 'y')")
        .await?;
    let error = source.poll().await.unwrap_err();
    assert!(matches!(&error, TaskError::Retry { .. }), "{error}");
    let batch = source.poll().await?.context("the second")?;
    assert_eq!(numbers(&batch), [2]);
    assert_eq!(batch.records[0].value.value.get("y"), Some(&Value::string("y")));
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

#[tokio::test]
async fn a_number_or_a_time_that_is_taken_before_the_first_write_is_waited_for() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let (mut slow, quick) = (session(&server).await?, session(&server).await?);
    quick
        .batch_execute(
            "CREATE TABLE t (id serial, at timestamptz DEFAULT now()); CREATE VIEW v AS SELECT * FROM t",
        )
        .await?;
    let by_number = [("tables", "v"), ("incrementing.column.name", "id")];
    let by_time = [
        ("tables", "t"),
        ("mode", "timestamp"),
        ("timestamp.column.name", "at"),
        ("transactions.awaited", "all"),
    ];
    let (mut numbers_of, mut times_of) =
        (source(&server, &by_number).await?, source(&server, &by_time).await?);
    let transaction = slow.transaction().await?;
    // It has a number and a time, and no id yet.
    let number: i64 = transaction.query_one("SELECT nextval('t_id_seq')", &[]).await?.get(0);
    quick.execute("INSERT INTO t DEFAULT VALUES", &[]).await?;
    assert!(is_silent(&mut *numbers_of).await, "1 is on its way");
    assert!(is_silent(&mut *times_of).await, "an earlier time is on its way");
    transaction.execute(&format!("INSERT INTO t (id) VALUES ({number})"), &[]).await?;
    transaction.commit().await?;
    assert_eq!(ids(&mut *numbers_of).await?, [1, 2]);
    assert_eq!(ids(&mut *times_of).await?, [1, 2], "in the order of their times");
    Ok(())
}

#[tokio::test]
async fn rows_that_have_the_id_of_their_transaction_are_read_as_transactions_end_on_a_standby_too()
-> Result<()> {
    let Some(mut server) = Postgres::start(&[])? else { return Ok(()) };
    let (mut slow, quick) = (session(&server).await?, session(&server).await?);
    quick.batch_execute("CREATE TABLE t (id int, written xid8 DEFAULT pg_current_xact_id())").await?;
    let options = [("tables", "t"), ("incrementing.column.name", "written"), ("batch.max.rows", "2")];
    let mut first = source(&server, &options).await?;
    let transaction = slow.transaction().await?;
    transaction.execute("INSERT INTO t VALUES (5)", &[]).await?;
    quick.execute("INSERT INTO t VALUES (1), (2), (3)", &[]).await?;
    assert!(is_silent(&mut *first).await, "an older transaction is open");
    transaction.execute("INSERT INTO t VALUES (6)", &[]).await?;
    transaction.commit().await?;
    assert_eq!(ids(&mut *first).await?, [5, 6]);
    let batch = first.poll().await?.context("more")?;
    assert_eq!(numbers(&batch), [1, 2, 3], "a transaction is read whole");
    assert!(is_silent(&mut *first).await);

    quick
        .batch_execute("INSERT INTO t VALUES (7); CREATE TABLE u (id int); INSERT INTO u VALUES (1)")
        .await?;
    server.restart_as_standby()?;
    let url = server.url();
    let all = [&options[..], &[("connection.url", url.as_str()), ("poll.interval.ms", "20")]].concat();
    let mut second = open::source_at("postgres-query", &all, batch.positions).await?;
    assert_eq!(ids(&mut *second).await?, [7]);
    let mut by_number = source(&server, &[("tables", "u"), ("incrementing.column.name", "id")]).await?;
    let error = by_number.poll().await.unwrap_err();
    assert!(
        matches!(&error, TaskError::Fatal { why } if why.contains("this server is a standby")),
        "{error}"
    );
    let mut bulk = source(&server, &[("tables", "u"), ("mode", "bulk")]).await?;
    assert_eq!(ids(&mut *bulk).await?, [1]);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_and_a_view_of_tables_can() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client
        .batch_execute(
            "CREATE TABLE t (id int); CREATE SEQUENCE s CACHE 10 OWNED BY t.id; INSERT INTO t VALUES (1), (2); \
             CREATE VIEW seen AS SELECT id, 'x' AS x FROM t; CREATE MATERIALIZED VIEW made AS SELECT * FROM t; \
             CREATE VIEW through AS SELECT * FROM made WHERE id > 0",
        )
        .await?;
    let mut view = source(&server, &[("tables", "seen"), ("incrementing.column.name", "id")]).await?;
    assert_eq!(ids(&mut *view).await?, [1, 2]);
    for (what, is_query) in [("made", false), ("through", false), ("SELECT id FROM through", true)] {
        let named = if is_query { ("query", what) } else { ("tables", what) };
        let options = [named, ("incrementing.column.name", "id"), ("topic.prefix", "p")];
        let error = source(&server, &options).await?.poll().await.unwrap_err();
        assert!(
            matches!(&error, TaskError::Fatal { why } if why.contains("made is a materialized view")),
            "{error}"
        );
    }
    let url = server.url();
    let options =
        [("connection.url", url.as_str()), ("tables", "t, made"), ("incrementing.column.name", "id")];
    let findings: Vec<String> =
        open::check("postgres-query", &options).await?.into_iter().map(|finding| finding.said).collect();
    for said in ["hands out 10 numbers at a time", "made is a materialized view"] {
        assert!(findings.iter().any(|finding| finding.contains(said)), "{findings:?}");
    }
    Ok(())
}
