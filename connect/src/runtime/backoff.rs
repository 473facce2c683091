//! How long to wait before the next attempt, and when to give up (`RetryWithToleranceOperator.backoff`).

use std::time::{Duration, Instant};

/// The first delay; each further one is twice as long.
const DELAY_MIN: Duration = Duration::from_millis(300);

/// How often and how long something is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// From the first failure on; `None` is for ever (`errors.retry.timeout=-1`).
    pub timeout: Option<Duration>,
    /// No pause is longer (`errors.retry.delay.max.ms`).
    pub delay_max: Duration,
}

/// What has been tried so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    /// When the first one failed.
    pub since: Instant,
    /// How many failed.
    pub failed: u32,
}

impl RetryBudget {
    /// When the next attempt is due after one more failure; `None`: the budget is used up. The target's own wish
    /// (`Retry-After`) is honoured where it is longer than ours. `random` is below 1, and spreads the longest delays.
    #[must_use]
    pub fn next(
        &self,
        attempts: &mut Attempts,
        wish: Duration,
        now: Instant,
        random: f64,
    ) -> Option<Instant> {
        let doubled = DELAY_MIN.saturating_mul(1_u32.checked_shl(attempts.failed).unwrap_or(u32::MAX));
        attempts.failed = attempts.failed.saturating_add(1).min(MAX_DOUBLINGS);
        let own =
            if doubled > self.delay_max { self.delay_max.mul_f64(random.clamp(0.5, 1.0)) } else { doubled };
        let at = now + own.max(wish.min(self.delay_max));
        let Some(timeout) = self.timeout else { return Some(at) };
        let deadline = attempts.since + timeout;
        (now < deadline).then_some(at.min(deadline))
    }
}

/// Beyond it the delay is `delay_max` anyway.
const MAX_DOUBLINGS: u32 = 20;

impl Attempts {
    /// Nothing failed before `now`.
    #[must_use]
    pub fn begin(now: Instant) -> Self {
        Self { since: now, failed: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(budget: RetryBudget, wish: Duration) -> Vec<u64> {
        let start = Instant::now();
        let (mut now, mut attempts, mut delays) = (start, Attempts::begin(start), Vec::new());
        while let Some(at) = budget.next(&mut attempts, wish, now, 0.0) {
            delays.push(u64::try_from((at - now).as_millis()).unwrap());
            now = at;
            if delays.len() == 8 {
                break;
            }
        }
        delays
    }

    #[test]
    fn delays_double_up_to_the_longest_and_end_with_the_budget() {
        let ms = Duration::from_millis;
        let forever = RetryBudget { timeout: None, delay_max: ms(2_000) };
        assert_eq!(delays(forever, ms(0)), [300, 600, 1_200, 1_000, 1_000, 1_000, 1_000, 1_000]);
        let short = RetryBudget { timeout: Some(ms(1_000)), delay_max: ms(60_000) };
        assert_eq!(delays(short, ms(0)), [300, 600, 100], "the last attempt is at the deadline");
        let none = RetryBudget { timeout: Some(ms(0)), delay_max: ms(60_000) };
        assert!(delays(none, ms(0)).is_empty());
    }

    #[test]
    fn a_target_that_asks_for_a_pause_gets_it_within_the_limit() {
        let ms = Duration::from_millis;
        let budget = RetryBudget { timeout: None, delay_max: ms(5_000) };
        assert_eq!(delays(budget, ms(900))[..3], [900, 900, 1_200]);
        assert_eq!(delays(budget, ms(3_600_000))[0], 5_000);
    }
}
