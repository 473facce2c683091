//! `cargo run --bin monitoring_etl -- --bootstrap HOST:PORT`: the topology of the monitoring ETL; `make etl-demo` runs it with
//! all that stands around it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use millstream::prelude::*;
use millstream_examples::monitoring_etl::{HEALTH, Pace, topology};

/// Reads a web server's log from its topic, counts and watches, and answers for each service on a port.
#[derive(Parser)]
struct Args {
    /// The cluster
    #[arg(long, default_value = "localhost:9092")]
    bootstrap: String,
    /// Where the state is kept
    #[arg(long, default_value = "monitoring-etl-state")]
    state: PathBuf,
    /// Where the state is asked for: `GET /stores/health/SERVICE`
    #[arg(long, default_value = "127.0.0.1:7000")]
    query_listen: String,
    /// Milliseconds of the log's time that a minute waits for what comes late
    #[arg(long, default_value_t = 30_000)]
    grace_ms: u64,
    /// Milliseconds of silence after which the minutes that are over are closed
    #[arg(long, default_value_t = 30_000)]
    silence_ms: u64,
    /// Milliseconds between commits
    #[arg(long, default_value_t = 1_000)]
    commit_interval_ms: u64,
    /// Any configuration of Kafka Streams by its name, for example --set num.stream.threads=2
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let pace =
        Pace { grace: Duration::from_millis(args.grace_ms), silence: Duration::from_millis(args.silence_ms) };
    let mut app = Streams::builder(topology(pace)?)
        .application_id("monitoring-etl")
        .bootstrap(args.bootstrap)
        .state_dir(args.state)
        .commit_interval(Duration::from_millis(args.commit_interval_ms))
        .set("topology.optimization", "all")
        .serve(HEALTH)
        .query_listen(&args.query_listen);
    for setting in &args.set {
        let (name, value) =
            setting.split_once('=').with_context(|| format!("--set {setting}: expected NAME=VALUE"))?;
        app = app.set(name, value);
    }
    Ok(app.run_blocking_until_ctrl_c()?)
}
