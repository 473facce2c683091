//! Runs the program.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use millstream_broker::TestCluster;

/// The program with these arguments, before the cluster that all tests share: each has topics of its own.
pub(crate) fn millstream(args: &[&str]) -> Command {
    static CLUSTER: OnceLock<TestCluster> = OnceLock::new();
    let cluster = CLUSTER.get_or_init(|| TestCluster::start_blocking().unwrap());
    let mut command = bare(args);
    command.env("MILLSTREAM_BOOTSTRAP_SERVER", cluster.bootstrap());
    command
}

/// The program, before no cluster in particular.
pub(crate) fn bare(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_millstream"));
    command.args(args).env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What it wrote, having succeeded.
pub(crate) fn ok(args: &[&str]) -> String {
    let output = millstream(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What it complained about, having failed.
pub(crate) fn refused(args: &[&str]) -> String {
    let output = millstream(args).output().unwrap();
    assert!(!output.status.success(), "{args:?} succeeded: {}", text(&output.stdout));
    text(&output.stderr)
}

/// As [`ok`], as JSON.
pub(crate) fn json(args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&ok(args)).unwrap()
}

/// Runs it with this on its standard input.
pub(crate) fn fed(args: &[&str], input: &str) -> Output {
    let mut child = millstream(args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Asks a process to end, as ctrl-c (`INT`) or a service manager (`TERM`) does.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
