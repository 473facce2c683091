//! What every process tells of itself, under the names that Prometheus's own clients use.

use std::fs;

use crate::{Labels, Page};

/// Units of processor time in `/proc`, a second: part of Linux's interface on every machine that we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Memory, processor time, open files and the start of this process: names that begin with `process_`, to be written once on a
/// page. What the system does not tell is left out; without Linux that is everything.
#[must_use]
pub fn process() -> String {
    let mut page = Page::new("process_");
    let mut one = |counts: bool, name: &str, help: &str, value: Option<f64>| {
        let sample = value.map(|value| (Labels::none(), value));
        if counts { page.counter(name, help, sample) } else { page.gauge(name, help, sample) }
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let system = fs::read_to_string("/proc/stat").unwrap_or_default();
    one(true, "cpu_seconds_total", "Processor time of all threads, user and system", cpu_seconds(&stat));
    one(false, "resident_memory_bytes", "Memory that is in use", kib(&status, "VmRSS:"));
    one(false, "virtual_memory_bytes", "Memory that is mapped", kib(&status, "VmSize:"));
    one(false, "start_time_seconds", "When it was started, since 1970", started(&stat, &system));
    let open = fs::read_dir("/proc/self/fd").ok().map(|open| open.count().saturating_sub(1) as f64);
    one(false, "open_fds", "Open files and sockets", open);
    one(false, "max_fds", "How many files and sockets may be open", max_files(&limits));
    page.into_text()
}

/// The fields of `/proc/self/stat` behind the name, which may hold anything: the first is the third of the manual.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    fields.split(' ').nth(number.checked_sub(3)?)?.trim().parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS_PER_SECOND)
}

fn started(stat: &str, system: &str) -> Option<f64> {
    let boot: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + field(stat, 22)? / TICKS_PER_SECOND)
}

fn kib(status: &str, name: &str) -> Option<f64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(value.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()? * 1024.0)
}

fn max_files(limits: &str) -> Option<f64> {
    let row = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    row.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let stat = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 9 0 1200 1000 20";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(started(stat, "cpu 1\nbtime 1000\n"), Some(1012.0));
        assert_eq!(kib("VmSize:\t  10 kB\nVmRSS:\t   2 kB\n", "VmRSS:"), Some(2048.0));
        assert_eq!(max_files("Max open files            1024                 4096    files"), Some(1024.0));
        assert_eq!((cpu_seconds("nonsense"), max_files("Max open files  unlimited")), (None, None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_told() {
        let (samples, _) = crate::read(&process()).unwrap();
        assert_eq!(samples.len(), 6);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - samples["process_start_time_seconds"];
        assert!((-2.0..86_400.0).contains(&age), "it was started {age} s ago");
        assert!(samples["process_resident_memory_bytes"] > 100_000.0);
        assert!(
            samples["process_open_fds"] >= 3.0 && samples["process_open_fds"] < samples["process_max_fds"]
        );
    }
}
