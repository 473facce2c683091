use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock milliseconds that never run backwards: what the system said at the start, and the time that has passed since.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    started_ms: i64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: Instant::now(), started_ms: since_1970.as_millis() as i64 }
    }

    pub(crate) fn now(&self) -> i64 {
        self.started_ms + self.started.elapsed().as_millis() as i64
    }
}
