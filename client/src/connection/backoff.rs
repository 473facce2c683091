//! Exponential backoff with jitter, as `org.apache.kafka.common.utils.ExponentialBackoff`.

use std::time::Duration;

/// Each attempt waits twice as long as the one before.
const MULTIPLIER: f64 = 2.0;
/// Up to this share is added or taken away, so that clients that failed together do not return together.
const JITTER: f64 = 0.2;

/// The waits between attempts at one thing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) base: Duration,
    pub(crate) max: Duration,
}

impl Backoff {
    /// The wait after `failures` failures in a row (1 or more).
    pub(crate) fn delay(&self, failures: u32) -> Duration {
        let exponent = failures.saturating_sub(1).min(30);
        let grown = self.base.as_secs_f64() * MULTIPLIER.powi(exponent as i32);
        let jitter = 1.0 + JITTER * (rand::random::<f64>() * 2.0 - 1.0);
        Duration::from_secs_f64(grown.min(self.max.as_secs_f64()) * jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_its_bound() {
        let backoff = Backoff { base: Duration::from_millis(50), max: Duration::from_millis(1000) };
        for (failures, expected) in [(1, 50), (2, 100), (3, 200), (9, 1000), (4_000_000, 1000)] {
            let delay = backoff.delay(failures).as_millis() as f64;
            assert!(
                (expected as f64 * 0.79..=expected as f64 * 1.21).contains(&delay),
                "{failures}: {delay}"
            );
        }
    }
}
