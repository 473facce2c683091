//! How long something took, counted by how long it was.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the buckets in microseconds; one more has what took longer.
const BOUNDS_US: [u64; BOUNDS] = [
    20, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];
const BOUNDS: usize = 20;

/// Counted by many threads at once, without a lock; read while they count.
#[derive(Debug, Default)]
pub(crate) struct Timing {
    /// By length, each counted once.
    buckets: [AtomicU64; BOUNDS + 1],
    /// All of them together, in nanoseconds.
    nanos: AtomicU64,
}

impl Timing {
    pub(crate) fn record(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| bound.saturating_mul(1_000) < nanos);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
    }

    /// What was counted so far.
    pub(crate) fn read(&self) -> Durations {
        let counts = std::array::from_fn(|bucket| self.buckets[bucket].load(Relaxed));
        Durations { counts, sum: Duration::from_nanos(self.nanos.load(Relaxed)) }
    }
}

/// How many times something was done, how long that took in all, and how many took at most 20 µs, 50 µs, 100 µs, 250 µs and so on
/// to a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Durations {
    counts: [u64; BOUNDS + 1],
    sum: Duration,
}

impl Durations {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// The average; `None` if there was none.
    pub fn average(&self) -> Option<Duration> {
        u32::try_from(self.count()).ok().filter(|count| *count > 0).map(|count| self.sum / count)
    }

    /// The bound that this part of all, 0.99 for instance, did not exceed. `None` if there was none, or it is one of those that
    /// took more than a minute.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let wanted = (part.clamp(0.0, 1.0) * self.count() as f64).ceil().max(1.0) as u64;
        self.cumulative().find(|(_, count)| *count >= wanted)?.0
    }

    /// The upper bounds, `None` for the last, and how many were no longer.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        self.counts.iter().enumerate().scan(0, |sum, (bucket, count)| {
            *sum += count;
            Some((BOUNDS_US.get(bucket).map(|bound| Duration::from_micros(*bound)), *sum))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_below_every_bound_that_it_keeps() {
        let timing = Timing::default();
        for us in [1, 20, 21, 900, 61_000_000] {
            timing.record(Duration::from_micros(us));
        }
        let read = timing.read();
        let below = |us| {
            let bound = Some(Duration::from_micros(us));
            read.cumulative().find(|(at, _)| *at == bound).map(|(_, count)| count)
        };
        assert_eq!([below(20), below(50), below(500), below(1_000)], [2, 3, 3, 4].map(Some));
        assert_eq!((read.count(), read.sum()), (5, Duration::from_micros(61_000_942)));
        assert_eq!(read.quantile(0.5), Some(Duration::from_micros(50)));
        assert_eq!((read.quantile(1.0), Durations::default().quantile(0.5)), (None, None));
    }
}
