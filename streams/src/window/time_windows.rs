use std::time::Duration;

use super::{Window, to_millis};

/// Windows of one size, aligned to 1970: tumbling, or hopping if they begin more often than they are long
/// ([`advance_by`](Self::advance_by)). Kafka's class of the same name.
///
/// ```
/// use millstream::prelude::*;
///
/// let hopping = TimeWindows::of(mins(5)).advance_by(mins(1)).grace(secs(30));
/// let of_six = hopping.of_time(360_000).map(|window| window.start);
/// assert_eq!(of_six.collect::<Vec<_>>(), [120_000, 180_000, 240_000, 300_000, 360_000]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeWindows {
    size_ms: i64,
    advance_ms: i64,
    grace_ms: i64,
}

impl TimeWindows {
    /// Tumbling windows without grace: `[0, size)`, `[size, 2 size)` and so on. Whole milliseconds count.
    pub const fn of(size: Duration) -> Self {
        let size_ms = to_millis(size);
        Self { size_ms, advance_ms: size_ms, grace_ms: 0 }
    }

    /// Hopping windows: a new one begins every `advance`, which is at most their size.
    pub const fn advance_by(self, advance: Duration) -> Self {
        Self { advance_ms: to_millis(advance), ..self }
    }

    /// How long after its end a window still takes records: it closes when stream time reaches end and grace.
    pub const fn grace(self, grace: Duration) -> Self {
        Self { grace_ms: to_millis(grace), ..self }
    }

    /// How long each window is.
    pub const fn size(&self) -> Duration {
        Duration::from_millis(self.size_ms.unsigned_abs())
    }

    /// The windows that an event of this time (ms) belongs to, earliest first.
    pub fn of_time(&self, timestamp: i64) -> impl Iterator<Item = Window> + use<> {
        let Self { size_ms, advance_ms, .. } = *self;
        // In this order nothing overflows: `advance_ms` is at most `size_ms`.
        let earliest = (timestamp - (size_ms - advance_ms)).max(0) / advance_ms * advance_ms;
        let starts = std::iter::successors(Some(earliest), move |start| start.checked_add(advance_ms));
        starts.take_while(move |start| *start <= timestamp).map(move |start| Window::of_size(start, size_ms))
    }

    /// The latest start (ms) of a window that is not after `time`.
    pub(crate) const fn start_before(&self, time: i64) -> i64 {
        time / self.advance_ms * self.advance_ms
    }

    /// When (ms) the last of the windows ends that an event of this time belongs to.
    pub(crate) const fn last_end(&self, timestamp: i64) -> i64 {
        self.start_before(timestamp).saturating_add(self.size_ms)
    }

    /// Since when (ms) times belong to the same windows as this one: what happens in between may be added up before it is told
    /// to the windows.
    pub(crate) const fn pane_start(&self, timestamp: i64) -> i64 {
        let begun = self.start_before(timestamp);
        if timestamp < self.size_ms {
            return begun;
        }
        let ended = self.start_before(timestamp - self.size_ms) + self.size_ms;
        if ended > begun { ended } else { begun }
    }

    pub(crate) const fn size_ms(&self) -> i64 {
        self.size_ms
    }

    pub(crate) const fn advance_ms(&self) -> i64 {
        self.advance_ms
    }

    pub(crate) const fn grace_ms(&self) -> i64 {
        self.grace_ms
    }

    /// How long a window must be kept from its start on.
    pub(crate) const fn lifetime_ms(&self) -> i64 {
        self.size_ms.saturating_add(self.grace_ms)
    }

    /// What is wrong with them, for the build to say.
    pub(crate) fn mistake(&self) -> Option<String> {
        let Self { size_ms, advance_ms, .. } = *self;
        if size_ms == 0 {
            return Some("windows must be at least a millisecond long".to_owned());
        }
        let fits = (1..=size_ms).contains(&advance_ms);
        (!fits).then(|| {
            format!("windows of {size_ms} ms advance by 1 to {size_ms} ms at a time, not by {advance_ms}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::millis;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_windows_of_a_time_are_kafkas() {
        // Windows of 5 s every 3 s, the example of Kafka's own class.
        let windows = TimeWindows::of(millis(5_000)).advance_by(millis(3_000));
        let starts = |timestamp| windows.of_time(timestamp).map(|window| window.start).collect::<Vec<_>>();
        assert_eq!(starts(0), [0]);
        assert_eq!(starts(2_999), [0]);
        assert_eq!(starts(3_000), [0, 3_000]);
        assert_eq!(starts(4_999), [0, 3_000]);
        assert_eq!(starts(5_000), [3_000]);
    }

    #[test]
    fn the_end_of_time_is_a_window_too() {
        let windows = TimeWindows::of(millis(1_000)).advance_by(millis(300));
        let last = windows.of_time(i64::MAX).last().unwrap();
        assert_eq!(last.end, i64::MAX);
    }

    proptest! {
        #[test]
        fn exactly_the_windows_that_contain_a_time(size in 1_u64..50, advance in 1_u64..50, timestamp in 0_i64..500) {
            prop_assume!(advance <= size);
            let windows = TimeWindows::of(millis(size)).advance_by(millis(advance));
            let all = (0..=timestamp).step_by(advance as usize).map(|start| Window::of_size(start, size as i64));
            let expected: Vec<_> = all.filter(|window| window.contains(timestamp)).collect();
            prop_assert_eq!(windows.of_time(timestamp).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn a_pane_is_the_longest_time_of_the_same_windows(size in 1_u64..50, advance in 1_u64..50, timestamp in 0_i64..500) {
            prop_assume!(advance <= size);
            let windows = TimeWindows::of(millis(size)).advance_by(millis(advance));
            let of = |time| windows.of_time(time).collect::<Vec<_>>();
            let start = windows.pane_start(timestamp);
            prop_assert!((start..=timestamp).all(|time| of(time) == of(timestamp)));
            prop_assert!(start == 0 || of(start - 1) != of(timestamp));
        }
    }
}
