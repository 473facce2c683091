use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Stack;
use crate::daemon::{free_address, get};
use crate::process::PATIENCE;

/// Requests by path, counted with a shuffle: what it moved, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shuffled {
    /// Records that went through the repartition topic.
    pub records: i64,
    /// Those of the fullest partition, divided by the mean.
    pub imbalance: f64,
    /// What was counted.
    pub counts: BTreeMap<String, u64>,
}

impl Shuffled {
    /// Counts the requests that are in their topic, `combined` before the shuffle or not.
    pub fn run(stack: &Stack, combined: bool, requests: u64) -> Result<Self> {
        let how = if combined { "combined" } else { "plain" };
        let address = free_address()?;
        let mut program =
            stack.spawn(&format!("paths-{how}"), address, &["--paths".to_owned(), how.to_owned()])?;
        let since = Instant::now();
        let counts = loop {
            let counts = get(address, "/stores/paths?limit=10000").and_then(|told| counts(&told));
            match counts {
                Ok(counts) if counts.values().sum::<u64>() == requests => break counts,
                counts => ensure!(
                    since.elapsed() < PATIENCE && program.is_running(),
                    "{counts:?}\n{}",
                    program.describe()
                ),
            }
            sleep(Duration::from_millis(200));
        };
        let topic = if combined {
            "paths-combined-paths-partial-repartition"
        } else {
            "paths-plain-paths-repartition"
        };
        let ends = stack.topics()?.ends(topic)?;
        let records: i64 = ends.values().sum();
        let fullest = ends.values().copied().max().with_context(|| format!("there is no topic {topic}"))?;
        let imbalance = fullest as f64 * ends.len() as f64 / records as f64;
        Ok(Self { records, imbalance, counts })
    }
}

fn counts(told: &str) -> Result<BTreeMap<String, u64>> {
    let told: Value = serde_json::from_str(told)?;
    let entries = told["entries"].as_array().context("no entries")?;
    let count = |entry: &Value| Some((entry["key"].as_str()?.to_owned(), entry["value"].as_u64()?));
    entries.iter().map(|entry| count(entry).with_context(|| entry.to_string())).collect()
}
