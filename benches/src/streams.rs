//! Topologies over a full topic, at least once with a commit every 30 seconds: records, CPU and memory.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::figures::Figures;
use crate::input::{self, INPUT, OUTPUT};
use crate::knobs::Knobs;
use crate::node::{Node, Side, program, scratch};
use crate::peers;

/// What both libraries are told.
pub(crate) const COMMIT: &str = "commit.interval.ms=30000";

/// Five operators without state.
pub(crate) fn stateless(side: Side, knobs: &Knobs, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    input::create_topics(&node, 1)?;
    input::load(&node, knobs.stateless_records, input::requests())?;
    measure(&node, side, "stateless", knobs.stateless_records, figures)
}

/// Sums of many keys, twice as many records, in a store ten times as large as the cache.
pub(crate) fn aggregate(side: Side, knobs: &Knobs, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    input::create_topics(&node, 1)?;
    let records = 2 * knobs.keys;
    input::load(&node, records, input::amounts(knobs.keys))?;
    measure(&node, side, "aggregate", records, figures)
}

/// Counts of one-minute windows.
pub(crate) fn windowed(side: Side, knobs: &Knobs, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    input::create_topics(&node, 1)?;
    input::load(&node, knobs.events, input::views(knobs.events)?)?;
    measure(&node, side, "windowed", knobs.events, figures)
}

fn measure(node: &Node, side: Side, work: &str, records: u64, figures: &mut Figures) -> Result<()> {
    let before = node.pid.cpu_seconds()?;
    let state = tempfile::Builder::new().prefix("state-").tempdir_in(scratch()?)?;
    let report = peers::output(&mut command(node, side, work, records, state.path(), &[COMMIT])?)?;
    let broker_cpu = node.pid.cpu_seconds()? - before;
    let report: Value = serde_json::from_str(report.lines().last().unwrap_or_default())?;
    let (millions, library_cpu) = (records as f64 / 1e6, number(&report, "cpu_seconds")?);
    figures.add(side, "records/s", records as f64 / number(&report, "seconds")?);
    figures.add(side, "records per CPU s, library and broker", records as f64 / (library_cpu + broker_cpu));
    figures.add(side, "library CPU s per million records", library_cpu / millions);
    figures.add(side, "broker CPU s per million records", broker_cpu / millions);
    figures.add(side, "peak MiB, library", number(&report, "peak_memory_mib")?);
    Ok(())
}

/// The program that runs a topology: ours, or Kafka Streams with a state directory of its own.
pub(crate) fn command(
    node: &Node,
    side: Side,
    work: &str,
    records: u64,
    state: &std::path::Path,
    settings: &[&str],
) -> Result<Command> {
    let records = records.to_string();
    if side == Side::Peer {
        let args = ["java", "peers.RunTopology", &node.bootstrap, work, INPUT, &records, OUTPUT];
        let mut command = peers::runner(&args);
        command.args(settings);
        return Ok(command);
    }
    let mut command = Command::new(program("run_topology")?);
    command.args([&node.bootstrap, work, &records, "--state-dir"]).arg(state);
    command.args(settings.iter().flat_map(|setting| ["--set", setting]));
    Ok(command)
}

pub(crate) fn number(report: &Value, field: &str) -> Result<f64> {
    report[field].as_f64().with_context(|| format!("no {field} in {report}"))
}
