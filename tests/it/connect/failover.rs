//! A worker that is gone without a word: what it ran goes on elsewhere, where it was.

use super::http;
use super::ours::Ours;
use anyhow::{Context, Result, bail};
use millstream_tests::cluster::Cluster;
use millstream_tests::process::PATIENCE;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Asks until the answer has what `find` looks for.
fn until<T>(address: SocketAddr, path: &str, find: impl Fn(&Value) -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    loop {
        let answer: Value = serde_json::from_str(&http::ask(address, "GET", path, None)?.body)?;
        if let Some(found) = find(&answer) {
            return Ok(found);
        }
        if begun.elapsed() > PATIENCE {
            bail!("GET {path} still answers {answer}");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Who runs the only task.
fn runner(status: &Value) -> Option<String> {
    let task = &status["tasks"][0];
    (task["state"] == "RUNNING").then(|| task["worker_id"].as_str().map(str::to_owned))?
}

#[test]
fn what_a_killed_worker_ran_goes_on_elsewhere_where_it_was() -> Result<()> {
    let (cluster, dir) = (Cluster::start()?, tempfile::tempdir()?);
    let file = dir.path().join("in.txt");
    std::fs::write(&file, "one\ntwo\n")?;
    let mut workers = vec![Ours::joined(cluster.bootstrap())?, Ours::joined(cluster.bootstrap())?];
    let config = json!({"connector.class": "file-source", "file": file, "topic": "lines"});
    let body = json!({"name": "tail", "config": config}).to_string();
    // Whichever is asked: the other knows it too.
    let made = http::ask(workers[0].address(), "POST", "/connectors", Some(&body))?;
    assert_eq!(made.status, 201, "{}", made.body);
    let owner = until(workers[1].address(), "/connectors/tail/status", runner)?;
    let position = |wanted: u64| {
        move |offsets: &Value| (offsets["offsets"][0]["offset"]["position"] == wanted).then_some(())
    };
    until(workers[1].address(), "/connectors/tail/offsets", position(8))?;

    let killed = workers.iter().position(|worker| worker.address().to_string() == owner).context("who?")?;
    drop(workers.remove(killed));
    std::fs::write(&file, "one\ntwo\nthree\n")?;
    let other = workers[0].address();
    let heir =
        until(other, "/connectors/tail/status", |status| runner(status).filter(|heir| *heir != owner))?;
    assert_eq!(heir, other.to_string());
    until(other, "/connectors/tail/offsets", position(14))?;
    Ok(())
}
