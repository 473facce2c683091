//! Servers that are there and say nothing.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use millstream_client::TopicPartition;
use millstream_connect::data::Value;
use millstream_connect::{Assigned, Record, SinkTask, SourceTask, TaskError, Written};
use millstream_tests::postgres::Postgres;
use millstream_tests::process::PATIENCE;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::time::timeout;
use uuid::Uuid;

use super::proxy::{Proxy, Way};
use super::sink::record;
use super::{rows, session};
use crate::open;

const SILENCE: (&str, &str) = ("socket.timeout.ms", "200");

/// Somewhere in what a batch of the tests sends and gets.
fn somewhere(random: &mut impl Rng) -> (Way, usize) {
    match random.random_bool(0.5) {
        true => (Way::ToServer, random.random_range(0..30_000)),
        false => (Way::ToClient, random.random_range(0..400)),
    }
}

fn is_silence(error: &TaskError) -> bool {
    matches!(error, TaskError::Retry { why, .. } if why.contains("socket.timeout.ms"))
}

/// Between two statements, in the middle of a row, before a COMMIT and before its answer.
#[tokio::test]
async fn a_sink_whose_server_is_cut_off_anywhere_goes_on_in_another_session() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let proxy = Proxy::start(&server).await?;
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let options = [("connection.url", &*proxy.url()), ("auto.create", "true"), SILENCE];
    let mut sink = open::sink("postgres", &options).await?;
    let text = "tea ".repeat(20);
    let order =
        |offset| record(offset, &[("id", Value::Int64(offset)), ("item", Value::string(text.as_str()))]);
    for round in 0..25 {
        let orders: Vec<Record> = (round * 300..(round + 1) * 300).map(order).collect();
        if round > 0 {
            let (way, bytes) = somewhere(&mut random);
            proxy.cut_after(way, bytes);
        }
        while let Err(error) = timeout(PATIENCE, sink.write(&orders)).await? {
            assert!(is_silence(&error), "seed {seed}, round {round}: {error}");
            proxy.mend();
        }
    }
    assert!(proxy.cuts() > 10, "seed {seed}: {} cuts", proxy.cuts());
    let client = session(&server).await?;
    let written = rows(&client, "SELECT count(*), count(DISTINCT id) FROM orders").await?;
    assert_eq!(written, ["7500|7500"], "seed {seed}");
    Ok(())
}

#[tokio::test]
async fn a_source_whose_server_is_cut_off_anywhere_reads_each_row_once() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    let fill = "CREATE TABLE orders (id bigint PRIMARY KEY, item text); \
                INSERT INTO orders SELECT id, repeat('tea ', 20) FROM generate_series(1, 7500) AS id";
    client.batch_execute(fill).await?;
    let proxy = Proxy::start(&server).await?;
    let seed = rand::random();
    eprintln!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let options = [
        ("connection.url", &*proxy.url()),
        ("table.whitelist", "orders"),
        ("incrementing.column.name", "id"),
        ("batch.max.rows", "300"),
        ("connection.timeout.ms", "200"),
        SILENCE,
    ];
    let mut source = open::source("postgres-query", &options).await?;
    let mut read = 0;
    while read < 7_500 {
        let bytes = random.random_range(0..100_000);
        proxy.cut_after(Way::ToClient, bytes);
        match timeout(PATIENCE, source.poll()).await? {
            Ok(batch) => {
                for record in batch.into_iter().flat_map(|batch| batch.records) {
                    read += 1;
                    let id = record.value.value.get("id").cloned();
                    assert_eq!(id, Some(Value::Int64(read)), "seed {seed}");
                }
            }
            Err(error) => {
                assert!(is_silence(&error) || error.to_string().contains("greeting"), "seed {seed}: {error}");
                proxy.mend();
            }
        }
    }
    assert!(proxy.cuts() > 2, "seed {seed}: {} cuts", proxy.cuts());
    Ok(())
}

/// The session itself is there for ever, and whatever is asked in it is asked behind what was not answered.
#[tokio::test]
async fn a_source_asks_no_more_in_a_session_that_fell_silent() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    client
        .batch_execute("CREATE TABLE orders (id bigint PRIMARY KEY); INSERT INTO orders VALUES (1)")
        .await?;
    let options = [
        ("connection.url", &*server.url()),
        ("table.whitelist", "orders"),
        ("incrementing.column.name", "id"),
        ("poll.interval.ms", "10"),
        SILENCE,
    ];
    let mut source = open::source("postgres-query", &options).await?;
    assert_eq!(ids(&mut *source).await?, [1]);
    let of_source =
        rows(&client, "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'millstream%'").await?;
    let [silenced] = &*of_source else { anyhow::bail!("one session: {of_source:?}") };
    let signal = |name: &str| Command::new("kill").args([name, silenced]).status();
    assert!(signal("-STOP")?.success());
    client.batch_execute("INSERT INTO orders VALUES (2)").await?;
    let silent = timeout(PATIENCE, source.poll()).await?;
    let after = timeout(PATIENCE, ids(&mut *source)).await;
    // A server with a process that stands still does not end.
    assert!(signal("-CONT")?.success());
    assert!(matches!(&silent, Err(error) if is_silence(error)), "{silent:?}");
    assert_eq!(after??, [2]);
    Ok(())
}

/// What the next batch with rows has.
async fn ids(source: &mut dyn SourceTask) -> Result<Vec<i64>> {
    loop {
        let batch = source.poll().await?.unwrap_or_default();
        if !batch.records.is_empty() {
            let id = |record: &Record| match record.value.value.get("id") {
                Some(Value::Int64(id)) => *id,
                other => panic!("no id: {other:?}"),
            };
            return Ok(batch.records.iter().map(id).collect());
        }
    }
}

#[tokio::test]
async fn who_gives_no_greeting_is_not_waited_for() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let proxy = Proxy::start(&server).await?;
    proxy.cut_after(Way::ToClient, 0);
    let options = [("connection.url", &*proxy.url()), ("connection.timeout.ms", "200")];
    let mut sink = open::sink("postgres", &options).await?;
    let partition = TopicPartition::new("orders", 0);
    let of = [Assigned { partition, topic_id: Uuid::nil() }];
    let error = sink.assigned(&of).await.unwrap_err();
    assert!(matches!(&error, TaskError::Retry { why, .. } if why.contains("greeting")), "{error}");
    let findings = open::check("postgres", &options).await?;
    assert!(findings.iter().any(|finding| finding.said.contains("greeting")), "{findings:?}");
    proxy.mend();
    assert_eq!(sink.assigned(&of).await?, BTreeMap::new());
    Ok(())
}

/// What was given up ends at the server too: its locks would hold up who comes next.
#[tokio::test]
async fn a_statement_that_takes_too_long_is_given_up_on_both_sides() -> Result<()> {
    let Some(server) = Postgres::start(&[])? else { return Ok(()) };
    let client = session(&server).await?;
    let hang = "CREATE TABLE orders (id bigint); CREATE TABLE hangs (); INSERT INTO hangs DEFAULT VALUES; \
                CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS \
                'BEGIN IF EXISTS (SELECT FROM hangs) THEN PERFORM pg_sleep(3600); END IF; RETURN new; END'; \
                CREATE TRIGGER hang BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION hang()";
    client.batch_execute(hang).await?;
    // As users of JDBC write it.
    let url = format!("{}?socketTimeout=1", server.url());
    let mut sink = open::sink("postgres", &[("connection.url", &url)]).await?;
    let order = [record(0, &[("id", Value::Int64(0))])];
    let error = sink.write(&order).await.unwrap_err();
    assert!(is_silence(&error), "{error}");
    client.batch_execute("TRUNCATE hangs").await?;
    write_at_last(&mut *sink, &order).await?;
    assert_eq!(rows(&client, "SELECT count(*) FROM orders").await?, ["1"]);
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    assert_eq!(rows(&client, asleep).await?, ["0"]);
    Ok(())
}

/// Until the locks of the session that was given up are free.
async fn write_at_last(sink: &mut dyn SinkTask, records: &[Record]) -> Result<()> {
    for _ in 0..60 {
        match sink.write(records).await {
            Err(TaskError::Retry { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            written => {
                assert_eq!(written?, Written::All);
                return Ok(());
            }
        }
    }
    anyhow::bail!("its locks are still held")
}
