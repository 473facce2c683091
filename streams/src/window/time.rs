//! Durations as a program says them, usable in constants.

use std::ops::RangeFrom;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

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

/// The event times (ms) from so long before now on, to query a window store with.
///
/// ```
/// use millstream::prelude::*;
///
/// assert!(last(mins(10)).start < last(mins(1)).start);
/// ```
pub fn last(duration: Duration) -> RangeFrom<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    to_millis(now).saturating_sub(to_millis(duration))..
}
