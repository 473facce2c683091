//! What a process has taken of the machine, from /proc.

use std::fs;

use anyhow::{Context, Result};

/// Unit of the times in /proc/PID/stat: USER_HZ is 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running process.
#[derive(Clone, Copy)]
pub struct Pid(pub u32);

impl Pid {
    /// CPU seconds of all its threads since it began, in user and system mode.
    pub fn cpu_seconds(self) -> Result<f64> {
        let stat = self.read("stat")?;
        // The second field is the program's name in brackets and may hold anything, blanks too.
        let (_, fields) = stat.rsplit_once(')').context("no name in /proc/PID/stat")?;
        let mut times = fields.split_whitespace().skip(11).map(str::parse::<f64>);
        let mut next = || times.next().context("no times in /proc/PID/stat");
        Ok((next()?? + next()??) / TICKS_PER_SECOND)
    }

    /// MiB resident now.
    pub fn memory_mib(self) -> Result<f64> {
        self.status("VmRSS:")
    }

    /// The most MiB that were resident at once.
    pub fn peak_memory_mib(self) -> Result<f64> {
        self.status("VmHWM:")
    }

    fn status(self, field: &str) -> Result<f64> {
        let status = self.read("status")?;
        let kib = status.lines().find_map(|line| line.strip_prefix(field)?.split_whitespace().next());
        Ok(kib.context("no such field in /proc/PID/status")?.parse::<f64>()? / 1024.0)
    }

    fn read(self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.0);
        fs::read_to_string(&path).with_context(|| format!("reading {path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_spends_time() {
        let me = Pid(std::process::id());
        assert!(me.memory_mib().unwrap() > 0.5);
        assert!(me.peak_memory_mib().unwrap() >= me.memory_mib().unwrap() / 2.0);
        let before = me.cpu_seconds().unwrap();
        while me.cpu_seconds().unwrap() == before {}
    }
}
