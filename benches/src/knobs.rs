//! How much work is done; each by an option or its environment variable.

use clap::Args;

use crate::node::Side;

#[derive(Args)]
pub(crate) struct Knobs {
    /// Times that each side does the work
    #[arg(long, env = "BENCH_ROUNDS", default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Who does it
    #[arg(long, env = "BENCH_SIDES", value_enum, value_delimiter = ',', default_values_t = Side::ALL.to_vec())]
    pub(crate) sides: Vec<Side>,
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
    /// Records that the chain of stateless operators reads
    #[arg(long, env = "BENCH_STATELESS_RECORDS", default_value_t = 10_000_000)]
    pub(crate) stateless_records: u64,
    /// Distinct keys of the aggregate and of the table
    #[arg(long, env = "BENCH_KEYS", default_value_t = 3_000_000)]
    pub(crate) keys: u64,
    /// Bytes of each value of the table
    #[arg(long, env = "BENCH_VALUE_BYTES", default_value_t = 100)]
    pub(crate) value_bytes: usize,
    /// Partitions of the table
    #[arg(long, env = "BENCH_TABLE_PARTITIONS", default_value_t = 1)]
    pub(crate) table_partitions: i32,
    /// Events that are counted in windows
    #[arg(long, env = "BENCH_EVENTS", default_value_t = 5_000_000)]
    pub(crate) events: u64,
    /// Rows that go into PostgreSQL
    #[arg(long, env = "BENCH_ROWS", default_value_t = 300_000)]
    pub(crate) rows: u64,
    /// Records a second while the latency of a topology is measured: half of what the peer keeps up with
    #[arg(long, env = "BENCH_STREAM_RATE", default_value_t = 30_000)]
    pub(crate) stream_rate: u64,
    /// Seconds for which it is measured
    #[arg(long, env = "BENCH_STREAM_SECONDS", default_value_t = 20)]
    pub(crate) stream_seconds: u64,
    /// Lines that Connect moves from file to file
    #[arg(long, env = "BENCH_LINES", default_value_t = 500_000)]
    pub(crate) lines: u64,
    /// Documents that go into OpenSearch: of 500,000 a run that takes a second longer has an eleventh segment, and with it the
    /// server's first merge, a sixth more of its CPU
    #[arg(long, env = "BENCH_DOCUMENTS", default_value_t = 2_000_000)]
    pub(crate) documents: u64,
    /// Documents in a bulk request
    #[arg(long, env = "BENCH_BULK", default_value_t = 2_000)]
    pub(crate) bulk: usize,
    /// Bulk requests under way
    #[arg(long, env = "BENCH_BULKS_IN_FLIGHT", default_value_t = 5)]
    pub(crate) bulks_in_flight: usize,
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
