//! Servers that we did not write, each run for one test: on a loopback port, in a directory that goes with it.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::process::{PATIENCE, Process};
use crate::skip::skip;

/// How often a server is started anew because somebody took its port before it did.
const STARTS_MAX: usize = 5;

/// When a server counts as started.
#[derive(Debug, Clone, Copy)]
pub enum Ready {
    /// Once it accepts connections.
    Port,
    /// Once it answers a GET of this path with 200.
    Http(&'static str),
}

/// A running server, killed when this is dropped.
pub struct Daemon {
    // Before the directory: it is gone when the files go.
    process: Option<Process>,
    command: Command,
    ready: Ready,
    address: SocketAddr,
    dir: TempDir,
}

/// Where `program` of Debian's `package` is; where it is not, says that the test is skipped.
pub fn find(program: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // The servers among Debian's programs are not on everybody's path.
    let dirs = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    let found = dirs.map(|dir| dir.join(program)).find(|file| file.is_file());
    if found.is_none() {
        skip(program, &format!("it is not installed (Debian package {package})"));
    }
    found
}

/// A loopback address that nobody listens on now.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

impl Daemon {
    /// Starts `program` with what `arguments` makes of its directory, which is empty and its working directory, and of
    /// the address it shall listen on; waits until it is ready. `arguments` may write files into the directory.
    pub fn start(
        program: &Path,
        ready: Ready,
        arguments: impl Fn(&Path, SocketAddr) -> Result<Vec<OsString>>,
    ) -> Result<Self> {
        for _ in 1..STARTS_MAX {
            if let Ok(daemon) = Self::attempt(program, ready, &arguments) {
                return Ok(daemon);
            }
        }
        Self::attempt(program, ready, &arguments)
    }

    fn attempt(
        program: &Path,
        ready: Ready,
        arguments: &impl Fn(&Path, SocketAddr) -> Result<Vec<OsString>>,
    ) -> Result<Self> {
        let (dir, address) = (tempfile::tempdir()?, free_address()?);
        let mut command = Command::new(program);
        command.args(arguments(dir.path(), address)?).current_dir(dir.path());
        let mut daemon = Self { process: None, command, ready, address, dir };
        daemon.restart()?;
        Ok(daemon)
    }

    /// Starts it again after [`Daemon::kill`], on the same address and directory, and waits until it is ready.
    pub fn restart(&mut self) -> Result<()> {
        let mut process = Process::spawn(&mut self.command)?;
        let deadline = Instant::now() + PATIENCE;
        while !self.is_ready() {
            if !process.is_running() {
                process.finish()?;
                bail!("{:?} ended before it was ready", self.command);
            }
            ensure!(Instant::now() < deadline, "{:?} is not ready\n{}", self.command, process.describe());
            thread::sleep(Duration::from_millis(20));
        }
        self.process = Some(process);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        match self.ready {
            Ready::Port => TcpStream::connect(self.address).is_ok(),
            Ready::Http(path) => get(self.address, path).is_ok(),
        }
    }

    /// Kills it as `kill -9` does.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("it does not run")?.kill()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The process, for what it writes.
    pub fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// `http://HOST:PORT` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// The body with which the server at `address` answers a GET of `path`; an error where it answers with anything but 200.
pub fn get(address: SocketAddr, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // 1.0: the answer ends where the connection does, and is never chunked.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("no HTTP answer")?;
    ensure!(head.split(' ').nth(1) == Some("200"), "GET {path}: {answer}");
    Ok(body.to_owned())
}

/// A text for a query string.
pub fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
