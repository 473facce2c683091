//! A PostgreSQL server with an empty cluster of its own.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::daemon::{Daemon, Ready};
use crate::process::{PATIENCE, Process};
use crate::skip::skip;

/// Where Debian keeps the servers, a folder a version.
const SERVERS: &str = "/usr/lib/postgresql";

/// A running server, killed when this is dropped. Everybody on this machine is its superuser `postgres`.
pub struct Postgres {
    daemon: Daemon,
    /// Where its programs are.
    programs: PathBuf,
}

impl Postgres {
    /// Starts a server with `settings` (`name=value`); where none is installed, says so and returns nothing.
    pub fn start(settings: &[&str]) -> Result<Option<Self>> {
        Self::start_in(settings, |_| Ok(()))
    }

    /// `furnish` writes what the settings name into the folder of the server.
    fn start_in(settings: &[&str], furnish: impl Fn(&Path) -> Result<()>) -> Result<Option<Self>> {
        let Some(programs) = programs() else {
            skip("postgres", "it is not installed (Debian package postgresql)");
            return Ok(None);
        };
        let (program, prefix) = as_user(programs.join("postgres"));
        let arguments = |dir: &Path, address: SocketAddr| {
            let data = cluster(&programs, dir)?;
            furnish(dir)?;
            let mut arguments: Vec<OsString> = prefix.clone();
            arguments.extend(["-D".into(), data.into(), "-k".into(), dir.into()]);
            let port = address.port().to_string();
            arguments.extend(["-h".into(), "127.0.0.1".into(), "-p".into(), port.into()]);
            for setting in ["fsync=off"].iter().chain(settings) {
                arguments.extend(["-c".into(), setting.into()]);
            }
            Ok(arguments)
        };
        let server =
            Self { daemon: Daemon::start(&program, Ready::Port, arguments)?, programs: programs.clone() };
        server.wait()?;
        Ok(Some(server))
    }

    /// Where its database `postgres` is, as clients take it.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.daemon.address())
    }

    /// Starts a server as [`Postgres::start`] does, with a certificate for the address that it listens on. Returns the file of those
    /// who vouch for it, and one of others, who do not.
    pub fn start_encrypted() -> Result<Option<(Self, PathBuf, PathBuf)>> {
        if crate::daemon::find("openssl", "openssl").is_none() {
            return Ok(None);
        }
        let settings = ["ssl=on", "ssl_cert_file=../server.crt", "ssl_key_file=../server.key"];
        let Some(server) = Self::start_in(&settings, certificates)? else { return Ok(None) };
        let file = |name: &str| server.daemon.dir().join(name);
        let (vouch, others) = (file("ca.crt"), file("others.crt"));
        Ok(Some((server, vouch, others)))
    }

    /// Kills it and starts it again as a standby without a primary: it can be read, and nothing more comes.
    pub fn restart_as_standby(&mut self) -> Result<()> {
        self.kill()?;
        std::fs::write(self.daemon.dir().join("data/standby.signal"), "")?;
        self.restart()
    }

    /// The process, while it runs; sessions are its children.
    pub fn process(&self) -> Option<&Process> {
        self.daemon.process()
    }

    /// Kills it as `kill -9` does; its cluster stays.
    pub fn kill(&mut self) -> Result<()> {
        self.daemon.kill()
    }

    /// Starts it again after [`Postgres::kill`], at the same place.
    pub fn restart(&mut self) -> Result<()> {
        self.daemon.restart()?;
        self.wait()
    }

    /// Waits until it takes sessions: its port is open before.
    fn wait(&self) -> Result<()> {
        let address = self.daemon.address();
        let mut ask = Command::new(self.programs.join("pg_isready"));
        ask.args(["-q", "-h", "127.0.0.1", "-p", &address.port().to_string()]);
        let deadline = Instant::now() + PATIENCE;
        while !ask.status()?.success() {
            ensure!(Instant::now() < deadline, "PostgreSQL takes no sessions");
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// The programs of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir(SERVERS).ok()?.flatten().map(|version| version.path().join("bin"));
    versions.filter(|programs| programs.join("postgres").is_file()).max()
}

/// PostgreSQL refuses to run as root: what to run, and what comes before its arguments.
fn as_user(program: PathBuf) -> (PathBuf, Vec<OsString>) {
    if !is_root() {
        return (program, Vec::new());
    }
    let user = ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"].map(OsString::from);
    (PathBuf::from("setpriv"), user.into_iter().chain([program.into()]).collect())
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// An empty cluster in a folder, made once.
fn cluster(programs: &Path, dir: &Path) -> Result<PathBuf> {
    let data = dir.join("data");
    if is_root() {
        run(Command::new("chown").arg("postgres:postgres").arg(dir))?;
    }
    let (program, prefix) = as_user(programs.join("initdb"));
    let mut initdb = Command::new(program);
    initdb.args(prefix).arg("-D").arg(&data).args([
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--no-sync",
    ]);
    run(initdb.args(["--locale", "C"]).current_dir(dir))?;
    Ok(data)
}

/// An authority, a certificate that it has given for the loopback address, and an authority that has given none.
fn certificates(dir: &Path) -> Result<()> {
    let openssl = |arguments: &str| run(Command::new("openssl").args(arguments.split(' ')).current_dir(dir));
    for authority in ["ca", "others"] {
        openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={authority} -keyout {authority}.key -out {authority}.crt"
        ))?;
    }
    openssl("req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr")?;
    std::fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1\n")?;
    openssl(
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
    )?;
    run(Command::new("chmod").arg("600").arg(dir.join("server.key")))?;
    if is_root() {
        run(Command::new("chown")
            .arg("postgres:postgres")
            .arg(dir.join("server.key"))
            .arg(dir.join("server.crt")))?;
    }
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
