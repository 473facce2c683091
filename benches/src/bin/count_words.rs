//! The word count of `examples/` over a topic that already holds all its lines: what `peers.WordCount` does, in Rust.
//!
//! The clock runs from the start of the library to the end of its close, so that what was left in the cache is paid for.

use std::io::{Write, stdout};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use millstream::prelude::*;
use millstream_benches::process::Pid;
use millstream_examples::word_count::topology;
use serde_json::json;

/// How often the tally is looked at.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Parser)]
struct Args {
    bootstrap: String,
    /// Lines that the input topic holds
    lines: u64,
    /// Words in them
    words: u64,
    #[arg(long)]
    commit_interval_ms: u64,
    #[arg(long)]
    state_dir: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let begun = Instant::now();
    let app = Streams::builder(topology()?)
        .application_id("count-words")
        .bootstrap(&args.bootstrap)
        .state_dir(&args.state_dir)
        .commit_interval(Duration::from_millis(args.commit_interval_ms))
        .start_blocking()?;
    // A line passes one task and each of its words another.
    while app.metrics().records < args.lines + args.words {
        ensure!(!app.state().is_final(), "the application has stopped");
        std::thread::sleep(LOOK);
    }
    let counted = begun.elapsed();
    tokio::runtime::Builder::new_current_thread().build()?.block_on(app.close())?;
    let me = Pid(std::process::id());
    let report = json!({
        "words": args.words,
        "seconds": counted.as_secs_f64(),
        "seconds_with_close": begun.elapsed().as_secs_f64(),
        "cpu_seconds": me.cpu_seconds()?,
        "peak_memory_mib": me.peak_memory_mib()?,
    });
    Ok(writeln!(stdout(), "{report}")?)
}
