//! Apache Kafka's own tools and programs on its own clients, by `benches/peers`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::Process;
use crate::skip::skip;

/// Apache Kafka's jars and the programs of `benches/peers`, pointed at a cluster.
pub struct Java {
    bootstrap: String,
}

impl Java {
    /// Apache Kafka's clients for the cluster at `bootstrap`; without Java and Maven here, says so and returns nothing.
    pub fn find(bootstrap: &str) -> Option<Self> {
        is_here().then(|| Self { bootstrap: bootstrap.to_owned() })
    }

    /// Starts one of Kafka's tools, e.g. `org.apache.kafka.tools.TopicCommand`, with arguments divided by spaces.
    pub fn start(&self, tool: &str, args: &str) -> Result<Process> {
        Process::spawn(
            peers().args(["java", tool, "--bootstrap-server", &self.bootstrap]).args(args.split(' ')),
        )
    }

    /// Starts a program of Kafka's that is told all it needs by its arguments.
    pub fn main(class: &str, args: &[&str]) -> Result<Process> {
        Process::spawn(peers().args(["java", class]).args(args))
    }

    /// Runs one of Kafka's tools to its end on `input` and returns the lines it wrote.
    pub fn run(&self, tool: &str, args: &str, input: &str) -> Result<Vec<String>> {
        let mut process = self.start(tool, args)?;
        process.write(input)?;
        process.finish()
    }

    /// Runs a program of `benches/peers` to its end; the bootstrap address is put before `args`.
    pub fn program(&self, class: &str, args: &[&str]) -> Result<Vec<String>> {
        Process::spawn(peers().args(["java", class, &self.bootstrap]).args(args))?.finish()
    }
}

/// Runs a program of the Java sources in `folder` on `input`, beside Apache Kafka's jars, and returns the lines it wrote;
/// without Java and Maven here, says so and returns nothing.
pub fn run_sources(folder: &Path, class: &str, input: &str) -> Result<Option<Vec<String>>> {
    if !is_here() {
        return Ok(None);
    }
    let mut process = Process::spawn(peers().arg("run").arg(folder).arg(class))?;
    process.write(input)?;
    process.finish().map(Some)
}

/// Whether Java and Maven are installed.
pub(crate) fn is_installed() -> bool {
    let present = |program: &str| Command::new(program).arg("--version").output().is_ok();
    present("javac") && present("mvn")
}

/// Whether Java and Maven are installed; says so if not.
pub(crate) fn is_here() -> bool {
    let here = is_installed();
    if !here {
        skip("java", "Java or Maven is not installed (Debian packages default-jdk-headless maven)");
    }
    here
}

/// The runner of `benches/peers`.
pub(crate) fn peers() -> Command {
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/peers/peers"));
    // Several run at once, none of which holds much.
    command.env("PEERS_HEAP", "256m").env("MILLSTREAM_CACHE", crate::cluster::cache());
    command
}
