//! `millstream server` as a process of its own, so that it can be killed.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::process::Process;

/// A broker that can be killed and started again on the same data and port.
pub struct Server {
    data: PathBuf,
    listen: String,
    settings: Vec<String>,
    process: Option<Process>,
}

impl Server {
    /// Starts a broker on `data`, with settings of the form `key=value`, and waits until it is ready.
    pub fn start(data: &Path, settings: &[&str]) -> Result<Self> {
        // Free now, and again for each restart: nobody else asks for a port outside the range that 0 draws from.
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let settings = settings.iter().map(|setting| (*setting).to_owned()).collect();
        let mut server = Self { data: data.to_owned(), listen, settings, process: None };
        server.restart()?;
        Ok(server)
    }

    /// Starts it again, and waits until it is ready.
    pub fn restart(&mut self) -> Result<()> {
        let mut command = Command::new(millstream()?);
        command.args(["server", "--listen", &self.listen, "--data"]).arg(&self.data);
        command.args(self.settings.iter().flat_map(|setting| ["--set", setting]));
        let process = Process::spawn(&mut command)?;
        process.wait_for_line(|line| line.contains("is ready"))?;
        self.process = Some(process);
        Ok(())
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("it does not run")?.kill()
    }

    /// The process, while it runs.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// `HOST:PORT` for clients.
    pub fn bootstrap(&self) -> &str {
        &self.listen
    }
}

/// The program `millstream`, built as the tests are.
pub fn millstream() -> Result<PathBuf> {
    program("millstream")
}

/// One of our programs, built as this one is: the first time that this process asks for it.
pub fn program(name: &str) -> Result<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    // Held while it is built: whoever wants the same waits for it.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(program) = built.get(name) {
        return Ok(program.clone());
    }
    let program = build(name)?;
    built.insert(name.to_owned(), program.clone());
    Ok(program)
}

fn build(name: &str) -> Result<PathBuf> {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // As a member of the workspace: what it shares with the tests is built once.
    build.args(["build", "--quiet", "--workspace", "--bin", name]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    // Build scripts look at what cargo says of the package that it runs, and run anew for another.
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars().filter(|(name, _)| of_package(name)) {
        build.env_remove(name);
    }
    ensure!(build.status()?.success(), "{name} does not build");
    // A test is target/PROFILE/deps/it-HASH, a program target/PROFILE/NAME.
    let own = std::env::current_exe()?;
    let profile = own.ancestors().skip(1).find(|dir| !dir.ends_with("deps"));
    Ok(profile.context("this lies outside a target directory")?.join(name))
}
