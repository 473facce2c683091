//! Records out.

use anyhow::{Context, Result};

use crate::figures::Figures;
use crate::knobs::Knobs;
use crate::node::{Node, Side};
use crate::peers;
use crate::produce::{SIZES, SMALL, java_producer, own_client};

const CONSUMER_PERFORMANCE: &str = "org.apache.kafka.tools.ConsumerPerformance";

pub(crate) fn run(side: Side, knobs: &Knobs, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    for (size, called) in SIZES {
        let (records, topic) = (knobs.records(size), format!("of-{size}"));
        java_producer(&node, &topic, size, records)?;
        let before = node.pid.cpu_seconds()?;
        let rate = java_consumer(&node, &topic, records)?;
        let cpu = (node.pid.cpu_seconds()? - before) / knobs.gib(size);
        figures.add(side, &format!("broker CPU s per GiB consumed by the Java client, {called}"), cpu);
        figures.add(side, &format!("records/s consumed by the Java client, {called}"), rate);
        if size == SMALL {
            let rate = if side == Side::Peer { rate } else { own_consumer(&node, &topic, records)? };
            figures.add(side, &format!("records/s consumed by its own client, {called}"), rate);
        }
    }
    Ok(())
}

/// Reads a topic by Kafka's own ConsumerPerformance; records a second, the time to join its group left out.
fn java_consumer(node: &Node, topic: &str, records: u64) -> Result<f64> {
    let records = records.to_string();
    let args = ["--bootstrap-server", &node.bootstrap, "--topic", topic, "--num-records", &records];
    let output = peers::java(CONSUMER_PERFORMANCE, &args)?;
    let last = output.lines().last().context("ConsumerPerformance printed nothing")?;
    Ok(last.rsplit(", ").next().context("no rate")?.parse()?)
}

/// Reads a topic by `millstream bench consume`; records a second.
fn own_consumer(node: &Node, topic: &str, records: u64) -> Result<f64> {
    let records = records.to_string();
    let report = own_client(node, "consume", ["--topic", topic, "--num-records", &records].into_iter())?;
    report["records_per_s"].as_f64().context("no rate in the report of millstream bench")
}
