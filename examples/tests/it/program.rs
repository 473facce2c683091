//! The program under test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Nothing is deleted from the repartition topic, so that it can be read afterwards.
pub(crate) const KEEP_REPARTITIONED: [&str; 2] = ["--set", "repartition.purge.interval.ms=86400000"];

/// A running `word_count`; killed if a test lets it go.
pub(crate) struct Program {
    child: Child,
    /// Kept open: a program that cannot print ends.
    printed: BufReader<ChildStdout>,
}

fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_word_count"));
    command.arg("--data").arg(data).args(["--commit-interval-ms", "100"]);
    command
}

/// Runs to the end and returns what was printed.
pub(crate) fn run(data: &Path, args: &[&str]) -> String {
    let output = command(data).args(args).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "word_count {args:?} ended with {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

impl Program {
    pub(crate) fn start(data: &Path, args: &[&str]) -> Self {
        let mut child = command(data).args(args).stdout(Stdio::piped()).spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        Self { child, printed }
    }

    /// Waits until `progressed`; `false`: the program ended before.
    pub(crate) fn runs_until(&mut self, mut progressed: impl FnMut() -> bool) -> bool {
        while !progressed() {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            sleep(Duration::from_millis(1));
        }
        true
    }

    /// Kills with SIGKILL; `false`: it had ended before.
    pub(crate) fn kill(mut self) -> bool {
        let ended = self.child.try_wait().unwrap().is_some();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        !ended
    }

    /// The address of its HTTP queries, once it has printed one.
    pub(crate) fn query_address(&mut self) -> String {
        for line in (&mut self.printed).lines() {
            let line = line.unwrap();
            if let Some(url) = line.strip_prefix("GET http://") {
                return url.split('/').next().unwrap().to_owned();
            }
        }
        panic!("the program ended without an address");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
