//! `cargo run --bin monitoring_etl -- --bootstrap HOST:PORT`: the topology of the monitoring ETL; `make etl-demo` runs it with
//! all that stands around it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use millstream::prelude::*;
use millstream_examples::monitoring_etl::{HEALTH, PATHS, Pace, paths, topology};

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
    /// Count the requests of each path instead, from the topic of requests: as they come, or combined before they are shuffled
    #[arg(long, value_name = "HOW")]
    paths: Option<Shuffle>,
    /// Any configuration of Kafka Streams by its name, for example --set num.stream.threads=2
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
}

/// How requests come to whoever counts their path.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Shuffle {
    /// Each by itself
    Plain,
    /// What was read of a path between two commits, as one record
    Combined,
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
    let (name, topology) = match args.paths {
        None => ("monitoring-etl", topology(pace)?),
        Some(Shuffle::Plain) => ("paths-plain", paths(false)?),
        Some(Shuffle::Combined) => ("paths-combined", paths(true)?),
    };
    let app = Streams::builder(topology);
    let app = if args.paths.is_none() { app.serve(HEALTH) } else { app.serve(PATHS) };
    let mut app = app
        .application_id(name)
        .bootstrap(args.bootstrap)
        .state_dir(args.state)
        .commit_interval(Duration::from_millis(args.commit_interval_ms))
        .set("topology.optimization", "all")
        .query_listen(&args.query_listen);
    for setting in &args.set {
        let (name, value) =
            setting.split_once('=').with_context(|| format!("--set {setting}: expected NAME=VALUE"))?;
        app = app.set(name, value);
    }
    Ok(app.run_blocking_until_ctrl_c()?)
}
