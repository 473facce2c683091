use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A span of event time in milliseconds since 1970: `start` lies in it, `end` does not (Kafka's `TimeWindow`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first millisecond.
    pub start: i64,
    /// The first millisecond behind it.
    pub end: i64,
}

impl Window {
    /// The window of `size` milliseconds from `start`; one that would end after the last millisecond ends there.
    pub const fn of_size(start: i64, size: i64) -> Self {
        Self { start, end: start.saturating_add(size) }
    }

    /// Whether an event of this time belongs to it.
    pub const fn contains(self, timestamp: i64) -> bool {
        self.start <= timestamp && timestamp < self.end
    }
}

impl From<Range<i64>> for Window {
    fn from(Range { start, end }: Range<i64>) -> Self {
        Self { start, end }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.start, self.end)
    }
}
