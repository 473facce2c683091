//! How long punctuations may keep records waiting.

use std::fmt::Debug;

/// The time that the punctuations of a task have before records must have their turn again. A task asks; it reads no clock.
pub trait TimeBudget: Debug {
    /// A pass of punctuations begins.
    fn begin(&self);

    /// Whether the pass has had its time.
    fn is_spent(&self) -> bool;
}

/// All the time there is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

impl TimeBudget for Unlimited {
    fn begin(&self) {}

    fn is_spent(&self) -> bool {
        false
    }
}
