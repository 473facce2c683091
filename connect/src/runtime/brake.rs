//! The brake: when too many of the last records fail, the fault is not in the records.

/// Stops a task before a mistake in a schema or a right that was taken away pours a whole topic into the dead letters.
///
/// It looks at the last `window` records and is pulled when more than `percent` of them failed, but not before a tenth of
/// the window has been seen: the first record of a topic may be its only bad one.
#[derive(Debug)]
pub struct Brake {
    /// Verdicts of the last records, oldest at `next`; `true` is a failure.
    ring: Vec<bool>,
    /// Where the next verdict goes.
    next: usize,
    /// How many verdicts the ring holds.
    seen: usize,
    /// How many of them are failures.
    failed: usize,
    /// More than this many percent pull it; 100 never does.
    percent: u32,
}

impl Brake {
    /// A brake that has seen nothing. A `window` of 0 is never pulled.
    #[must_use]
    pub fn new(percent: u32, window: usize) -> Self {
        Self { ring: vec![false; window.min(WINDOW_MAX)], next: 0, seen: 0, failed: 0, percent }
    }

    /// So many records in a row went well.
    pub fn passed(&mut self, records: usize) {
        for _ in 0..records.min(self.ring.len()) {
            self.push(false);
        }
    }

    /// A record failed for good. `true`: enough is enough.
    pub fn failed(&mut self) -> bool {
        self.push(true);
        let few = self.seen * SEEN_SHARE < self.ring.len();
        !self.ring.is_empty() && !few && self.failed * 100 > self.seen * self.percent as usize
    }

    /// Why it was pulled, for the status.
    #[must_use]
    pub fn reason(&self) -> String {
        format!(
            "{} of the last {} records failed, more than errors.brake.percent={} allows; \
             see the dead letters, mend the cause, then resume",
            self.failed, self.seen, self.percent
        )
    }

    fn push(&mut self, failed: bool) {
        let Some(oldest) = self.ring.get_mut(self.next) else { return };
        self.failed += usize::from(failed);
        self.failed -= usize::from(*oldest);
        *oldest = failed;
        self.next = (self.next + 1) % self.ring.len();
        self.seen = (self.seen + 1).min(self.ring.len());
    }
}

/// A verdict costs a byte; nobody needs to look further back than this.
const WINDOW_MAX: usize = 1 << 20;
/// The brake waits for this part of its window, 1/n.
const SEEN_SHARE: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bad_records_do_not_pull_it_and_a_burst_does() {
        let mut brake = Brake::new(50, 100);
        assert!(!brake.failed(), "the first record may be the only bad one");
        brake.passed(20);
        assert!((0..19).all(|_| !brake.failed()), "20 of 40 are not more than half");
        assert!(brake.failed(), "21 of 41 are");
        assert!(brake.reason().starts_with("21 of the last 41 records"), "{}", brake.reason());
    }

    #[test]
    fn it_forgets_what_is_older_than_its_window() {
        let mut brake = Brake::new(10, 50);
        let pulled = (0..5).filter(|_| brake.failed()).count();
        assert_eq!(pulled, 1, "a tenth of the window is seen with the fifth");
        brake.passed(1_000);
        assert_eq!((brake.failed, brake.seen), (0, 50));
        assert!((0..5).all(|_| !brake.failed()));
        assert!(brake.failed());
    }

    #[test]
    fn a_hundred_percent_or_no_window_never_pull_it() {
        for mut brake in [Brake::new(100, 10), Brake::new(0, 0)] {
            assert!((0..1_000).all(|_| !brake.failed()));
        }
    }
}
