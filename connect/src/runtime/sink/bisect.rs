//! Finding the records that a target refuses, where it answers only for the whole batch.

use std::ops::Range;
use std::time::Duration;

use crate::error::TaskError;
use crate::sink::{Outcome, Written};

/// What became of one record of a batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// Written.
    Ok,
    /// Not written; to be tried again, not before so long.
    Retry { after: Duration, why: String },
    /// Not written, and never will be.
    Reject { why: String },
    /// Not tried, or not taken for no fault of its own.
    Untried,
}

/// Why nothing more of a batch is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The target takes nothing now.
    Out { after: Option<Duration>, why: String },
    /// The target takes nothing until somebody changes something.
    Fatal(String),
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Ok => Self::Ok,
            Outcome::Retry { after, why } => Self::Retry { after: after.unwrap_or_default(), why },
            Outcome::Reject { why } => Self::Reject { why },
            Outcome::Untried => Self::Untried,
        }
    }
}

/// A batch on its way through a target. Parts are written in order, so a lane keeps its order.
#[derive(Debug)]
pub(crate) struct Bisection {
    /// What is to be written yet, the next part last.
    parts: Vec<Range<usize>>,
    verdicts: Vec<Verdict>,
}

impl Bisection {
    pub(crate) fn new(records: usize) -> Self {
        let all = 0..records;
        let parts = if records == 0 { Vec::new() } else { vec![all] };
        Self { parts, verdicts: vec![Verdict::Untried; records] }
    }

    /// What to write next.
    pub(crate) fn next(&self) -> Option<Range<usize>> {
        self.parts.last().cloned()
    }

    /// All of the part was written.
    pub(crate) fn written(&mut self) {
        self.fill(|| Verdict::Ok);
    }

    /// The target answered for each record of the part.
    pub(crate) fn each(&mut self, verdicts: impl IntoIterator<Item = Verdict>) {
        let Some(part) = self.parts.pop() else { return };
        for (at, verdict) in part.zip(verdicts) {
            self.verdicts[at] = verdict;
        }
    }

    /// The target refused the part as a whole: halves it, or has found the record.
    pub(crate) fn rejected(&mut self, why: &str) {
        let Some(part) = self.parts.pop() else { return };
        if part.len() == 1 {
            self.verdicts[part.start] = Verdict::Reject { why: why.to_owned() };
            return;
        }
        let middle = part.start + part.len() / 2;
        self.parts.extend([middle..part.end, part.start..middle]);
    }

    /// The target takes nothing now: neither the part nor what comes after it.
    pub(crate) fn put_off(&mut self) {
        self.parts.clear();
    }

    pub(crate) fn into_verdicts(self) -> Vec<Verdict> {
        self.verdicts
    }

    /// The target has answered for the part that is next.
    ///
    /// # Errors
    /// It takes nothing more: what is left is not tried.
    pub(crate) fn answered(&mut self, answer: Result<Written, TaskError>) -> Result<(), Stop> {
        let expected = self.next().map_or(0, |part| part.len());
        match answer {
            Ok(Written::All) => self.written(),
            Ok(Written::Each(outcomes)) if outcomes.len() == expected => {
                let stops = outcomes.iter().any(|outcome| *outcome != Outcome::Ok);
                self.each(outcomes.into_iter().map(Verdict::from));
                if stops {
                    // What follows in the same partition must not be written before what was left here.
                    self.put_off();
                }
            }
            Ok(Written::Each(outcomes)) => {
                let given = outcomes.len();
                self.put_off();
                return Err(Stop::Fatal(format!(
                    "the connector answered for {given} of {expected} records; this is a bug of the connector"
                )));
            }
            Err(TaskError::Rejected { why }) => {
                self.rejected(&why);
                if expected == 1 {
                    // A sink that keeps offsets itself must not move them beyond a record that is no dead letter yet.
                    self.put_off();
                }
            }
            Err(TaskError::Retry { after, why }) => {
                self.put_off();
                return Err(Stop::Out { after, why });
            }
            Err(TaskError::Fatal { why }) => {
                self.put_off();
                return Err(Stop::Fatal(why));
            }
        }
        Ok(())
    }

    fn fill(&mut self, verdict: impl Fn() -> Verdict) {
        for at in self.parts.pop().into_iter().flatten() {
            self.verdicts[at] = verdict();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A target that takes a batch whole or not at all: what is good is written once, in order, and each bad record
        /// is found, in about two writes a halving.
        #[test]
        fn every_bad_record_is_found_and_every_good_one_written_once(bad in prop::collection::vec(prop::bool::weighted(0.1), 1..300)) {
            let mut bisection = Bisection::new(bad.len());
            let (mut written, mut writes) = (Vec::new(), 0);
            while let Some(part) = bisection.next() {
                writes += 1;
                if bad[part.clone()].contains(&true) {
                    bisection.rejected("poison");
                } else {
                    written.extend(part);
                    bisection.written();
                }
            }
            let good: Vec<usize> = (0..bad.len()).filter(|at| !bad[*at]).collect();
            prop_assert_eq!(written, good);
            let poisoned = bad.iter().filter(|bad| **bad).count();
            let halvings = bad.len().next_power_of_two().ilog2() as usize;
            prop_assert!(writes <= 1 + 2 * poisoned * halvings, "{} writes", writes);
            for (verdict, bad) in bisection.into_verdicts().iter().zip(bad) {
                prop_assert_eq!(matches!(verdict, Verdict::Reject { .. }), bad);
            }
        }
    }

    #[test]
    fn what_comes_after_a_part_that_must_wait_waits_too() {
        let mut bisection = Bisection::new(4);
        bisection.rejected("one of them");
        bisection.written();
        bisection.put_off();
        assert_eq!(bisection.next(), None);
        let (ok, untried) = (|| Verdict::Ok, || Verdict::Untried);
        assert_eq!(bisection.into_verdicts(), [ok(), ok(), untried(), untried()]);
    }
}
