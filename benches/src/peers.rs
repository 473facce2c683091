//! Apache Kafka's broker and clients, by `benches/peers`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// The runner with its arguments.
pub(crate) fn runner(args: &[&str]) -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/peers"));
    command.args(args);
    command
}

/// Runs a Java program to its end; returns what it wrote to standard output.
pub(crate) fn java(class: &str, args: &[&str]) -> Result<String> {
    output(runner(&["java", class]).args(args))
}

/// Runs a program to its end; returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("running {command:?}"))?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    ensure!(output.status.success(), "{command:?} failed\n{}{}", text(&output.stdout), text(&output.stderr));
    Ok(text(&output.stdout))
}
