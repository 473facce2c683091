use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use millstream_tests::daemon::find;

/// Debian's logrotate with a configuration of one file.
pub(crate) struct Logrotate {
    program: PathBuf,
    config: PathBuf,
}

impl Logrotate {
    /// For a log in a directory of a directory of the test's own, with what its section says. `None`: it is not installed, which is said.
    pub(crate) fn of(log: &Path, directives: &[&str]) -> Result<Option<Self>> {
        let Some(program) = find("logrotate", "logrotate") else { return Ok(None) };
        let directory = log.parent().context("no directory")?;
        let config = directory.with_file_name("logrotate.conf");
        let lines: Vec<String> = directives.iter().map(|directive| format!("  {directive}\n")).collect();
        fs::write(&config, format!("{} {{\n  rotate 5\n  missingok\n{}}}\n", log.display(), lines.concat()))?;
        // It refuses what others can write.
        fs::set_permissions(&config, fs::Permissions::from_mode(0o644))?;
        fs::set_permissions(directory, fs::Permissions::from_mode(0o755))?;
        Ok(Some(Self { program, config }))
    }

    /// Rotates.
    pub(crate) fn run(&self) -> Result<()> {
        let state = self.config.with_extension("state");
        let output = Command::new(&self.program)
            .arg("--force")
            .arg("--state")
            .arg(state)
            .arg(&self.config)
            .output()?;
        ensure!(output.status.success(), "logrotate: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}
