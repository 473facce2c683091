//! Where threads put their numbers and whoever asks finds them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::ThreadMetrics;

/// The last numbers of each thread. The lock is taken twice a second by a busy thread, and when one goes to wait.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<BTreeMap<Thread, Posted>>);

/// The index of a stream thread; `None`: the thread of the global tables.
type Thread = Option<usize>;

#[derive(Debug)]
struct Posted {
    metrics: ThreadMetrics,
    at: Instant,
    /// Since when the thread waits for records, if it does.
    waits_since: Option<Instant>,
    /// The longest `waited` that anybody was told, so that it never runs backwards: whoever asks while a thread waits is told
    /// what their own clock says.
    told: Duration,
}

impl Posted {
    fn set_waited(&mut self, waited: Duration) {
        self.metrics.waited = waited.max(self.told);
    }
}

impl Board {
    /// Numbers of the thread of this index.
    pub(crate) fn post(&self, thread: Thread, mut metrics: ThreadMetrics) {
        metrics.thread = thread.map_or(0, |index| index + 1);
        let mut board = self.0.lock();
        let told = board.get(&thread).map_or(Duration::ZERO, |posted| posted.told);
        let waited = metrics.waited;
        let mut posted = Posted { metrics, at: Instant::now(), waits_since: None, told };
        posted.set_waited(waited);
        board.insert(thread, posted);
    }

    /// The thread, which has waited so long in all, begins to wait for records or goes on.
    pub(crate) fn waits(&self, thread: Thread, waited: Duration, waits: bool) {
        if let Some(posted) = self.0.lock().get_mut(&thread) {
            posted.set_waited(waited);
            posted.waits_since = waits.then(Instant::now);
        }
    }

    /// The thread has gone, and its numbers with it.
    pub(crate) fn remove(&self, thread: usize) {
        self.0.lock().remove(&Some(thread));
    }

    pub(crate) fn read(&self) -> Vec<ThreadMetrics> {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX);
        let read = |posted: &mut Posted| {
            let mut metrics = posted.metrics.clone();
            metrics.waited += posted.waits_since.map_or(Duration::ZERO, |since| since.elapsed());
            posted.told = metrics.waited;
            for task in &mut metrics.tasks {
                task.records_per_second = task.rate.per_second(posted.at.elapsed());
                task.partitions.iter_mut().for_each(|partition| partition.age(now));
            }
            metrics
        };
        self.0.lock().values_mut().map(read).collect()
    }
}
