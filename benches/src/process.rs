//! What a process has taken of the machine, from /proc.

use std::fs;

use anyhow::{Context, Result};

/// Unit of the times in /proc/PID/stat: USER_HZ is 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A running process.
#[derive(Clone, Copy)]
pub struct Pid(pub u32);

/// What /proc/PID/stat says.
struct Stat {
    parent: u32,
    /// Ticks in user and system mode.
    own: [f64; 2],
    /// The same of its children that have ended.
    waited_for: [f64; 2],
}

impl Pid {
    /// CPU seconds of all its threads since it began, in user and system mode.
    pub fn cpu_seconds(self) -> Result<f64> {
        let stat = self.stat()?;
        Ok((stat.own[0] + stat.own[1]) / TICKS_PER_SECOND)
    }

    /// The same of it, of the processes that it has started, and of theirs, whether they still run or not.
    pub fn family_cpu_seconds(self) -> Result<f64> {
        let stat = self.stat()?;
        let mut seconds = stat.own.iter().chain(&stat.waited_for).sum::<f64>() / TICKS_PER_SECOND;
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).map(Pid) else {
                continue;
            };
            // One that has ended meanwhile is its parent's.
            if pid.stat().is_ok_and(|stat| stat.parent == self.0) {
                seconds += pid.family_cpu_seconds().unwrap_or(0.0);
            }
        }
        Ok(seconds)
    }

    fn stat(self) -> Result<Stat> {
        let stat = self.read("stat")?;
        // The second field is the program's name in brackets and may hold anything, blanks too.
        let (_, fields) = stat.rsplit_once(')').context("no name in /proc/PID/stat")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let field = |at: usize| fields.get(at).context("a field is missing in /proc/PID/stat");
        let ticks = |at| Ok::<f64, anyhow::Error>(field(at)?.parse()?);
        let (own, waited_for) = ([ticks(11)?, ticks(12)?], [ticks(13)?, ticks(14)?]);
        Ok(Stat { parent: field(1)?.parse()?, own, waited_for })
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

    #[test]
    fn a_childs_time_is_its_parents_while_it_runs_and_afterwards() {
        let me = Pid(std::process::id());
        let before = me.family_cpu_seconds().unwrap() - me.cpu_seconds().unwrap();
        let mut child = std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let childs = || me.family_cpu_seconds().unwrap() - me.cpu_seconds().unwrap() - before;
        while childs() < 0.05 {}
        child.kill().unwrap();
        child.wait().unwrap();
        // What is read one after the other differs by a tick or two; time that was lost would leave none.
        assert!(childs() >= 0.02, "{}", childs());
    }
}
