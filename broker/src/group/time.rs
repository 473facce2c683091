//! Time as the group's core is told it. The core never asks a clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds on a clock that only runs forward: deadlines are kept in it, so that a clock set back by an
/// hour neither expires nor revives a member.
pub(crate) type Millis = u64;

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Now {
    /// For deadlines.
    pub(crate) ticks: Millis,
    /// Milliseconds since 1970, for what is stored: commit times, the time of the last change of state.
    pub(crate) wall_ms: i64,
}

/// Where the coordinator takes its time from.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Tick zero.
    started: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { ticks: self.started.elapsed().as_millis() as Millis, wall_ms: since_1970.as_millis() as i64 }
    }

    /// The instant at which the clock shows `at`.
    pub(crate) fn instant(&self, at: Millis) -> Instant {
        self.started + std::time::Duration::from_millis(at)
    }
}
