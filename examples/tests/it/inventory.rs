//! examples/orders_to_inventory: orders in over HTTP, the stock and what was decided out into a real Postgres, while the program is
//! killed again and again.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use millstream_broker::{Broker, BrokerConfig};
use millstream_client::{Admin, NewTopic};
use millstream_connect::Registry;
use millstream_connect::standalone::{Pipeline, Standalone, StandaloneParts};
use millstream_tests::daemon::{free_address, get};
use millstream_tests::postgres::Postgres;
use millstream_tests::process::{PATIENCE, Process};

const ITEMS: [&str; 3] = ["cup", "plate", "spoon"];
const ORDERS: u32 = 90;
const DELIVERED: u32 = 60;

/// The example with the places of this test.
fn pipeline(dir: &Path, places: &[(&str, String)]) -> Result<Pipeline> {
    let mut text = include_str!("../../orders_to_inventory/pipeline.yaml").to_owned();
    for (theirs, ours) in places {
        ensure!(text.contains(theirs), "the example has no {theirs:?}");
        text = text.replace(theirs, ours);
    }
    let path = dir.join("pipeline.yaml");
    std::fs::write(&path, text)?;
    Ok(Pipeline::read(&[path])?)
}

/// The status of the answer.
fn post(to: SocketAddr, path: &str, body: &str) -> Result<u16> {
    let mut stream = TcpStream::connect(to)?;
    let (length, host) = (body.len(), to);
    write!(
        stream,
        "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split(' ').nth(1).context("no answer")?.parse()?)
}

fn body(id: &str, item: &str, pieces: u32) -> String {
    serde_json::json!({ "id": id, "item": item, "pieces": pieces }).to_string()
}

fn rows(postgres: &Postgres, query: &str) -> Result<Vec<String>> {
    let output = Command::new("psql").args([&postgres.url(), "-At", "-c", query]).output().context("psql")?;
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// Asks until there is an answer as wanted.
fn until(what: &str, wanted: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !wanted().unwrap_or(false) {
        ensure!(Instant::now() < deadline, "{what}: {:?}", wanted());
        sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// The program, killed when this is dropped.
fn start(dir: &Path, bootstrap: &str, postgres: &Postgres, listen: SocketAddr) -> Result<Process> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orders_to_inventory"));
    command.args(["--bootstrap", bootstrap, "--postgres", &postgres.url(), "--commit-interval-ms", "200"]);
    command.arg("--state").arg(dir.join("state")).args(["--query-listen", &listen.to_string()]);
    Process::spawn(&mut command)
}

#[test]
fn orders_become_an_inventory_and_rows_though_the_program_is_killed() -> Result<()> {
    let Some(postgres) = Postgres::start(&[])? else { return Ok(()) };
    let dir = tempfile::tempdir()?;
    let settings = [("group.initial.rebalance.delay.ms", "0"), ("group.min.session.timeout.ms", "1")];
    let config = settings
        .iter()
        .try_fold(BrokerConfig::ephemeral(), |config, (name, value)| config.set(name, value))?;
    let broker = Broker::start_blocking(config)?;
    let bootstrap = broker.bootstrap();
    let runtime = tokio::runtime::Runtime::new()?;
    let (orders, deliveries, listen) = (free_address()?, free_address()?, free_address()?);
    let connect = runtime.block_on(async {
        let admin = Admin::builder().bootstrap(&bootstrap).build().await?;
        let topics = ["orders", "deliveries", "stock", "orders-beyond-stock"];
        for (_, created) in admin.create_topics(topics.map(|topic| NewTopic::new(topic, 2))).await? {
            created?;
        }
        let offsets = dir.path().join("offsets").to_string_lossy().into_owned();
        let pipeline = pipeline(
            dir.path(),
            &[
                ("localhost:9092", bootstrap.clone()),
                ("127.0.0.1:8085", orders.to_string()),
                ("127.0.0.1:8086", deliveries.to_string()),
                ("${env:POSTGRES_URL}", postgres.url()),
                ("/var/lib/millstream/inventory.offsets", offsets),
                ("interval.ms: 1000", "interval.ms: 100".to_owned()),
            ],
        )?;
        let (settings, id) = (pipeline.worker.clone(), "test".to_owned());
        let registry = Arc::new(Registry::built_in());
        let parts = StandaloneParts { registry, settings, id, levels: Arc::new(|_, _| {}), ends: false };
        let connect = Standalone::start(parts).await?;
        for connector in &pipeline.connectors {
            connect.put(connector.clone()).await?;
        }
        anyhow::Ok(connect)
    })?;

    let mut program = start(dir.path(), &bootstrap, &postgres, listen)?;
    for item in ITEMS {
        let told = body(&format!("{item}-d"), item, DELIVERED);
        until("a delivery", || Ok(post(deliveries, "/deliveries", &told)? == 200))?;
    }
    let stock = || rows(&postgres, "SELECT item, delivered, reserved, \"left\" FROM stock ORDER BY item");
    until("the deliveries in Postgres", || Ok(stock()? == ITEMS.map(|item| format!("{item}|60|0|60"))))?;

    // What each order should come to, in the order of their numbers.
    let (mut left, mut expected) = (BTreeMap::from(ITEMS.map(|item| (item, DELIVERED))), Vec::new());
    for number in 0..ORDERS {
        let (item, pieces) = (ITEMS[number as usize % 3], 1 + number % 5);
        let reserved = pieces <= left[item];
        *left.entry(item).or_default() -= if reserved { pieces } else { 0 };
        expected.push(format!("o{number:03}|{item}|{pieces}|{}", if reserved { "t" } else { "f" }));
        let told = body(&format!("o{number:03}"), item, pieces);
        until("an order", || Ok(post(orders, "/orders", &told)? == 200))?;
        if number % 30 == 20 {
            // Some are decided and written, some are not, some are and nobody has committed.
            sleep(Duration::from_millis(u64::from(number) * 4));
            program.kill()?;
            program = start(dir.path(), &bootstrap, &postgres, listen)?;
        }
    }
    ensure!(expected.iter().any(|row| row.ends_with("|f")), "no order is beyond the stock");
    let decisions = || rows(&postgres, "SELECT id, item, pieces, reserved FROM decisions ORDER BY id");
    until("every order is decided on once", || Ok(decisions()? == expected))
        .with_context(|| format!("{:?}\nexpected {expected:?}", decisions()))?;
    let wanted = ITEMS.map(|item| format!("{item}|60|{}|{}", DELIVERED - left[item], left[item]));
    until("the stock in Postgres", || Ok(stock()? == wanted)).with_context(|| format!("{wanted:?}"))?;
    for item in ITEMS {
        let shelf = || get(listen, &format!("/stores/inventory/{item}"));
        until("the stock, asked live", || {
            let told: serde_json::Value = serde_json::from_str(&shelf()?)?;
            let ordered = told["value"]["ordered"].as_object().context("no orders")?;
            let reserved: u64 = ordered.values().filter_map(serde_json::Value::as_u64).sum();
            Ok(reserved == u64::from(DELIVERED - left[item]))
        })
        .with_context(|| format!("{item}: {:?}", shelf()))?;
    }
    program.kill()?;
    runtime.block_on(connect.close());
    broker.close_blocking();
    Ok(())
}
