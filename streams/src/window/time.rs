//! Durations as a program says them, usable in constants.

use std::time::Duration;

/// So many milliseconds.
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// So many seconds.
pub const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// So many minutes.
///
/// ```
/// use millstream::prelude::*;
///
/// const PER_MINUTE: TimeWindows = TimeWindows::of(mins(1));
/// assert_eq!(PER_MINUTE.size(), secs(60));
/// ```
pub const fn mins(count: u64) -> Duration {
    Duration::from_secs(count.saturating_mul(60))
}

/// So many hours.
pub const fn hours(count: u64) -> Duration {
    mins(count.saturating_mul(60))
}

/// So many days of 24 hours.
pub const fn days(count: u64) -> Duration {
    hours(count.saturating_mul(24))
}

/// Whole milliseconds, as many as an event time can tell.
pub(crate) const fn to_millis(duration: Duration) -> i64 {
    let millis = duration.as_millis();
    if millis > i64::MAX as u128 { i64::MAX } else { millis as i64 }
}
