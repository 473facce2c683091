//! The words of a novel, many times over, counted at least once with a commit every 30 seconds.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::Value;

use crate::figures::Figures;
use crate::knobs::Knobs;
use crate::node::{Node, Side, program, scratch};
use crate::peers;
use crate::streams::number;

const NOVEL: &str = "../examples/data/moby-dick.txt";
const COMMIT_INTERVAL_MS: &str = "30000";

/// The example's input topic.
const LINES: &str = "lines";

/// The example's output topic; Kafka Streams is given it too.
const TOTALS: &str = "word-totals";

pub(crate) fn run(side: Side, knobs: &Knobs, figures: &mut Figures) -> Result<()> {
    let node = Node::start(side)?;
    let novel = Path::new(env!("CARGO_MANIFEST_DIR")).join(NOVEL);
    let times = knobs.novels.to_string();
    let loaded =
        peers::java("peers.Load", &[&node.bootstrap, LINES, "lines", &novel.to_string_lossy(), &times])?;
    let lines = number(&serde_json::from_str(&loaded)?, "records")?;

    let before = node.pid.cpu_seconds()?;
    let report = if side == Side::Peer {
        java(&node, lines)?
    } else {
        ours(&node, lines, words(&std::fs::read_to_string(novel)?) * knobs.novels)?
    };
    let broker_cpu = node.pid.cpu_seconds()? - before;

    let report: Value = serde_json::from_str(report.lines().last().unwrap_or_default())?;
    let (words, library_cpu) = (number(&report, "words")?, number(&report, "cpu_seconds")?);
    let millions = words / 1e6;
    figures.add(side, "words/s", words / number(&report, "seconds")?);
    figures.add(side, "words per CPU s, library and broker", words / (library_cpu + broker_cpu));
    figures.add(side, "library CPU s per million words", library_cpu / millions);
    figures.add(side, "broker CPU s per million words", broker_cpu / millions);
    let (library, broker) = (number(&report, "peak_memory_mib")?, node.pid.peak_memory_mib()?);
    figures.add(side, "peak MiB, library", library);
    figures.add(side, "peak MiB, broker", broker);
    figures.add(side, "peak MiB, library and broker", library + broker);
    Ok(())
}

fn java(node: &Node, lines: f64) -> Result<String> {
    let commit = format!("commit.interval.ms={COMMIT_INTERVAL_MS}");
    peers::java("peers.WordCount", &[&node.bootstrap, LINES, &lines.to_string(), TOTALS, &commit])
}

fn ours(node: &Node, lines: f64, words: u64) -> Result<String> {
    // The example's own topic; Kafka Streams for Java makes it in its program.
    let millstream = program("millstream")?;
    peers::output(Command::new(millstream).args(["topic", "create", TOTALS, "-b", &node.bootstrap]))?;
    let state = tempfile::Builder::new().prefix("state-").tempdir_in(scratch()?)?;
    let mut command = Command::new(program("count_words")?);
    command.args([&node.bootstrap, &lines.to_string(), &words.to_string()]);
    command.args(["--commit-interval-ms", COMMIT_INTERVAL_MS, "--state-dir"]).arg(state.path());
    peers::output(&mut command)
}

fn words(text: &str) -> u64 {
    text.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| !word.is_empty()).count() as u64
}
