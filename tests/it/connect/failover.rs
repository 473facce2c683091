//! A worker that is gone without a word: what it ran goes on elsewhere, where it was.

use super::http;
use super::ours::Ours;
use anyhow::{Context, Result};
use millstream_tests::cluster::Cluster;
use serde_json::{Value, json};

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
    let owner = http::until(workers[1].address(), "/connectors/tail/status", runner)?;
    let position = |wanted: u64| {
        move |offsets: &Value| (offsets["offsets"][0]["offset"]["position"] == wanted).then_some(())
    };
    http::until(workers[1].address(), "/connectors/tail/offsets", position(8))?;

    let killed = workers.iter().position(|worker| worker.is_called(&owner)).context("who?")?;
    drop(workers.remove(killed));
    std::fs::write(&file, "one\ntwo\nthree\n")?;
    let other = workers[0].address();
    let heir =
        http::until(other, "/connectors/tail/status", |status| runner(status).filter(|heir| *heir != owner))?;
    assert!(workers[0].is_called(&heir), "{heir}");
    http::until(other, "/connectors/tail/offsets", position(14))?;
    Ok(())
}
