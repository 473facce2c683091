//! When processors are called although no record is there for them: Kafka's `PunctuationQueue`.

use std::time::Duration;

use crate::topology::NodeId;

/// Which clock a punctuation follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PunctuationKind {
    /// The timestamps of the records: no record, no time.
    StreamTime,
    /// The clock of the machine.
    WallClock,
}

/// A punctuation that was scheduled; it ends with [`Context::cancel`](crate::processing::Context::cancel) or with its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Punctuator(u32);

/// What a task has scheduled.
#[derive(Debug)]
pub(crate) struct Schedule {
    due: Vec<Due>,
    next_id: u32,
    /// The earliest of the punctuations on stream time; `i64::MAX`: there is none. Asked after every record.
    next_on_stream_time: i64,
}

/// A punctuation and when it is next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    pub(crate) id: Punctuator,
    pub(crate) node: NodeId,
    kind: PunctuationKind,
    /// In milliseconds of its clock.
    at: i64,
    interval: i64,
    /// It has asked to be called again, which is for the next pass.
    held: bool,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { due: Vec::new(), next_id: 0, next_on_stream_time: i64::MAX }
    }
}

impl Schedule {
    /// On stream time the first is due with the first record, and then at multiples of the interval; on the wall clock when
    /// the interval has passed from `now` on. As Kafka's `StreamTask.schedule` has it.
    pub(crate) fn add(
        &mut self,
        node: NodeId,
        kind: PunctuationKind,
        interval: Duration,
        now: i64,
    ) -> Punctuator {
        let id = Punctuator(self.next_id);
        self.next_id += 1;
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let at = match kind {
            PunctuationKind::StreamTime => 0,
            PunctuationKind::WallClock => now.saturating_add(interval),
        };
        self.due.push(Due { id, node, kind, at, interval, held: false });
        self.look_ahead();
        id
    }

    pub(crate) fn cancel(&mut self, id: Punctuator) {
        self.due.retain(|due| due.id != id);
        self.look_ahead();
    }

    /// Has a punctuation called again in the next pass, before its time.
    pub(crate) fn again(&mut self, id: Punctuator) {
        if let Some(due) = self.due.iter_mut().find(|due| due.id == id) {
            due.held = true;
        }
    }

    /// Whether a punctuation on stream time is due.
    #[inline]
    pub(crate) fn is_due_on_stream_time(&self, stream_time: i64) -> bool {
        stream_time >= self.next_on_stream_time
    }

    /// When the next punctuation on the wall clock is due.
    pub(crate) fn next_on_wall_clock(&self) -> i64 {
        let on_wall_clock = self.due.iter().filter(|due| due.kind == PunctuationKind::WallClock);
        on_wall_clock.map(|due| due.at).min().unwrap_or(i64::MAX)
    }

    /// The earliest punctuation that is due at `time`, already put down for its next time: intervals that were missed are
    /// skipped, so none is due twice in one pass.
    pub(crate) fn take(&mut self, kind: PunctuationKind, time: i64) -> Option<Due> {
        let due = self.due.iter_mut().filter(|due| due.kind == kind && due.at <= time && !due.held);
        let first = due.min_by_key(|due| due.at)?;
        let missed = (time - first.at) / first.interval;
        first.at = first.at.saturating_add((missed + 1).saturating_mul(first.interval));
        let taken = *first;
        self.look_ahead();
        Some(taken)
    }

    /// Ends a pass: what has asked to be called again is due at once.
    pub(crate) fn end_pass(&mut self) {
        for due in self.due.iter_mut().filter(|due| due.held) {
            due.held = false;
            // Its next time stays a multiple of the interval.
            due.at -= due.interval;
        }
        self.look_ahead();
    }

    fn look_ahead(&mut self) {
        let on_stream_time = self.due.iter().filter(|due| due.kind == PunctuationKind::StreamTime);
        self.next_on_stream_time = on_stream_time.map(|due| due.at).min().unwrap_or(i64::MAX);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NODE: NodeId = NodeId(0);

    fn fired(schedule: &mut Schedule, kind: PunctuationKind, time: i64) -> Vec<Punctuator> {
        let fired = std::iter::from_fn(|| schedule.take(kind, time)).map(|due| due.id).collect();
        schedule.end_pass();
        fired
    }

    #[test]
    fn on_stream_time_the_first_is_due_at_once_and_on_the_wall_clock_after_the_interval() {
        let mut schedule = Schedule::default();
        let stream = schedule.add(NODE, PunctuationKind::StreamTime, Duration::from_millis(10), 1_000);
        let wall = schedule.add(NODE, PunctuationKind::WallClock, Duration::from_millis(10), 1_000);
        assert_eq!(schedule.next_on_wall_clock(), 1_010);
        assert_eq!(fired(&mut schedule, PunctuationKind::StreamTime, 3), [stream]);
        assert!(!schedule.is_due_on_stream_time(9) && schedule.is_due_on_stream_time(10));
        assert_eq!(fired(&mut schedule, PunctuationKind::WallClock, 1_009), []);
        assert_eq!(fired(&mut schedule, PunctuationKind::WallClock, 1_010), [wall]);
    }

    #[test]
    fn the_earliest_goes_first_and_a_cancelled_one_never() {
        let mut schedule = Schedule::default();
        let add = |schedule: &mut Schedule, ms| {
            schedule.add(NODE, PunctuationKind::WallClock, Duration::from_millis(ms), 0)
        };
        let (late, gone, early) = (add(&mut schedule, 7), add(&mut schedule, 5), add(&mut schedule, 3));
        schedule.cancel(gone);
        assert_eq!(fired(&mut schedule, PunctuationKind::WallClock, 8), [early, late]);
    }

    #[test]
    fn again_means_the_next_pass() {
        let mut schedule = Schedule::default();
        let id = schedule.add(NODE, PunctuationKind::WallClock, Duration::from_millis(5), 0);
        assert!(schedule.take(PunctuationKind::WallClock, 12).is_some());
        schedule.again(id);
        assert!(schedule.take(PunctuationKind::WallClock, 12).is_none());
        schedule.end_pass();
        assert_eq!(fired(&mut schedule, PunctuationKind::WallClock, 12), [id]);
        assert_eq!(schedule.next_on_wall_clock(), 15);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// At each time it fires once if a multiple of the interval lies between the time before and this one.
        #[test]
        fn missed_intervals_fire_once(interval in 1_u64..20, steps in proptest::collection::vec(0_i64..60, 0..30)) {
            let mut schedule = Schedule::default();
            let id = schedule.add(NODE, PunctuationKind::StreamTime, Duration::from_millis(interval), 0);
            let (mut before, mut time) = (None, 0);
            for step in steps {
                time += step;
                let turn = time / interval as i64;
                let expected = if before == Some(turn) { vec![] } else { vec![id] };
                prop_assert_eq!(fired(&mut schedule, PunctuationKind::StreamTime, time), expected);
                before = Some(turn);
            }
        }
    }
}
