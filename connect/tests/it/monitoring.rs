//! What is shipped for Prometheus and Grafana, before the real Prometheus.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use millstream_tests::daemon::{Daemon, find, get};
use millstream_tests::process::PATIENCE;
use serde_json::Value;

use crate::prometheus::servers;

fn shipped(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../monitoring").join(file)
}

/// The queries of the dashboard with its variables filled in.
fn queries() -> Result<Vec<String>> {
    let dashboard: Value =
        serde_json::from_str(&std::fs::read_to_string(shipped("grafana-dashboard.json"))?)?;
    let panels = dashboard["panels"].as_array().context("no panels")?;
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let filled = |target: &Value| {
        let expr = target["expr"].as_str().context("a target without a query")?;
        let expr = expr.replace("$__rate_interval", "10s").replace("$job", ".+");
        ensure!(!expr.contains('$'), "a variable that nobody fills in: {expr}");
        Ok(expr)
    };
    targets.map(filled).collect()
}

fn ask(prometheus: &Daemon, path: &str, query: &[(&str, &str)]) -> Result<Value> {
    let url = reqwest::Url::parse_with_params(&prometheus.url(path), query)?;
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
    Ok(serde_json::from_str(&get(prometheus.address(), &path)?)?)
}

/// Asks until the answer is as wanted.
fn wait_for(
    prometheus: &Daemon,
    path: &str,
    query: &[(&str, &str)],
    wanted: impl Fn(&Value) -> bool,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask(prometheus, path, query)?;
        if wanted(&answer["data"]) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{path} {query:?}: {answer}");
        std::thread::sleep(Duration::from_millis(100));
    }
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

/// It loads and evaluates every rule, and takes every query of the dashboard for one.
#[test]
fn prometheus_loads_the_rules_and_understands_the_dashboard() -> Result<()> {
    let rules = shipped("alerts.yml").canonicalize()?;
    let config = format!("global: {{evaluation_interval: 200ms}}\nrule_files: ['{}']\n", rules.display());
    let Some(prometheus) = servers::prometheus(&config)? else { return Ok(()) };
    wait_for(&prometheus, "/api/v1/rules", &[], |data| {
        let groups = data["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
        let rules: Vec<&Value> =
            groups.iter().filter_map(|group| group["rules"].as_array()).flatten().collect();
        rules.len() == 11 && rules.iter().all(|rule| rule["health"] == "ok")
    })?;
    for query in queries()? {
        // What is no query is answered with 400, and that is no answer.
        ask(&prometheus, "/api/v1/query", &[("query", &query)])?;
    }
    Ok(())
}
