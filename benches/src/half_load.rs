//! From just before a record is sent to its result in the output, at a steady rate with a commit every 100 ms. The same client
//! sends and reads on both sides.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use millstream_client::{Consumer, Event, Offset, Producer, ProducerRecord, TopicPartition};
use serde_json::Value;

use crate::figures::Figures;
use crate::input::{self, INPUT, OUTPUT};
use crate::knobs::Knobs;
use crate::node::{Node, Side, scratch};
use crate::streams;

const COMMIT: &str = "commit.interval.ms=100";

/// Sent first and not measured: the peer's compiler works through them.
const WARM_UP_SECONDS: u64 = 10;

/// Records of one burst follow each other at once.
const BURST: Duration = Duration::from_millis(1);

/// So many that none comes twice between two commits, which would leave the first of the two without an output.
const KEYS: u64 = 200_000;

const SILENCE: Duration = Duration::from_millis(200);

pub(crate) fn run(side: Side, knobs: &Knobs, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    input::create_topics(&node, 1)?;
    let (rate, seconds) = (knobs.stream_rate, knobs.stream_seconds);
    let (warm_up, measured) = (rate * WARM_UP_SECONDS, rate * seconds);
    let state = tempfile::Builder::new().prefix("state-").tempdir_in(scratch()?)?;
    // One record more tells that the application is ready.
    let total = 1 + warm_up + measured;
    let mut program = streams::command(&node, side, "latest", total, state.path(), &[COMMIT])?;
    let program = program.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;

    let reader = Reader::start(&node)?;
    let mut sender = Sender::new(&node, reader.begun, rate)?;
    sender.send(1)?;
    while reader.read.load(Ordering::Relaxed) < 1 {
        thread::sleep(BURST);
    }
    sender.send(warm_up)?;
    let measured_from = reader.begun.elapsed().as_nanos() as i64;
    sender.send(measured)?;
    let output = program.wait_with_output()?;
    ensure!(output.status.success(), "the program failed");
    let report: Value = serde_json::from_slice(output.stdout.trim_ascii())?;
    let mut nanos = reader.end(measured_from)?;
    nanos.sort_unstable();
    ensure!(nanos.len() as u64 > measured / 2, "only {} of {measured} records came out", nanos.len());
    for (called, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)] {
        figures.add(side, &format!("ms from input to output, {called}"), percentile(&nanos, part) / 1e6);
    }
    let millions = total as f64 / 1e6;
    figures.add(
        side,
        "library CPU s per million records",
        streams::number(&report, "cpu_seconds")? / millions,
    );
    Ok(())
}

fn percentile(sorted: &[i64], part: f64) -> f64 {
    sorted[(sorted.len() as f64 * part).ceil() as usize - 1] as f64
}

/// Sends records at a steady rate; each value is the time of sending.
struct Sender {
    producer: Producer,
    begun: Instant,
    per_burst: u64,
    next: Instant,
    sent: u64,
}

impl Sender {
    fn new(node: &Node, begun: Instant, rate: u64) -> Result<Self> {
        let producer =
            Producer::builder().bootstrap(&node.bootstrap).set("linger.ms", "1")?.build_blocking()?;
        let per_burst = (rate * BURST.as_millis() as u64 / 1_000).max(1);
        Ok(Self { producer, begun, per_burst, next: Instant::now(), sent: 0 })
    }

    fn send(&mut self, records: u64) -> Result<()> {
        self.next = Instant::now();
        for nth in 0..records {
            if nth % self.per_burst == 0 {
                thread::sleep(self.next.saturating_duration_since(Instant::now()));
                self.next += BURST;
            }
            let key = format!("key-{:012}", self.sent % KEYS);
            let now = (self.begun.elapsed().as_nanos() as i64).to_be_bytes();
            drop(self.producer.send_blocking(ProducerRecord::to(INPUT).key(&key).value(&now))?);
            self.sent += 1;
        }
        Ok(())
    }
}

/// Reads the output as it comes.
struct Reader {
    begun: Instant,
    read: Arc<AtomicI64>,
    stop: Arc<AtomicBool>,
    /// When each record was sent, and how long it took, in nanoseconds.
    thread: thread::JoinHandle<Result<Vec<(i64, i64)>>>,
}

impl Reader {
    fn start(node: &Node) -> Result<Self> {
        let consumer = Consumer::builder().bootstrap(&node.bootstrap).build_blocking()?;
        consumer.assign_at(TopicPartition::new(OUTPUT, 0), Offset(0));
        let (begun, read, stop) = (Instant::now(), Arc::default(), Arc::default());
        let (count, told) = (Arc::clone(&read), Arc::clone(&stop));
        let thread = thread::spawn(move || read_until(consumer, begun, &count, &told));
        Ok(Self { begun, read, stop, thread })
    }

    /// How long each record took that was sent from then on.
    fn end(self, from: i64) -> Result<Vec<i64>> {
        self.stop.store(true, Ordering::Relaxed);
        let taken = self.thread.join().ok().context("the reader panicked")??;
        Ok(taken.into_iter().filter(|(sent, _)| *sent >= from).map(|(_, took)| took).collect())
    }
}

fn read_until(
    mut consumer: Consumer,
    begun: Instant,
    count: &AtomicI64,
    stop: &AtomicBool,
) -> Result<Vec<(i64, i64)>> {
    let mut taken = Vec::new();
    loop {
        match consumer.poll_blocking(SILENCE)? {
            Some(Event::Fetched(fetched)) => {
                let now = begun.elapsed().as_nanos() as i64;
                fetched.for_each(|record| {
                    if let Some(sent) = record.value.and_then(|value| value.try_into().ok()) {
                        let sent = i64::from_be_bytes(sent);
                        taken.push((sent, now - sent));
                    }
                    Ok(())
                })?;
                count.store(taken.len() as i64, Ordering::Relaxed);
            }
            Some(_) => {}
            None if stop.load(Ordering::Relaxed) => return Ok(taken),
            None => {}
        }
    }
}
