//! Rows into PostgreSQL by Connect's sink, beside the plainest loader of the same rows into the same table of the same server: one
//! `COPY` where rows are appended, one `COPY` into a staging table and one `INSERT … ON CONFLICT` where half of them are there.
//!
//! The loader has its rows as text before the clock starts, the sink as records; each commits what it has when the clock stops.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use futures::SinkExt;
use millstream_benches::process::Pid;
use millstream_connect::data::{Map, SchemaAndValue, Value};
use millstream_connect::{Origin, Plugin, Record, Registry, SinkContext, SinkTask, TimestampType, Written};
use millstream_tests::postgres::Postgres;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio_postgres::{Client, NoTls};

use crate::figures::{Figures, progress};
use crate::knobs::Knobs;
use crate::node::Side;

const SEED: u64 = 7;
/// Bytes of rows that the loader sends at once.
const CHUNK_BYTES: usize = 256 << 10;
const COLUMNS: &str = "id, host, client, method, path, status, bytes, seconds, agent";
/// How the sink's session is told from others.
const CONNECTOR: &str = "bench";

/// The server of a comparison.
pub(crate) struct Target {
    server: Postgres,
    runtime: tokio::runtime::Runtime,
}

impl Target {
    pub(crate) fn start() -> Result<Self> {
        let settings = ["fsync=on", "max_wal_size=8GB", "checkpoint_timeout=1h"];
        let server = Postgres::start(&settings)?.context("PostgreSQL is missing")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Self { server, runtime })
    }

    async fn session(&self) -> Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.server.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// What the rows meet.
#[derive(Clone, Copy)]
enum Work {
    /// An empty table without an index.
    Append,
    /// A table with a key, in which every other row is already.
    Upsert,
}

impl Work {
    fn name(self) -> &'static str {
        match self {
            Self::Append => "append",
            Self::Upsert => "upsert",
        }
    }

    async fn prepare(self, client: &Client, rows: u64) -> Result<()> {
        let table = "DROP TABLE IF EXISTS rows; CREATE TABLE rows (id bigint, host text, client text, method text, path text, \
             status integer, bytes bigint, seconds double precision, agent text)";
        client.batch_execute(table).await?;
        if let Self::Upsert = self {
            let old = format!(
                "ALTER TABLE rows ADD PRIMARY KEY (id); \
                 INSERT INTO rows SELECT n, 'h', 'c', 'm', 'p', 0, 0, 0, 'a' FROM generate_series(0, {rows} - 1, 2) AS n"
            );
            client.batch_execute(&old).await?;
        }
        // Alone: several statements of one query are a transaction, in which nothing is vacuumed.
        client.batch_execute("VACUUM ANALYZE rows").await?;
        Ok(client.batch_execute("CHECKPOINT").await?)
    }
}

pub(crate) fn run(side: Side, knobs: &Knobs, figures: &mut Figures, target: &Target) -> Result<()> {
    if side == Side::Sync {
        progress("  no broker is measured here");
        return Ok(());
    }
    target.runtime.block_on(async {
        for work in [Work::Append, Work::Upsert] {
            let client = target.session().await?;
            work.prepare(&client, knobs.rows).await?;
            let run = match side {
                Side::Peer => load(target, work, knobs.rows).await?,
                _ => sink(target, work, knobs.rows).await?,
            };
            let there: i64 =
                client.query_one("SELECT count(*) FROM rows WHERE status > 0", &[]).await?.get(0);
            ensure!(there == knobs.rows as i64, "{there} of {} rows are there", knobs.rows);
            let (name, millions) = (work.name(), knobs.rows as f64 / 1e6);
            figures.add(side, &format!("{name}: rows/s"), knobs.rows as f64 / run.seconds);
            figures.add(
                side,
                &format!("{name}: CPU s of the server per million rows"),
                run.server / millions,
            );
            figures.add(
                side,
                &format!("{name}: CPU s of the client per million rows"),
                run.client / millions,
            );
        }
        Ok(())
    })
}

struct Run {
    seconds: f64,
    /// CPU seconds of the session's process.
    server: f64,
    client: f64,
}

/// Times of a run, from its begin.
struct Clock {
    begun: Instant,
    session: Pid,
    server: f64,
    client: f64,
}

impl Clock {
    fn start(session: i32) -> Result<Self> {
        let session = Pid(session.unsigned_abs());
        let (server, client) = (session.cpu_seconds()?, Pid(std::process::id()).cpu_seconds()?);
        Ok(Self { begun: Instant::now(), session, server, client })
    }

    fn stop(self) -> Result<Run> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let server = self.session.cpu_seconds()? - self.server;
        Ok(Run { seconds, server, client: Pid(std::process::id()).cpu_seconds()? - self.client })
    }
}

async fn load(target: &Target, work: Work, count: u64) -> Result<Run> {
    let mut text = String::new();
    for row in rows(count) {
        let Row { id, host, client, method, path, status, bytes, seconds, agent } = row;
        writeln!(text, "{id}\t{host}\t{client}\t{method}\t{path}\t{status}\t{bytes}\t{seconds}\t{agent}")?;
    }
    let mut client = target.session().await?;
    let session: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await?.get(0);
    let mut text = bytes::Bytes::from(text);

    let clock = Clock::start(session)?;
    let transaction = client.transaction().await?;
    let into = match work {
        Work::Append => "rows",
        Work::Upsert => {
            let staging =
                format!("CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT {COLUMNS} FROM rows WITH NO DATA");
            transaction.batch_execute(&staging).await?;
            "staged"
        }
    };
    let mut copy = Box::pin(transaction.copy_in(&format!("COPY {into} ({COLUMNS}) FROM STDIN")).await?);
    while !text.is_empty() {
        copy.feed(text.split_to(text.len().min(CHUNK_BYTES))).await?;
    }
    copy.as_mut().finish().await?;
    if let Work::Upsert = work {
        let set = COLUMNS.split(", ").skip(1).map(|column| format!("{column} = excluded.{column}"));
        let merge = format!(
            "INSERT INTO rows ({COLUMNS}) SELECT {COLUMNS} FROM staged ON CONFLICT (id) DO UPDATE SET {}",
            set.collect::<Vec<_>>().join(", ")
        );
        transaction.batch_execute(&merge).await?;
    }
    transaction.commit().await?;
    clock.stop()
}

async fn sink(target: &Target, work: Work, count: u64) -> Result<Run> {
    let url = target.server.url();
    let options = [("connection.url", url.as_str()), ("table.name.format", "rows")];
    let upsert = [("insert.mode", "upsert"), ("pk.mode", "record_value"), ("pk.fields", "id")];
    let more: &[_] = if let Work::Upsert = work { &upsert } else { &[] };
    let config: BTreeMap<String, String> =
        options.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let registry = Registry::built_in();
    let Ok(Plugin::Sink(sink)) = registry.find("postgres") else { bail!("there is no such sink") };
    let context = SinkContext { connector: CONNECTOR.to_owned(), task: 0, ..SinkContext::default() };
    let mut task = sink.open(&config, context).await?;
    let records = records(count);
    // Connects.
    task.assigned(&[]).await?;
    let ask = "SELECT pid FROM pg_stat_activity WHERE application_name = $1";
    let name = format!("millstream-connect {CONNECTOR} 0");
    let client = target.session().await?;
    client.execute("DELETE FROM millstream_connect_offsets", &[]).await?;
    let session: i32 = client.query_one(ask, &[&name]).await?.get(0);

    let clock = Clock::start(session)?;
    write(&mut *task, &records).await?;
    clock.stop()
}

/// Hands records over as the runtime does.
async fn write(task: &mut dyn SinkTask, records: &[Record]) -> Result<()> {
    let at_once = task.batch_records().context("it does not say how many it takes")?;
    for batch in records.chunks(at_once) {
        let written = task.write(batch).await?;
        ensure!(written == Written::All, "a record was refused: {written:?}");
    }
    Ok(task.flush().await?)
}

/// A request to a web server.
struct Row {
    id: i64,
    host: String,
    client: String,
    method: &'static str,
    path: String,
    status: i32,
    bytes: i64,
    seconds: f64,
    agent: &'static str,
}

/// The same each time.
fn rows(count: u64) -> impl Iterator<Item = Row> {
    let mut random = StdRng::seed_from_u64(SEED);
    (0..count).map(move |nth| Row {
        id: nth as i64,
        host: format!("web-{}", random.random_range(0..20)),
        client: format!(
            "10.{}.{}.{}",
            random.random_range(0..256),
            random.random_range(0..256),
            random.random_range(0..256)
        ),
        method: if random.random_range(0..10) == 0 { "POST" } else { "GET" },
        path: format!("/page/{}", random.random_range(0..2_000)),
        status: if random.random_range(0..20) == 0 { 500 } else { 200 },
        bytes: random.random_range(200..90_000),
        seconds: f64::from(random.random_range(1..2_000)) / 1e3,
        agent: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    })
}

fn records(count: u64) -> Vec<Record> {
    let topic: Arc<str> = "rows".into();
    let names = COLUMNS.split(", ").map(Value::string).collect::<Vec<_>>();
    let record = |row: Row| {
        let values = [
            Value::Int64(row.id),
            Value::string(row.host),
            Value::string(row.client),
            Value::string(row.method),
            Value::string(row.path),
            Value::Int64(row.status.into()),
            Value::Int64(row.bytes),
            Value::Float64(row.seconds),
            Value::string(row.agent),
        ];
        let object =
            names.iter().cloned().zip(values).fold(Map::new(), |map, (name, value)| map.with(name, value));
        let (topic, timestamp_type) = (Arc::clone(&topic), TimestampType::CreateTime);
        let origin = Origin { topic: Arc::clone(&topic), partition: 0, offset: row.id, timestamp_type };
        Record { origin: Some(origin), ..Record::new(topic, SchemaAndValue::schemaless(object)) }
    };
    rows(count).map(record).collect()
}
