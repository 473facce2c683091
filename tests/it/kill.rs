//! A broker that is killed loses nothing that it acknowledged, and doubles nothing, in either durability: what it
//! wrote is in the page cache, which outlives it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use millstream_client::{Delivery, Producer, ProducerRecord};
use millstream_tests::server::Server;
use millstream_tests::topics::{Offsets, Topics};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const TOPIC: &str = "numbers";
const KILLS: usize = 6;

/// A record that was acknowledged: what it holds, and where it is said to be.
struct Acknowledged {
    number: u64,
    offset: Option<i64>,
}

#[test]
fn what_was_acknowledged_survives_in_sync() -> Result<()> {
    acknowledged_records_survive("durability=sync")
}

#[test]
fn what_was_acknowledged_survives_in_page() -> Result<()> {
    acknowledged_records_survive("durability=page")
}

fn acknowledged_records_survive(durability: &str) -> Result<()> {
    let seed = rand::random();
    survives(durability, &mut StdRng::seed_from_u64(seed)).with_context(|| format!("seed {seed}"))
}

fn survives(durability: &str, random: &mut StdRng) -> Result<()> {
    let data = tempfile::tempdir()?;
    // Small segments: kills fall between them too.
    let mut server = Server::start(data.path(), &[durability, "log.segment.bytes=1048576"])?;

    let stop = AtomicBool::new(false);
    let acknowledged = thread::scope(|scope| -> Result<Vec<Acknowledged>> {
        let bootstrap = server.bootstrap().to_owned();
        let producer = scope.spawn(|| produce_until(&stop, bootstrap));
        for _ in 0..KILLS {
            thread::sleep(Duration::from_millis(random.random_range(20..800)));
            server.kill()?;
            server.restart()?;
        }
        stop.store(true, Ordering::Relaxed);
        producer.join().map_err(|_| anyhow::anyhow!("the producer panicked"))?
    })?;
    ensure!(
        acknowledged.len() > 1_000,
        "only {} records were written: nothing was tested",
        acknowledged.len()
    );

    let read = read_all(server.bootstrap())?;
    for (index, (_, number)) in read.iter().enumerate() {
        ensure!(
            *number == index as u64,
            "record {index} of the log is number {number}: one is lost or there twice"
        );
    }
    ensure!(read.len() == acknowledged.len(), "{} acknowledged, {} there", acknowledged.len(), read.len());
    for Acknowledged { number, offset } in acknowledged {
        let there = read[number as usize].0;
        ensure!(offset.is_none_or(|told| told == there), "{number} is at {there}, not at {offset:?}");
    }
    Ok(())
}

/// Sends numbers in order, idempotently and with acks=all, until it is told to stop and all are acknowledged.
fn produce_until(stop: &AtomicBool, bootstrap: String) -> Result<Vec<Acknowledged>> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let producer = Producer::builder().bootstrap(&bootstrap).set("batch.size", "2000")?.build().await?;
        let mut deliveries: Vec<Delivery> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let number = deliveries.len().to_string();
            deliveries.push(producer.send(ProducerRecord::to(TOPIC).partition(0).value(&number)).await?);
        }
        producer.flush().await?;
        let mut acknowledged = Vec::with_capacity(deliveries.len());
        for (number, delivery) in (0..).zip(deliveries) {
            let written = delivery.await.with_context(|| format!("sending number {number}"))?;
            acknowledged.push(Acknowledged { number, offset: written.offset.map(|offset| offset.0) });
        }
        Ok(acknowledged)
    })
}

/// The records of the topic: offset and number.
fn read_all(bootstrap: &str) -> Result<Vec<(i64, u64)>> {
    let mut records = Vec::new();
    Topics::on(bootstrap)?.read(TOPIC, &Offsets::new(), |_, record| {
        let number = record.value.and_then(|value| str::from_utf8(value).ok()?.parse().ok());
        records.push((record.offset.0, number.unwrap_or(u64::MAX)));
    })?;
    Ok(records)
}
