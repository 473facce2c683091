//! Kafka Connect's REST API: the same requests, asked of Kafka Connect and of ours.
//!
//! What Kafka Connect answers is recorded, in `standalone.txt` and `distributed.txt`, so that it judges where Java is
//! not; where Java is, it is asked again, and must answer as recorded. `MILLSTREAM_RECORD=1` writes the recordings anew.

mod alike;
mod apache;
mod failover;
pub(crate) mod http;
mod ours;
mod peer;
mod script;

use anyhow::{Result, ensure};
use millstream_tests::cluster::Cluster;
use ours::Ours;
use peer::{Mode, Peer};
use script::{Answer, Request, Script};
use std::fs;
use std::path::PathBuf;

fn recording(mode: Mode) -> PathBuf {
    let name = match mode {
        Mode::Standalone => "standalone.txt",
        Mode::Distributed => "distributed.txt",
    };
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("it/connect").join(name)
}

fn recorded(mode: Mode) -> Result<Vec<Answer>> {
    fs::read_to_string(recording(mode))?.lines().map(Answer::read).collect()
}

/// Whether a judge's answer and another agree.
type Agree = fn(&Request, &Answer, &Answer) -> bool;

/// Says all that differs: one request that fails tells little.
fn judge(script: &Script, answers: &[Answer], judges: &[Vec<Answer>], agree: Agree) -> Result<()> {
    ensure!(judges.iter().all(|judge| judge.len() == answers.len()), "the recordings are of another script");
    let mut differing = Vec::new();
    for (index, answer) in answers.iter().enumerate() {
        let asked = &script.requests[index];
        if !judges.iter().any(|judge| agree(asked, &judge[index], answer)) {
            differing
                .push(format!("{asked}\n  Kafka Connect: {}\n  here:          {answer}", judges[0][index]));
        }
    }
    ensure!(differing.is_empty(), "{} answers differ:\n{}", differing.len(), differing.join("\n"));
    Ok(())
}

#[test]
fn a_worker_alone_answers_as_kafka_connect_does() -> Result<()> {
    let (cluster, script) = (Cluster::start()?, Script::load()?);
    let ours = Ours::alone(cluster.bootstrap())?;
    let answers = script.ask(ours.address())?;
    judge(&script, &answers, &[recorded(Mode::Standalone)?, recorded(Mode::Distributed)?], alike::as_meant)
}

#[test]
fn a_worker_of_a_cluster_answers_as_kafka_connect_does() -> Result<()> {
    let (cluster, script) = (Cluster::start()?, Script::load()?);
    let ours = Ours::joined(cluster.bootstrap())?;
    let answers = script.ask(ours.address())?;
    judge(&script, &answers, &[recorded(Mode::Distributed)?], alike::as_meant)
}

fn kafka_connect_answers_as_recorded(mode: Mode) -> Result<()> {
    let Some(peer) = Peer::start(mode)? else { return Ok(()) };
    let script = Script::load()?;
    let answers = script.ask(peer.address())?;
    if std::env::var_os("MILLSTREAM_RECORD").is_some() {
        let lines: Vec<String> = answers.iter().map(ToString::to_string).collect();
        fs::write(recording(mode), lines.join("\n") + "\n")?;
    }
    judge(&script, &answers, &[recorded(mode)?], alike::alike)
}

#[test]
fn kafka_connect_standalone_answers_as_recorded() -> Result<()> {
    kafka_connect_answers_as_recorded(Mode::Standalone)
}

#[test]
fn kafka_connect_distributed_answers_as_recorded() -> Result<()> {
    kafka_connect_answers_as_recorded(Mode::Distributed)
}
