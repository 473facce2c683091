//! Records per second of late.

use std::time::Duration;

/// What is looked back upon: between one and two of these.
const WINDOW: Duration = Duration::from_secs(10);

/// Two looks at a counter in the past.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rate {
    before: Option<Look>,
    last: Option<Look>,
}

/// The time since some moment, and the counter then.
type Look = (Duration, u64);

/// How many in how much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Recent {
    pub(super) count: u64,
    pub(super) during: Duration,
}

impl Rate {
    /// The counter stands at `count` now.
    pub(crate) fn at(&mut self, now: Duration, count: u64) -> Recent {
        let last = *self.last.get_or_insert((now, count));
        let before = *self.before.get_or_insert(last);
        if now.saturating_sub(last.0) >= WINDOW {
            (self.before, self.last) = (Some(last), Some((now, count)));
        }
        Recent { count: count.saturating_sub(before.1), during: now.saturating_sub(before.0) }
    }
}

impl Recent {
    /// Per second, if nothing has come for `idle` since.
    pub(super) fn per_second(&self, idle: Duration) -> f64 {
        let during = (self.during + idle).as_secs_f64();
        if during == 0.0 { 0.0 } else { self.count as f64 / during }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_seconds() {
        let mut rate = Rate::default();
        let at = |second: u64| Duration::from_secs(second);
        assert_eq!(rate.at(at(100), 7).per_second(Duration::ZERO), 0.0);
        assert_eq!(rate.at(at(105), 57).per_second(Duration::ZERO), 10.0);
        rate.at(at(110), 107);
        rate.at(at(120), 107);
        rate.at(at(130), 107);
        let recent = rate.at(at(131), 157);
        assert_eq!(recent, Recent { count: 50, during: at(11) });
        assert_eq!(recent.per_second(at(14)), 2.0);
    }
}
