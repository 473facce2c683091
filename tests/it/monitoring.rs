//! What is shipped for Prometheus and Grafana, before the real Prometheus, which asks a broker, an application and a worker at work.

mod load;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use millstream_exposition::read;
use millstream_tests::daemon::{Daemon, encoded, find, get};
use millstream_tests::process::PATIENCE;
use millstream_tests::prometheus::prometheus;
use serde_json::Value;

use load::Load;

/// Queries without data where all is well, by the title of their panel.
const RIGHTLY_EMPTY: [(&str, &str); 2] = [
    ("Offline partitions by name", "no storage has failed"),
    ("Restores: offsets to go", "no store is being restored"),
];

/// Names that no page has where all is well.
const RIGHTLY_MISSING: [(&str, &str); 6] = [
    ("millstream_broker_partition_offline", "no storage has failed"),
    ("millstream_streams_store_restore_remaining_records", "no store is being restored"),
    ("millstream_streams_store_restored_records", "no store is being restored"),
    ("millstream_streams_outlet_records_total", "the topology ends in topics"),
    (
        "millstream_streams_task_away_seconds",
        "no task has moved, where both instances came before there were any",
    ),
    ("millstream_streams_outlet_held_bytes", "the topology ends in topics"),
];

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitoring").join(file)
}

/// The queries of the dashboard by the titles of their panels, with its variables filled in.
fn queries() -> Result<Vec<(String, String)>> {
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(shipped("grafana-dashboard.json"))?)?;
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().context("no panels")? {
        let title = panel["title"].as_str().context("a panel without a title")?;
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expr = target["expr"].as_str().context("a target without a query")?;
            let expr = expr.replace("$__rate_interval", "10s").replace("$job", "millstream.*");
            ensure!(!expr.contains('$'), "a variable that nobody fills in: {expr}");
            queries.push((title.to_owned(), expr));
        }
    }
    Ok(queries)
}

/// Asks until the answer is as wanted.
fn wait_for(prometheus: &Daemon, path: &str, wanted: impl Fn(&Value) -> bool) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer: Value = serde_json::from_str(&get(prometheus.address(), path)?)?;
        if wanted(&answer["data"]) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{path}: {answer}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Whether an answer has a sample that is a number.
fn has_data(data: &Value) -> bool {
    let samples = data["result"].as_array().into_iter().flatten();
    let mut values = samples.filter_map(|sample| sample["value"][1].as_str()?.parse::<f64>().ok());
    values.any(f64::is_finite)
}

/// The names of all families that the documentation has.
fn documented() -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for part in ["broker", "streams", "connect"] {
        let text = std::fs::read_to_string(shipped(&format!("{part}.md")))?;
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        names.extend(rows.map(|(name, _)| format!("millstream_{part}_{name}")));
    }
    Ok(names)
}

/// The names of all families that are told at these addresses.
fn told(targets: &[SocketAddr]) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for target in targets {
        let (_, kinds) =
            read(&get(*target, "/metrics")?).map_err(|line| anyhow::anyhow!("{target}: {line}"))?;
        ensure!(kinds.contains_key("process_start_time_seconds"), "{target} does not tell of its process");
        names.extend(kinds.into_keys().filter(|name| name.starts_with("millstream_")));
    }
    Ok(names)
}

#[test]
fn promtool_finds_nothing_wrong_with_the_rules() -> Result<()> {
    let Some(promtool) = find("promtool", "prometheus") else { return Ok(()) };
    for arguments in [["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]] {
        let output = Command::new(&promtool).args(arguments).current_dir(shipped("")).output()?;
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{said}");
    }
    Ok(())
}

#[test]
fn prometheus_has_data_for_every_query_of_the_dashboard_and_evaluates_the_rules() -> Result<()> {
    let load = Load::start()?;
    let targets = load.targets();
    let listed: Vec<String> = targets.iter().map(|target| format!("'{target}'")).collect();
    let config = format!(
        "global: {{evaluation_interval: 200ms}}\nrule_files: ['{}']\nscrape_configs:\n- job_name: millstream\n  \
         scrape_interval: 500ms\n  scrape_timeout: 500ms\n  static_configs:\n  - targets: [{}]\n",
        shipped("alerts.yml").canonicalize()?.display(),
        listed.join(",")
    );
    let Some(prometheus) = prometheus(&config)? else { return Ok(()) };
    for (title, query) in queries()? {
        let path = format!("/api/v1/query?query={}", encoded(&query));
        if RIGHTLY_EMPTY.iter().any(|(empty, _)| *empty == title) {
            // What is no query is answered with 400, and that is no answer.
            get(prometheus.address(), &path)?;
            continue;
        }
        wait_for(&prometheus, &path, has_data).with_context(|| title.clone())?;
    }
    let rules = std::fs::read_to_string(shipped("alerts.yml"))?.matches("- alert:").count();
    wait_for(&prometheus, "/api/v1/rules", |data| {
        let groups = data["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
        let all: Vec<&Value> =
            groups.iter().filter_map(|group| group["rules"].as_array()).flatten().collect();
        all.len() == rules && all.iter().all(|rule| rule["health"] == "ok")
    })?;

    let documented = documented()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = told(&targets)?;
        let missing: Vec<_> = told.difference(&documented).collect();
        ensure!(missing.is_empty(), "told and not in the tables: {missing:?}");
        let is_missed = |name: &&String| !RIGHTLY_MISSING.iter().any(|(rightly, _)| rightly == name);
        let untold: Vec<_> = documented.difference(&told).filter(is_missed).collect();
        if untold.is_empty() {
            break;
        }
        ensure!(Instant::now() < deadline, "in the tables and not told: {untold:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    load.close()
}
