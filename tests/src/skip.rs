//! Tests that need a tool which is not here say so; `.ci/run` fails on what is not listed in `.ci/skips`.

use std::io::Write;

/// Says that what the running test tests is skipped for the lack of `tool`.
///
/// Written past the test harness, which swallows what a passing test prints.
pub fn skip(tool: &str, why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("\nSKIPPED: {tool}: {test} because {why}\n");
    // There is nowhere to report that standard error is closed.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
