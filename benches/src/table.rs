//! A table built from its topic, and restored from its changelog once its state is gone.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::figures::Figures;
use crate::input::{self, INPUT};
use crate::knobs::Knobs;
use crate::node::{Node, Side, program, scratch};
use crate::peers;
use crate::streams::{COMMIT, number};

pub(crate) fn run(side: Side, knobs: &Knobs, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    input::create_topics(&node, knobs.table_partitions)?;
    input::load(&node, knobs.keys, input::rows(knobs.keys, knobs.value_bytes))?;
    let state = tempfile::Builder::new().prefix("state-").tempdir_in(scratch()?)?;

    let before = node.pid.cpu_seconds()?;
    let mut program =
        command(&node, side, knobs, state.path())?.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut reports = BufReader::new(program.stdout.take().context("no standard output")?).lines();
    let mut next = || -> Result<(Value, f64)> {
        let report = reports.next().context("the program ended without a report")??;
        Ok((serde_json::from_str(&report)?, node.pid.cpu_seconds()?))
    };
    let (built, built_at) = next()?;
    let (restored, restored_at) = next()?;
    ensure!(program.wait()?.success(), "the program failed");

    let millions = knobs.keys as f64 / 1e6;
    let (library, broker) = (number(&built, "cpu_seconds")? / millions, (built_at - before) / millions);
    figures.add(side, "build: records/s", knobs.keys as f64 / number(&built, "seconds")?);
    figures.add(side, "build: CPU s per million records, library and broker", library + broker);
    figures.add(side, "build: CPU s per million records, library", library);

    let records = number(&restored, "restored")?;
    ensure!(records + 1.0 >= knobs.keys as f64, "only {records} records were restored");
    let millions = records / 1e6;
    let (library, broker) =
        (number(&restored, "cpu_seconds")? / millions, (restored_at - built_at) / millions);
    figures.add(side, "restore: records/s", records / number(&restored, "seconds")?);
    figures.add(side, "restore: CPU s per million records, library and broker", library + broker);
    figures.add(side, "restore: CPU s per million records, library", library);
    figures.add(side, "restore: seconds from start to ready", number(&restored, "start_to_ready_s")?);
    figures.add(side, "peak MiB, library", number(&restored, "peak_memory_mib")?);
    Ok(())
}

fn command(node: &Node, side: Side, knobs: &Knobs, state: &std::path::Path) -> Result<Command> {
    let (partitions, records) = (knobs.table_partitions.to_string(), knobs.keys.to_string());
    if side == Side::Peer {
        return Ok(peers::runner(&[
            "java",
            "peers.Restore",
            &node.bootstrap,
            INPUT,
            &partitions,
            &records,
            COMMIT,
        ]));
    }
    let mut command = Command::new(program("run_topology")?);
    command.args([
        &node.bootstrap,
        "table",
        &records,
        "--restore",
        &partitions,
        "--set",
        COMMIT,
        "--state-dir",
    ]);
    command.arg(state);
    Ok(command)
}
