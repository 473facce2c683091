//! Python programs from PyPI, each set in an environment of its own outside the checkout.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process::Process;
use crate::skip::skip;

/// Pinned: a judge that changes under the tests is none.
const REQUIREMENTS: [&str; 4] =
    ["kafka-python==3.0.12", "lz4==4.4.5", "python-snappy==0.7.3", "zstandard==0.25.0"];

/// A Python that has what was asked for, kafka-python for one.
pub struct Python {
    program: PathBuf,
}

impl Python {
    /// Installs kafka-python where it is not yet; without Python here, says so and returns nothing.
    pub fn find() -> Result<Option<Self>> {
        Self::with("python", &REQUIREMENTS)
    }

    /// Installs `requirements` into an environment of that name where they are not yet; without Python here, says so and
    /// returns nothing.
    pub fn with(name: &str, requirements: &[&str]) -> Result<Option<Self>> {
        let venv_works = Command::new("python3").args(["-c", "import venv, ensurepip"]).output();
        if !venv_works.is_ok_and(|output| output.status.success()) {
            skip("python", "python3 has no venv (Debian package python3-venv)");
            return Ok(None);
        }
        let home = crate::cluster::cache().join(name);
        fs::create_dir_all(&home)?;
        let program = home.join("bin/python");
        let lock = File::create(home.join(".lock"))?;
        lock.lock()?;
        let (done, wanted) = (home.join(".done"), requirements.join("\n"));
        if fs::read_to_string(&done).ok().as_deref() != Some(&wanted) {
            succeed(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
            succeed(Command::new(&program).args(["-m", "pip", "install", "--quiet"]).args(requirements))?;
            fs::write(done, wanted)?;
        }
        Ok(Some(Self { program }))
    }

    /// Starts `source`, which finds its arguments in `sys.argv`.
    pub fn start(&self, source: &str, args: &[&str]) -> Result<Process> {
        Process::spawn(Command::new(&self.program).args(["-u", "-c", source]).args(args))
    }

    /// Runs `source` to its end and returns the lines it wrote.
    pub fn run(&self, source: &str, args: &[&str]) -> Result<Vec<String>> {
        self.start(source, args)?.finish()
    }
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
