//! Records in.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::figures::Figures;
use crate::knobs::Knobs;
use crate::node::{Node, Side, program};
use crate::peers;

/// Record sizes in bytes, and how they are called.
pub(crate) const SIZES: [(u64, &str); 2] = [(1024, "1 KiB"), (100, "100 B")];

/// The size at which each side's own client runs.
pub(crate) const SMALL: u64 = 100;

const PRODUCER_PERFORMANCE: &str = "org.apache.kafka.tools.ProducerPerformance";

/// What every producer here is set to, ours and theirs; acks=all and idempotence are the defaults of both.
const PRODUCER: [&str; 2] = ["linger.ms=5", "batch.size=131072"];

pub(crate) fn run(side: Side, knobs: &Knobs, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    for (size, called) in SIZES {
        let records = knobs.records(size);
        let before = node.pid.cpu_seconds()?;
        let rate = java_producer(&node, "produced", size, records)?;
        let cpu = (node.pid.cpu_seconds()? - before) / knobs.gib(size);
        figures.add(side, &format!("broker CPU s per GiB produced by the Java client, {called}"), cpu);
        figures.add(side, &format!("records/s produced by the Java client, {called}"), rate);
        if size == SMALL {
            let rate = if side == Side::Peer { rate } else { own_producer(&node, size, records)? };
            figures.add(side, &format!("records/s produced by its own client, {called}"), rate);
        }
    }
    figures.add(side, "broker peak MiB", node.pid.peak_memory_mib()?);
    Ok(())
}

/// Fills a topic by Kafka's own ProducerPerformance; records a second.
pub(crate) fn java_producer(node: &Node, topic: &str, size: u64, records: u64) -> Result<f64> {
    let [size, records] = [size, records].map(|number| number.to_string());
    let mut args = vec!["--bootstrap-server", &node.bootstrap, "--topic", topic, "--throughput", "-1"];
    args.extend(["--record-size", &size, "--num-records", &records, "--command-property"]);
    args.extend(PRODUCER);
    let output = peers::java(PRODUCER_PERFORMANCE, &args)?;
    let last = output.lines().last().context("ProducerPerformance printed nothing")?;
    let rate = last.split(", ").find_map(|part| part.split_once(" records/sec")).context("no rate")?;
    Ok(rate.0.parse()?)
}

/// Fills a topic by `millstream bench produce`; records a second.
fn own_producer(node: &Node, size: u64, records: u64) -> Result<f64> {
    let [size, records] = [size, records].map(|number| number.to_string());
    let args = ["--topic", "own", "--record-size", &size, "--num-records", &records];
    let settings = PRODUCER.iter().flat_map(|setting| ["-X", setting]);
    let report = own_client(node, "produce", args.into_iter().chain(settings))?;
    report["records_per_s"].as_f64().context("no rate in the report of millstream bench")
}

/// Runs one of `millstream bench` on `node` and returns its report.
pub(crate) fn own_client<'a>(node: &Node, bench: &str, args: impl Iterator<Item = &'a str>) -> Result<Value> {
    let mut command = Command::new(program("millstream")?);
    command.args(["bench", bench, "--bootstrap-server", &node.bootstrap, "-o", "json"]).args(args);
    Ok(serde_json::from_str(&peers::output(&mut command)?)?)
}
