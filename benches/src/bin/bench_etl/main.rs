//! `make bench-etl`: what a line costs on its way through the whole monitoring ETL, and how long it takes.
//!
//! The last line of the output is a JSON object. There is no peer: nobody else has the whole chain.

mod delay;
mod throughput;

use std::io::Write;

use anyhow::{Result, bail};
use clap::Parser;
use millstream_tests::etl::Stack;
use serde_json::{Map, Value, json};

/// The lines of a real log with which every log here begins.
const REAL: &str = include_str!("../../../../examples/data/apache_access.log");

#[derive(Parser)]
struct Knobs {
    /// Lines written at once
    #[arg(long, env = "BENCH_ETL_LINES", default_value_t = 200_000)]
    lines: usize,
    /// Seconds over which lines are written whose delay is measured
    #[arg(long, env = "BENCH_ETL_SECONDS", default_value_t = 60)]
    seconds: u32,
}

/// What was measured, in the order in which it was.
#[derive(Default)]
struct Figures(Map<String, Value>);

impl Figures {
    fn add(&mut self, name: &str, value: f64) {
        progress(&format!("  {name}: {value:.3}"));
        self.0.insert(name.to_owned(), json!(value));
    }
}

fn main() -> Result<()> {
    let (knobs, mut figures) = (Knobs::parse(), Figures::default());
    throughput::measure(&stack(&[])?, knobs.lines, &mut figures)?;
    let grace = (delay::GRACE_S * 1_000).to_string();
    delay::measure(&stack(&["--grace-ms", &grace])?, knobs.seconds, &mut figures)?;
    writeln!(std::io::stdout(), "{}", Value::Object(figures.0))?;
    Ok(())
}

fn stack(app_arguments: &[&str]) -> Result<Stack> {
    match Stack::start(app_arguments, progress)? {
        Some(stack) => Ok(stack),
        None => bail!("a server is missing: `make needs judges` installs them"),
    }
}

/// Tells whoever watches; the result alone goes to standard output.
fn progress(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
