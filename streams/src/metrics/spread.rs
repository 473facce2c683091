//! Durations, counted by how long they are.

use std::time::Duration;

use serde::Serialize;

/// Upper bounds of the buckets in milliseconds: 1, 2, 4, ... 524,288 (nearly nine minutes); the last bucket has the rest.
const BOUNDS: usize = 20;

/// How many durations there were, how long they were together, the shortest and the longest, and how many had at most 1 ms, 2 ms,
/// 4 ms, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Spread {
    /// How many.
    pub count: u64,
    /// Their sum, in microseconds.
    pub sum_us: u64,
    /// The shortest, in microseconds; 0 if there was none.
    pub min_us: u64,
    /// The longest, in microseconds.
    pub max_us: u64,
    /// By length, each counted once: the last has those that are longer than all bounds.
    buckets: [u64; BOUNDS + 1],
}

impl Spread {
    /// The average; `None` if there was none.
    pub fn average(&self) -> Option<Duration> {
        self.sum_us.checked_div(self.count).map(Duration::from_micros)
    }

    /// The bound (of 1 ms, 2 ms, 4 ms...) that this part of all, 0.99 for instance, did not exceed; the longest where that is
    /// less. `None` if there was none.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let wanted = (part.clamp(0.0, 1.0) * self.count as f64).ceil().max(1.0) as u64;
        let longest = Duration::from_micros(self.max_us);
        let (bound, _) = self.cumulative().find(|(_, count)| *count >= wanted)?;
        (self.count > 0).then(|| bound.map_or(longest, |bound| bound.min(longest)))
    }

    /// The upper bounds, `None` for the last, and how many were no longer.
    pub fn cumulative(&self) -> impl Iterator<Item = (Option<Duration>, u64)> {
        self.buckets.iter().enumerate().scan(0, |sum, (bucket, count)| {
            *sum += count;
            let bound = (bucket < BOUNDS).then(|| Duration::from_millis(1 << bucket));
            Some((bound, *sum))
        })
    }

    pub(crate) fn add(&mut self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.add_batch(Batch { count: 1, sum_us: us, min_us: us, max_us: us });
    }

    /// Milliseconds, of which there is one for each record that comes too late.
    pub(crate) fn add_ms(&mut self, ms: i64) {
        self.add(Duration::from_millis(ms.max(0) as u64));
    }

    /// All of a batch stand in the bucket of their average.
    pub(super) fn add_batch(&mut self, batch: Batch) {
        let Batch { count, sum_us, min_us, max_us } = batch;
        if count == 0 {
            return;
        }
        self.min_us = if self.count == 0 { min_us } else { self.min_us.min(min_us) };
        self.max_us = self.max_us.max(max_us);
        self.count += count;
        self.sum_us = self.sum_us.saturating_add(sum_us);
        let ms = (sum_us / count).div_ceil(1_000);
        let bucket = if ms <= 1 { 0 } else { (u64::BITS - (ms - 1).leading_zeros()) as usize };
        self.buckets[bucket.min(BOUNDS)] += count;
    }
}

/// Some durations, summed up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    pub(super) count: u64,
    pub(super) sum_us: u64,
    pub(super) min_us: u64,
    pub(super) max_us: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_below_every_bound_that_it_keeps() {
        let mut spread = Spread::default();
        assert_eq!((spread.average(), spread.quantile(0.5)), (None, None));
        for us in [0, 1_000, 1_001, 2_000, 4_001, u64::MAX / 8] {
            spread.add(Duration::from_micros(us));
        }
        let counts: Vec<u64> = spread.cumulative().map(|(_, count)| count).collect();
        assert_eq!(counts[..4], [2, 4, 4, 5]);
        assert_eq!(counts[BOUNDS - 1..], [5, 6]);
        assert_eq!((spread.min_us, spread.max_us, spread.count), (0, u64::MAX / 8, 6));
        assert_eq!(spread.quantile(0.5), Some(Duration::from_millis(2)));
        assert_eq!(spread.quantile(1.0), Some(Duration::from_micros(u64::MAX / 8)));
    }

    #[test]
    fn no_quantile_is_longer_than_the_longest() {
        let mut spread = Spread::default();
        spread.add(Duration::from_micros(1_100));
        assert_eq!(spread.quantile(0.99), Some(Duration::from_micros(1_100)));
    }
}
