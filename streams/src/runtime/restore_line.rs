//! Restores as one line for people to watch.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr};
use std::time::Duration;

use parking_lot::Mutex;

use super::worker::RestoreProgress;
use crate::task::TaskId;

/// A listener that draws on standard error; nothing where that is no terminal.
pub(super) fn on_stderr() -> impl Fn(&RestoreProgress) + Send + Sync + 'static {
    // Threads report seldom; the lock also keeps their lines apart.
    let line = stderr().is_terminal().then(Mutex::<RestoreLine>::default);
    move |progress| {
        if let Some(line) = &line {
            // A terminal that is gone has nobody to tell.
            let _ = stderr().write_all(line.lock().update(progress).as_bytes());
        }
    }
}

/// What is known of the restores that are under way.
#[derive(Debug, Default)]
struct RestoreLine {
    open: BTreeMap<(TaskId, String), RestoreProgress>,
    /// Of the restores since nothing was open.
    finished: Totals,
}

#[derive(Debug, Default, Clone, Copy)]
struct Totals {
    records: u64,
    elapsed: Duration,
}

impl Totals {
    fn and(self, progress: &RestoreProgress) -> Self {
        Self { records: self.records + progress.records, elapsed: self.elapsed.max(progress.elapsed) }
    }

    fn rate(self) -> f64 {
        self.records as f64 / self.elapsed.as_secs_f64().max(0.001)
    }
}

impl RestoreLine {
    /// What to write: the line over the last one, and its end when nothing is left to restore.
    fn update(&mut self, progress: &RestoreProgress) -> String {
        let of = (progress.task, progress.store.clone());
        if progress.is_done() || progress.suspended {
            self.open.remove(&of);
            self.finished = self.finished.and(progress);
        } else {
            self.open.insert(of, progress.clone());
        }
        let total = self.open.values().fold(self.finished, Totals::and);
        if self.open.is_empty() {
            self.finished = Totals::default();
            let seconds = total.elapsed.as_secs_f64();
            return format!("\r{} records restored in {seconds:.1} s\x1b[K\n", total.records);
        }
        format!("\r{}\x1b[K", self.line(total))
    }

    fn line(&self, total: Totals) -> String {
        let stores = match self.open.keys().next() {
            Some((task, store)) if self.open.len() == 1 => format!("{store} of task {task}"),
            _ => format!("{} stores", self.open.len()),
        };
        let (read, all) = self.open.values().fold((0, 0), |(read, all), progress| {
            (read + progress.next - progress.from, all + progress.end - progress.from)
        });
        let (percent, records, rate) = (100 * read / all.max(1), total.records, total.rate());
        let left = self.open.values().map(RestoreProgress::remaining_time).max().flatten();
        let left = left.map_or(String::new(), |left| format!(", {:.0} s left", left.as_secs_f64()));
        format!("restoring {stores}: {percent} %, {records} records, {rate:.0}/s{left}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::TopicPartition;

    fn progress(partition: i32, next: i64, elapsed_s: u64) -> RestoreProgress {
        RestoreProgress {
            task: TaskId { subtopology: 0, partition },
            store: "table".to_owned(),
            changelog: TopicPartition { topic: "app-table-changelog".into(), partition },
            from: 100,
            next,
            end: 1_100,
            records: (next - 100) as u64,
            elapsed: Duration::from_secs(elapsed_s),
            suspended: false,
        }
    }

    #[test]
    fn a_line_is_drawn_over_until_the_last_store_is_complete() {
        let mut line = RestoreLine::default();
        let begun = line.update(&progress(0, 100, 0));
        assert_eq!(begun, "\rrestoring table of task 0_0: 0 %, 0 records, 0/s\x1b[K");
        let further = line.update(&progress(0, 350, 2));
        assert_eq!(further, "\rrestoring table of task 0_0: 25 %, 250 records, 125/s, 6 s left\x1b[K");
        let two = line.update(&progress(1, 600, 2));
        assert_eq!(two, "\rrestoring 2 stores: 37 %, 750 records, 375/s, 6 s left\x1b[K");
        let one_left = line.update(&progress(0, 1_100, 5));
        assert_eq!(one_left, "\rrestoring table of task 0_1: 50 %, 1500 records, 300/s, 2 s left\x1b[K");
        assert_eq!(line.update(&progress(1, 1_100, 6)), "\r2000 records restored in 6.0 s\x1b[K\n");
    }

    #[test]
    fn a_store_whose_task_has_left_is_not_waited_for() {
        let mut line = RestoreLine::default();
        line.update(&progress(0, 350, 2));
        let left = line.update(&RestoreProgress { suspended: true, ..progress(0, 350, 2) });
        assert_eq!(left, "\r250 records restored in 2.0 s\x1b[K\n");
        let another = line.update(&progress(1, 100, 0));
        assert_eq!(another, "\rrestoring table of task 0_1: 0 %, 0 records, 0/s\x1b[K");
    }
}
