//! A control group of its own for one process, by the first or the second version of the interface.

use std::fs;
use std::path::{Path, PathBuf};

/// Limits the memory of a process until this is dropped, after the process.
#[derive(Debug)]
pub(super) struct Limit {
    group: PathBuf,
}

impl Limit {
    /// Puts a process into a group whose memory is limited to so many bytes; the text says why there is none.
    pub(super) fn of(process: u32, bytes: u64) -> Result<Self, String> {
        let groups = Path::new("/sys/fs/cgroup");
        let (parent, file) = if groups.join("memory/memory.limit_in_bytes").exists() {
            (groups.join("memory"), "memory.limit_in_bytes")
        } else {
            (own_group(groups), "memory.max")
        };
        let group = parent.join(format!("millstream-test-{process}"));
        let tried =
            |result: std::io::Result<()>| result.map_err(|error| format!("{}: {error}", group.display()));
        tried(fs::create_dir(&group))?;
        let limit = Self { group: group.clone() };
        tried(fs::write(group.join(file), bytes.to_string()))?;
        tried(fs::write(group.join("cgroup.procs"), process.to_string()))?;
        Ok(limit)
    }
}

/// Where this process is, in the second version.
fn own_group(groups: &Path) -> PathBuf {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"));
    groups.join(path.unwrap_or_default())
}

impl Drop for Limit {
    fn drop(&mut self) {
        // A group that is not empty stays; the process ends with the test all the same.
        let _ = fs::remove_dir(&self.group);
    }
}
