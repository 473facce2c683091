//! What a task has done and what it is waiting for, in plain counters that anybody may read while it runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::Serialize;

use crate::herder::State;

/// A stage of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Getting records from where they come.
    Read,
    /// Converting and transforming them.
    Process,
    /// Getting them to where they go.
    Write,
}

/// What a stage does with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doing {
    /// It works.
    Busy,
    /// There is nothing to do.
    Idle,
    /// What comes after it takes nothing.
    Blocked,
}

/// The counters of a task; shared by its thread, which counts, and by whoever asks.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) read: AtomicU64,
    pub(crate) written: AtomicU64,
    pub(crate) filtered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) dead_letters: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) commits: AtomicU64,
    /// Records that a sink has before it; [`NO_LAG`] where nobody knows.
    lag: AtomicU64,
    /// A source that will never have more, all of it being stored.
    pub(crate) exhausted: AtomicBool,
    /// Nanoseconds by stage and doing.
    times: [[AtomicU64; 3]; 3],
    /// Changes seldom; a lock keeps the three together.
    status: Mutex<Status>,
}

/// What stands for a lag that nobody knows.
const NO_LAG: u64 = u64::MAX;

#[derive(Debug, Clone)]
struct Status {
    state: State,
    why: Option<String>,
    since_ms: i64,
}

impl Meter {
    pub(crate) fn new(state: State) -> Self {
        let status = Status { state, why: None, since_ms: now_ms() };
        Self {
            read: AtomicU64::new(0),
            written: AtomicU64::new(0),
            filtered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dead_letters: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            lag: AtomicU64::new(NO_LAG),
            exhausted: AtomicBool::new(false),
            times: Default::default(),
            status: Mutex::new(status),
        }
    }

    /// So much more of something.
    pub(crate) fn add(counter: &AtomicU64, more: usize) {
        counter.fetch_add(more as u64, Relaxed);
    }

    /// So many records in its topics are not done.
    pub(crate) fn lags(&self, records: u64) {
        self.lag.store(records, Relaxed);
    }

    /// A stage has done something since `from`; returns the time now, from which the next is counted.
    pub(crate) fn spent(&self, stage: Stage, doing: Doing, from: Instant) -> Instant {
        let now = Instant::now();
        let nanos = u64::try_from((now - from).as_nanos()).unwrap_or(u64::MAX);
        self.times[stage as usize][doing as usize].fetch_add(nanos, Relaxed);
        now
    }

    /// The task has come to a state. `false`: it was there already, for the same reason.
    pub(crate) fn enter(&self, state: State, why: Option<&str>) -> bool {
        let mut status = self.status.lock();
        if status.state == state && status.why.as_deref() == why {
            return false;
        }
        *status = Status { state, why: why.map(str::to_owned), since_ms: now_ms() };
        true
    }

    /// The state that the task is said to be in.
    pub(crate) fn state(&self) -> State {
        self.status.lock().state
    }

    /// All of it as of now.
    pub(crate) fn snapshot(&self) -> TaskMetrics {
        let status = self.status.lock().clone();
        let seconds = |stage: Stage, doing: Doing| {
            Duration::from_nanos(self.times[stage as usize][doing as usize].load(Relaxed)).as_secs_f64()
        };
        let times = |stage| StageSeconds {
            busy: seconds(stage, Doing::Busy),
            idle: seconds(stage, Doing::Idle),
            blocked: seconds(stage, Doing::Blocked),
        };
        TaskMetrics {
            state: status.state,
            why: status.why,
            since_ms: status.since_ms,
            records_read: self.read.load(Relaxed),
            records_written: self.written.load(Relaxed),
            records_filtered: self.filtered.load(Relaxed),
            records_failed: self.failed.load(Relaxed),
            dead_letters: self.dead_letters.load(Relaxed),
            retries: self.retried.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            commits: self.commits.load(Relaxed),
            lag: Some(self.lag.load(Relaxed)).filter(|lag| *lag != NO_LAG),
            exhausted: self.exhausted.load(Relaxed),
            read: times(Stage::Read),
            process: times(Stage::Process),
            write: times(Stage::Write),
        }
    }
}

/// What a task has done so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskMetrics {
    /// How it fares.
    pub state: State,
    /// Why it does not run as it should; what it waits for.
    pub why: Option<String>,
    /// Since when, in ms since 1970.
    pub since_ms: i64,
    /// Records from the other side, or from topics.
    pub records_read: u64,
    /// Records acknowledged by the broker, or taken by the target.
    pub records_written: u64,
    /// Records that a transform dropped.
    pub records_filtered: u64,
    /// Records that failed for good.
    pub records_failed: u64,
    /// Of these, records that are in the topic of dead letters.
    pub dead_letters: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Bytes of keys and values to or from topics.
    pub bytes: u64,
    /// How often positions were stored or offsets committed.
    pub commits: u64,
    /// Records in the topics of a sink that it has not done, as of the last look.
    pub lag: Option<u64>,
    /// A source that will never have more, all of it being stored.
    pub exhausted: bool,
    /// Waiting for records is idle time.
    pub read: StageSeconds,
    /// Conversion and transforms.
    pub process: StageSeconds,
    /// Waiting for the broker, the target or memory is blocked time.
    pub write: StageSeconds,
}

/// What a stage did with its time, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StageSeconds {
    /// It worked.
    pub busy: f64,
    /// There was nothing to do.
    pub idle: f64,
    /// What comes after it took nothing.
    pub blocked: f64,
}

/// Milliseconds since 1970.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
