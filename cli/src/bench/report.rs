//! What was measured.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::output::Row;

/// A stretch of work by this process that is being measured.
pub(super) struct Measurement {
    begun: Instant,
    cpu_seconds: f64,
}

/// How much went through in what time.
#[derive(Serialize)]
pub(super) struct Throughput {
    records: u64,
    bytes: u64,
    seconds: f64,
    records_per_s: f64,
    mib_per_s: f64,
    /// Of this process, which is the client's side alone.
    client_cpu_seconds: f64,
}

impl Measurement {
    pub(super) fn begin() -> Result<Self> {
        Ok(Self { begun: Instant::now(), cpu_seconds: cpu_seconds()? })
    }

    /// The work is done: `records` of `bytes` in keys and values altogether.
    pub(super) fn end(self, records: u64, bytes: u64) -> Result<Throughput> {
        let seconds = self.begun.elapsed().as_secs_f64();
        Ok(Throughput {
            records,
            bytes,
            seconds,
            records_per_s: records as f64 / seconds,
            mib_per_s: bytes as f64 / seconds / (1 << 20) as f64,
            client_cpu_seconds: cpu_seconds()? - self.cpu_seconds,
        })
    }
}

impl Row for Throughput {
    const COLUMNS: &[&str] = &["RECORDS", "SECONDS", "RECORDS/S", "MIB/S", "CLIENT CPU S"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.records.to_string(),
            format!("{:.2}", self.seconds),
            format!("{:.0}", self.records_per_s),
            format!("{:.1}", self.mib_per_s),
            format!("{:.2}", self.client_cpu_seconds),
        ]
    }
}

/// How long single records took, in microseconds.
#[derive(Serialize)]
pub(super) struct Latencies {
    records: usize,
    mean_us: f64,
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
}

impl Latencies {
    pub(super) fn of(mut taken: Vec<Duration>) -> Result<Self> {
        taken.sort_unstable();
        let micros = |duration: &Duration| duration.as_secs_f64() * 1e6;
        let at = |part: f64| {
            let rank = (taken.len() as f64 * part).ceil() as usize;
            taken.get(rank.saturating_sub(1)).map(micros).context("nothing was measured")
        };
        Ok(Self {
            records: taken.len(),
            mean_us: taken.iter().map(micros).sum::<f64>() / taken.len() as f64,
            p50_us: at(0.5)?,
            p99_us: at(0.99)?,
            p999_us: at(0.999)?,
            max_us: at(1.0)?,
        })
    }
}

impl Row for Latencies {
    const COLUMNS: &[&str] = &["RECORDS", "MEAN MS", "P50 MS", "P99 MS", "P99.9 MS", "MAX MS"];

    fn cells(&self) -> Vec<String> {
        let times = [self.mean_us, self.p50_us, self.p99_us, self.p999_us, self.max_us];
        let millis = times.map(|micros| format!("{:.3}", micros / 1e3));
        [self.records.to_string()].into_iter().chain(millis).collect()
    }
}

/// CPU seconds of all threads of this process, in user and system mode. USER_HZ is 100 on every Linux.
fn cpu_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat").context("reading /proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("no name in /proc/self/stat")?;
    let ticks: f64 =
        fields.split_whitespace().skip(11).take(2).filter_map(|time| time.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_records_that_came() {
        let taken = (1..=1_000).rev().map(Duration::from_micros).collect();
        let latencies = Latencies::of(taken).unwrap();
        assert_eq!((latencies.p50_us, latencies.p99_us, latencies.max_us), (500.0, 990.0, 1000.0));
        assert!(Latencies::of(Vec::new()).is_err());
    }
}
