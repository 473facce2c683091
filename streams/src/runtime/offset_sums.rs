//! How far the state of each task of this process has come, for the group's leader: it has nothing else to judge by.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use parking_lot::Mutex;

use super::StateDirectory;
use crate::task::{Standing, TaskId};

/// The file beside a task's stores: a number in decimal digits.
const FILE: &str = "offset-sum";

/// Offsets that a store may be ahead of the file while it is open (Kafka's `OFFSET_DELTA_THRESHOLD_FOR_CHECKPOINT`).
const WRITE_EVERY: u64 = 10_000;

/// By task the sum of the changelog offsets that its stores stand at (KIP-441), as far as the disk has them.
///
/// A hint, and nothing that a store relies on: after a crash the file is behind the stores or, where RocksDB had yet to write, a
/// little ahead of them.
#[derive(Debug)]
pub(crate) struct OffsetSums {
    directory: Arc<StateDirectory>,
    /// A lock of std's kind: held for a look, and for a small file now and then.
    known: Mutex<BTreeMap<TaskId, Sum>>,
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    now: i64,
    in_file: i64,
}

impl OffsetSums {
    pub(crate) fn new(directory: Arc<StateDirectory>) -> Arc<Self> {
        Arc::new(Self { directory, known: Mutex::default() })
    }

    /// How far an open task is now.
    pub(crate) fn advance(&self, task: TaskId, Standing { offset_sum, on_disk }: Standing) {
        self.note(task, offset_sum, on_disk, |known| known.abs_diff(on_disk) >= WRITE_EVERY);
    }

    /// How far a task was when it was closed.
    pub(crate) fn close(&self, task: TaskId, Standing { on_disk, .. }: Standing) {
        self.note(task, on_disk, on_disk, |known| known != on_disk);
    }

    fn note(&self, task: TaskId, now: i64, on_disk: i64, is_worth_writing: impl Fn(i64) -> bool) {
        let mut known = self.known.lock();
        let in_file = known.get(&task).map_or_else(|| self.read(task), |known| known.in_file);
        let write = is_worth_writing(in_file);
        if write && let Err(error) = self.write(task, on_disk) {
            tracing::warn!(%task, %error, "the group will believe that less of this task's state is here");
        }
        known.insert(task, Sum { now, in_file: if write { on_disk } else { in_file } });
    }

    /// What there is of every task that has a directory.
    pub(crate) fn all(&self) -> BTreeMap<TaskId, i64> {
        let tasks = self.directory.tasks().unwrap_or_else(|error| {
            tracing::warn!(%error, "joining the group without saying what state is here");
            Vec::new()
        });
        let mut known = self.known.lock();
        known.retain(|task, _| tasks.contains(task));
        let sum = |task: TaskId| known.get(&task).map_or_else(|| self.read(task), |sum| sum.now);
        tasks.into_iter().map(|task| (task, sum(task))).collect()
    }

    /// What the file says; nothing is 0.
    fn read(&self, task: TaskId) -> i64 {
        let path = self.directory.path_of(task).join(FILE);
        let text = fs::read_to_string(path).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    /// Written aside and renamed: a crash leaves the old sum or the new one.
    fn write(&self, task: TaskId, sum: i64) -> std::io::Result<()> {
        let path = self.directory.path_of(task).join(FILE);
        let aside = path.with_extension("tmp");
        fs::write(&aside, sum.to_string())?;
        fs::rename(aside, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TASK: TaskId = TaskId { subtopology: 0, partition: 1 };
    const OTHER: TaskId = TaskId { subtopology: 0, partition: 2 };

    fn at(sum: i64) -> Standing {
        Standing { offset_sum: sum, on_disk: sum }
    }

    #[test]
    fn what_was_closed_is_known_to_the_next_process_and_what_was_killed_roughly() {
        let root = tempfile::tempdir().unwrap();
        let process = || OffsetSums::new(Arc::new(StateDirectory::open(root.path(), "app").unwrap()));
        let first = process();
        assert_eq!(first.all(), BTreeMap::new());
        for task in [TASK, OTHER] {
            first.directory.task(task).unwrap();
            first.advance(task, at(3));
        }
        assert_eq!(first.all(), [(TASK, 3), (OTHER, 3)].into());
        first.advance(OTHER, at(20_000));
        first.advance(OTHER, at(20_001));
        first.close(TASK, at(7));
        drop(first);
        let second = process();
        assert_eq!(second.all(), [(TASK, 7), (OTHER, 20_000)].into());
        // A store that was emptied stands lower.
        second.close(OTHER, at(5));
        drop(second);
        assert_eq!(process().all()[&OTHER], 5);
    }

    #[test]
    fn what_is_in_memory_counts_while_it_is_there() {
        let root = tempfile::tempdir().unwrap();
        let directory = Arc::new(StateDirectory::open(root.path(), "app").unwrap());
        directory.task(TASK).unwrap();
        let sums = OffsetSums::new(directory);
        sums.advance(TASK, Standing { offset_sum: 30_000, on_disk: 10_000 });
        assert_eq!(sums.all()[&TASK], 30_000);
        assert_eq!(sums.read(TASK), 10_000);
        sums.close(TASK, Standing { offset_sum: 30_001, on_disk: 10_001 });
        assert_eq!(sums.all()[&TASK], 10_001);
    }

    #[test]
    fn what_was_removed_is_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let directory = Arc::new(StateDirectory::open(root.path(), "app").unwrap());
        let sums = OffsetSums::new(Arc::clone(&directory));
        let path = directory.task(TASK).unwrap();
        sums.close(TASK, at(7));
        fs::remove_dir_all(path).unwrap();
        assert_eq!(sums.all(), BTreeMap::new());
        directory.task(TASK).unwrap();
        assert_eq!(sums.all(), [(TASK, 0)].into());
    }
}
