//! The time that punctuations have in a turn of their task.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::task::TimeBudget;

/// What the punctuations of a task may take before its records have their turn again.
const BUDGET: Duration = Duration::from_millis(20);

/// [`BUDGET`] by the machine's clock.
#[derive(Debug, Default)]
pub(super) struct PunctuationBudget {
    /// When the pass is to end; `None` before the first.
    until: Cell<Option<Instant>>,
}

impl TimeBudget for PunctuationBudget {
    fn begin(&self) {
        self.until.set(Some(Instant::now() + BUDGET));
    }

    fn is_spent(&self) -> bool {
        self.until.get().is_some_and(|until| Instant::now() >= until)
    }
}
