//! How much work is done; each by an option or its environment variable.

use clap::Args;

#[derive(Args)]
pub(crate) struct Knobs {
    /// Times that each side does the work
    #[arg(long, env = "BENCH_ROUNDS", default_value_t = 3)]
    pub(crate) rounds: usize,
    /// MiB of payload produced or consumed per run, at each record size
    #[arg(long, env = "BENCH_MIB", default_value_t = 512)]
    pub(crate) mib: u64,
    /// Records measured for latency
    #[arg(long, env = "BENCH_LATENCY_RECORDS", default_value_t = 10_000)]
    pub(crate) latency_records: u64,
    /// Records a second while latency is measured
    #[arg(long, env = "BENCH_LATENCY_RATE", default_value_t = 500)]
    pub(crate) latency_rate: u64,
    /// Times that the words of the novel are counted
    #[arg(long, env = "BENCH_NOVELS", default_value_t = 50)]
    pub(crate) novels: u64,
}

impl Knobs {
    /// Records of `size` bytes that make up a run.
    pub(crate) fn records(&self, size: u64) -> u64 {
        self.mib * 1024 * 1024 / size
    }

    /// GiB of payload in a run of records of `size` bytes.
    pub(crate) fn gib(&self, size: u64) -> f64 {
        (self.records(size) * size) as f64 / (1u64 << 30) as f64
    }
}
