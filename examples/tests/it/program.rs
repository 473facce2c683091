//! The program under test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

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

    /// Waits until the words written to the repartition topic fill so many bytes on disk; `false`: the program ended before.
    pub(crate) fn wait_for_progress(&mut self, data: &Path, bytes: u64) -> bool {
        while repartitioned_bytes(data) < bytes {
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

fn repartitioned_bytes(data: &Path) -> u64 {
    let Ok(partitions) = std::fs::read_dir(data.join("broker")) else { return 0 };
    let partitions = partitions.map(|entry| entry.unwrap().path());
    let ours = partitions.filter(|path| path.to_string_lossy().contains("word-counts-repartition"));
    let files = ours.filter_map(|path| std::fs::read_dir(path).ok()).flatten().map(|entry| entry.unwrap());
    files.map(|file| file.metadata().map_or(0, |file| file.len())).sum()
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
