//! From just before the send to the return from poll, at a low and steady rate.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::figures::Figures;
use crate::knobs::Knobs;
use crate::node::{Node, Side};
use crate::peers;
use crate::produce::own_client;

const RECORD_BYTES: &str = "100";

pub(crate) fn run(side: Side, knobs: &Knobs, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    let (records, rate) = (knobs.latency_records.to_string(), knobs.latency_rate.to_string());
    let args = [node.bootstrap.as_str(), "java", &records, &rate, RECORD_BYTES];
    let java: Value = serde_json::from_str(&peers::java("peers.Latency", &args)?)?;
    add(side, figures, "the Java clients", &java)?;
    let own = if side == Side::Peer {
        java
    } else {
        let args = [
            "--topic",
            "own",
            "--num-records",
            &records,
            "--throughput",
            &rate,
            "--record-size",
            RECORD_BYTES,
        ];
        own_client(&node, "latency", args.into_iter())?
    };
    add(side, figures, "its own clients", &own)
}

fn add(side: Side, figures: &mut Figures, clients: &str, report: &Value) -> Result<()> {
    for (field, called) in [("p50_us", "p50"), ("p99_us", "p99"), ("p999_us", "p99.9")] {
        let value = report[field].as_f64().with_context(|| format!("no {field} in {report}"))?;
        figures.add(side, &format!("us end to end with {clients}, {called}"), value);
    }
    Ok(())
}
