//! Requests by minute, service and status, as the topology names them, from where they end up.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use millstream_tests::daemon::get;
use millstream_tests::etl::Stack;
use millstream_tests::topics::{Offsets, Topics};
use serde_json::Value;

use super::ledger::{Counts, minute};

/// What the topology has told of each, the last being what counts.
pub(crate) fn told(topics: &Topics) -> Result<BTreeMap<String, Vec<u64>>> {
    let mut told: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    topics.read("requests-per-minute", &Offsets::new(), |_, record| {
        let rollup: Value = serde_json::from_slice(record.value.unwrap_or_default()).unwrap_or_default();
        let key = String::from_utf8_lossy(record.key.unwrap_or_default()).into_owned();
        told.entry(key).or_default().push(rollup["requests"].as_u64().unwrap_or_default());
    })?;
    Ok(told)
}

/// Those whose minute was closed when they came.
pub(crate) fn late(topics: &Topics) -> Result<Counts> {
    let mut late = Counts::new();
    topics.read("late-requests", &Offsets::new(), |_, record| {
        let request = serde_json::from_slice(record.value.unwrap_or_default()).unwrap_or_default();
        *late.entry(minute(&request)).or_default() += 1;
    })?;
    Ok(late)
}

/// The rows of Postgres.
pub(crate) fn rows(stack: &Stack) -> Result<Counts> {
    let query = "SELECT minute || '|' || service || '|' || status, requests FROM requests_per_minute";
    let row = |row: String| {
        let (key, requests) = row.rsplit_once('|').context("no column")?;
        Ok((key.to_owned(), requests.parse()?))
    };
    stack.sql(query)?.into_iter().map(row).collect()
}

/// The samples of VictoriaMetrics.
pub(crate) fn samples(stack: &Stack) -> Result<BTreeMap<String, BTreeSet<u64>>> {
    let exported = get(stack.victoria(), "/api/v1/export?match%5B%5D=requests_per_minute")?;
    let mut samples: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for line in exported.lines().filter(|line| line.starts_with('{')) {
        let series: Value = serde_json::from_str(line)?;
        let label = |name: &str| series["metric"][name].as_str().unwrap_or_default().to_owned();
        let (times, values) = (series["timestamps"].as_array(), series["values"].as_array());
        for (time, value) in times.into_iter().flatten().zip(values.into_iter().flatten()) {
            let key = format!("{time}|{}|{}", label("service"), label("status"));
            samples.entry(key).or_default().insert(value.as_f64().unwrap_or_default() as u64);
        }
    }
    Ok(samples)
}
