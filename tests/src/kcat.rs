//! kcat, which is librdkafka at a shell: Debian's is of 2022, and must be served as well as the newest.

use std::process::Command;

use anyhow::Result;

use crate::process::Process;
use crate::skip::skip;

/// kcat, pointed at a cluster.
pub struct Kcat {
    bootstrap: String,
}

impl Kcat {
    /// kcat for the cluster at `bootstrap`; without kcat here, says so and returns nothing.
    pub fn find(bootstrap: &str) -> Option<Self> {
        if Command::new("kcat").arg("-V").output().is_err() {
            skip("kcat", "kcat is not installed (Debian package kcat)");
            return None;
        }
        Some(Self { bootstrap: bootstrap.to_owned() })
    }

    /// Starts kcat with arguments divided by spaces.
    pub fn start(&self, args: &str) -> Result<Process> {
        Process::spawn(Command::new("kcat").args(["-b", &self.bootstrap]).args(args.split(' ')))
    }

    /// Runs kcat to its end on `input` and returns the lines it wrote.
    pub fn run(&self, args: &str, input: &str) -> Result<Vec<String>> {
        let mut kcat = self.start(args)?;
        kcat.write(input)?;
        kcat.finish()
    }
}
