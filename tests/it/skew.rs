//! `millstream streams skew`, before a running application.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use millstream::prelude::*;
use millstream_broker::TestCluster;
use millstream_client::{Admin, NewTopic, Producer, ProducerRecord};
use millstream_tests::process::PATIENCE;
use millstream_tests::server::millstream;
use serde_json::Value;

const LINES: Topic<Option<String>, String> = Topic::new("lines");
const RECORDS: u64 = 4_000;

/// Counts words, three of four of which are the same.
fn topology() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let _counts = builder.stream(LINES).group_by(|_, word| word.clone()).count("counts");
    Ok(builder.build()?)
}

fn send(bootstrap: &str) -> Result<()> {
    let admin = Admin::builder().bootstrap(bootstrap).build_blocking()?;
    for (topic, created) in admin.blocking(admin.create_topics([NewTopic::new("lines", 2)]))? {
        ensure!(created.is_ok(), "{topic:?}: {created:?}");
    }
    let producer = Producer::builder().bootstrap(bootstrap).build_blocking()?;
    for nth in 0..RECORDS {
        let word = if nth % 4 == 0 { format!("word-{nth}") } else { "hot".to_owned() };
        let record = ProducerRecord::to("lines").partition((nth % 2) as i32).value(word.as_bytes());
        drop(producer.send_blocking(record)?);
    }
    Ok(producer.flush_blocking()?)
}

fn skew(url: &str, more: &[&str]) -> Result<String> {
    let output = Command::new(millstream()?).args(["streams", "skew", "--url", url]).args(more).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Whether all has been counted and shows.
fn is_counted(told: &Value) -> bool {
    let topics = told["topics"].as_array().into_iter().flatten();
    let partitions = topics.flat_map(|topic| topic["partitions"].as_array().into_iter().flatten());
    let told: Vec<&Value> = partitions.collect();
    let records: u64 = told.iter().filter_map(|partition| partition["records"].as_u64()).sum();
    records == 2 * RECORDS && told.iter().all(|partition| partition["lag"] == 0)
}

#[test]
fn a_running_application_shows_its_hot_key() -> Result<()> {
    let cluster = TestCluster::start_blocking()?;
    send(&cluster.bootstrap())?;
    let state = tempfile::tempdir()?;
    let app = Streams::builder(topology()?).application_id("words").bootstrap(cluster.bootstrap());
    let app = app.state_dir(state.path()).commit_interval(Duration::from_millis(50));
    let app = app.query_listen("127.0.0.1:0").start_blocking()?;
    let url = format!("http://{}", app.query_address().ok_or(anyhow::anyhow!("no address"))?);
    let started = Instant::now();
    let told = loop {
        let told: Value = serde_json::from_str(&skew(&url, &["--json"])?)?;
        if is_counted(&told) {
            break told;
        }
        ensure!(started.elapsed() < PATIENCE, "{told}");
        std::thread::sleep(Duration::from_millis(100));
    };
    let instances = told["instances"].as_array().map_or(0, Vec::len);
    ensure!(instances == 1 && told["instances"][0]["behind"] == false, "{told}");
    let [lines, words] = [&told["topics"][0], &told["topics"][1]];
    ensure!(lines["topic"] == "lines" && words["topic"] == "words-counts-repartition", "{told}");
    ensure!(lines["imbalance"].as_f64() == Some(1.0), "{lines}");
    // Three quarters and half of the rest, where the mean is a half.
    let ratio = words["imbalance"].as_f64().unwrap_or_default();
    ensure!((1.6..1.9).contains(&ratio), "{words}");
    let hot: Vec<&Value> =
        words["partitions"].as_array().into_iter().flatten().filter(|told| told["hot_key"] == true).collect();
    ensure!(hot.len() == 1 && hot[0]["top_keys"][0]["key"] == "hot", "{words}");
    let shown = skew(&url, &[])?;
    let marked = shown.lines().find(|line| line.contains("hot ") && line.trim_start().starts_with('*'));
    ensure!(marked.is_some(), "{shown}");
    Ok(tokio::runtime::Runtime::new()?.block_on(app.close())?)
}
