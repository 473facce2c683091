//! A call on time.

use crate::task::{PunctuationKind, Punctuator};

/// Says which punctuation is due, and when it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Punctuation {
    /// The one that was scheduled.
    pub id: Punctuator,
    /// Its clock.
    pub kind: PunctuationKind,
    /// What that clock says now, in milliseconds. Intervals that were missed are not made up for, so this may be well after
    /// the time at which it was due.
    pub time: i64,
}
