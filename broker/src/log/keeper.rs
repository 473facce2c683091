//! The periodic work on all logs: retention, `flush.ms`, forgetting producers, checkpoints.

use std::io;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::{Condvar, Mutex};

use super::{LogError, Logs};

/// How often the keeper looks whether something is due.
const TICK: Duration = Duration::from_secs(1);

/// When each kind of work was done last, in ms since 1970.
#[derive(Debug, Default)]
pub(super) struct LastDone {
    retention: i64,
    producers: i64,
    checkpoint: i64,
}

/// Ends the threads that wait on it.
#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: Mutex<bool>,
    wake: Condvar,
}

impl Stop {
    pub(super) fn stop(&self) {
        *self.stopped.lock() = true;
        self.wake.notify_all();
    }

    /// Sleeps; returns whether to go on.
    pub(super) fn sleep(&self, duration: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            self.wake.wait_for(&mut stopped, duration);
        }
        !*stopped
    }
}

/// The broker's clock: ms since 1970.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Starts the thread. It holds the logs weakly, so that dropping them ends it.
pub(super) fn start(logs: &Arc<Logs>, stop: Arc<Stop>) -> io::Result<JoinHandle<()>> {
    let logs: Weak<Logs> = Arc::downgrade(logs);
    thread::Builder::new().name("log-keeper".to_owned()).spawn(move || {
        while stop.sleep(TICK) {
            let Some(logs) = logs.upgrade() else { return };
            if let Err(error) = logs.tick(now_ms()) {
                tracing::error!(%error, "checkpoint not written; a start after a crash will take longer");
            }
        }
    })
}

impl Logs {
    /// Does what is due at `now_ms`.
    pub(super) fn tick(&self, now_ms: i64) -> Result<(), LogError> {
        let due = |last: &mut i64, interval: i64| {
            let due = now_ms.saturating_sub(*last) >= interval;
            if due {
                *last = now_ms;
            }
            due
        };
        let last = &mut *self.last_done.lock();
        self.flush_old(now_ms);
        if due(&mut last.retention, self.options.retention_check_ms) {
            self.retain(now_ms);
        }
        if due(&mut last.producers, self.options.producer_check_ms) {
            for partition in self.partitions() {
                partition.log.lock().producers.expire(now_ms, self.options.producer_expiration_ms);
            }
        }
        if due(&mut last.checkpoint, self.options.checkpoint_ms) { self.checkpoint() } else { Ok(()) }
    }

    /// Applies retention to every partition. A storage that fails takes only its partition offline.
    pub(super) fn retain(&self, now_ms: i64) {
        for partition in self.serving() {
            if let Err(error) = partition.retain(now_ms) {
                partition.fail("retention", &error);
            }
        }
    }

    /// `flush.ms`: syncs the logs whose oldest unsynced record has waited that long.
    fn flush_old(&self, now_ms: i64) {
        for partition in self.serving() {
            let old = {
                let log = partition.log.lock();
                log.unsynced_since().is_some_and(|since| now_ms.saturating_sub(since) >= log.config.flush_ms)
            };
            if old {
                // A failure has taken the partition offline and was logged.
                let _ = partition.flush();
            }
        }
    }
}
