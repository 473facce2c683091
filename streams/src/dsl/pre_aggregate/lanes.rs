//! The times of the partitions that partials go to.

use crate::window::TimeWindows;

/// What is known of each partition of the repartition topic, as far as this task writes to it.
#[derive(Debug, Default)]
pub(super) struct Lanes(Vec<Lane>);

/// One partition. The aggregation that reads it judges by the latest time that has come, of whatever key.
#[derive(Debug, Clone, Copy)]
struct Lane {
    /// The latest time (ms) of what was sent or is held; -1: none.
    stream_time: i64,
    /// The stream time (ms) that closes the next window of something that is held; `i64::MAX`: none does.
    closes_at: i64,
}

impl Lane {
    const NEW: Self = Self { stream_time: -1, closes_at: i64::MAX };
}

impl Lanes {
    /// Whether a window closes of what is held for this partition when a record of this time (ms) goes by.
    pub(super) fn closes(&self, lane: usize, timestamp: i64) -> bool {
        self.0.get(lane).is_some_and(|lane| timestamp >= lane.closes_at)
    }

    /// A record of this time (ms) goes by.
    pub(super) fn advance(&mut self, lane: usize, timestamp: i64) {
        let lane = self.lane(lane);
        lane.stream_time = lane.stream_time.max(timestamp);
    }

    /// A partial of this time (ms) is held from now on: those of its windows that are open must not close meanwhile.
    pub(super) fn hold(&mut self, lane: usize, windows: &TimeWindows, timestamp: i64) {
        let lane = self.lane(lane);
        let mut closings =
            windows.of_time(timestamp).map(|window| window.end.saturating_add(windows.grace_ms()));
        if let Some(next) = closings.find(|closes_at| *closes_at > lane.stream_time) {
            lane.closes_at = lane.closes_at.min(next);
        }
    }

    /// Nothing is held any more.
    pub(super) fn sent(&mut self) {
        self.0.iter_mut().for_each(|lane| lane.closes_at = i64::MAX);
    }

    fn lane(&mut self, lane: usize) -> &mut Lane {
        if self.0.len() <= lane {
            self.0.resize(lane + 1, Lane::NEW);
        }
        &mut self.0[lane]
    }
}
