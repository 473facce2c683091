//! Topologies over a topic that already holds all its records: what `peers.RunTopology` and `peers.Restore` do, in Rust.
//!
//! The clock and the CPU run from the start of the library to the end of its close, so that what was left in the cache is paid
//! for.

mod restore;
mod topologies;

use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use millstream::prelude::*;
use millstream_benches::process::Pid;
use serde_json::{Value, json};

use topologies::Work;

/// How often the tally is looked at.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Parser)]
struct Args {
    bootstrap: String,
    work: Work,
    /// Records that the input topic holds, or will
    records: u64,
    #[arg(long)]
    state_dir: PathBuf,
    /// Then throws the state away and restores it from this many partitions of the changelog
    #[arg(long)]
    restore: Option<usize>,
    /// Any configuration of Kafka Streams by its name
    #[arg(long = "set", value_name = "NAME=VALUE")]
    set: Vec<String>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    report(&run_to_the_end(&args)?)?;
    if let Some(partitions) = args.restore {
        std::fs::remove_dir_all(&args.state_dir)?;
        report(&restore::run(&args, partitions)?)?;
    }
    Ok(())
}

fn report(report: &Value) -> Result<()> {
    Ok(writeln!(stdout(), "{report}")?)
}

fn configured(args: &Args, state: &Path) -> Result<millstream::runtime::AppBuilder> {
    let app = Streams::builder(args.work.topology()?).application_id(args.work.to_string());
    let mut app = app.bootstrap(&args.bootstrap).state_dir(state);
    for setting in &args.set {
        let (name, value) =
            setting.split_once('=').with_context(|| format!("--set {setting}: expected NAME=VALUE"))?;
        app = app.set(name, value);
    }
    Ok(app)
}

fn run_to_the_end(args: &Args) -> Result<Value> {
    let begun = Instant::now();
    let app = configured(args, &args.state_dir)?.start_blocking()?;
    while app.metrics().records < args.records {
        ensure!(!app.state().is_final(), "the application has stopped");
        std::thread::sleep(LOOK);
    }
    let seconds = begun.elapsed().as_secs_f64();
    close(app)?;
    let me = Pid(std::process::id());
    Ok(json!({
        "records": args.records,
        "seconds": seconds,
        "seconds_with_close": begun.elapsed().as_secs_f64(),
        "cpu_seconds": me.cpu_seconds()?,
        "peak_memory_mib": me.peak_memory_mib()?,
    }))
}

fn close(app: Streams) -> Result<()> {
    Ok(tokio::runtime::Builder::new_current_thread().build()?.block_on(app.close())?)
}
