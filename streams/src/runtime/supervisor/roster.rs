//! Which stream threads an application has, and what follows when one ends: decided without a thread in sight.

use std::collections::BTreeMap;

use crate::runtime::UncaughtResponse;

/// A thread that has lived for so long (ms) is replaced at once; one that has not dies in a loop.
const STEADY_MS: i64 = 60_000;

/// How long (ms) the second replacement in a row waits; each further one twice as long.
const FIRST_WAIT_MS: i64 = 500;

/// The longest wait (ms) for a replacement.
const LONGEST_WAIT_MS: i64 = 30_000;

/// The threads by their index, which names them: one that has gone is the next one's to use, as in Kafka Streams.
#[derive(Debug, Default)]
pub(super) struct Roster {
    threads: BTreeMap<usize, Thread>,
    /// Whether the end of the application has been announced.
    announced: bool,
}

#[derive(Debug)]
struct Thread {
    stage: Stage,
    /// When (ms) it was started last.
    started: i64,
    /// How often in a row it has died young.
    young_deaths: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// Told to end.
    Leaving,
    /// Dead; its replacement is due at this time (ms).
    Replaced(i64),
    /// Dead, and not replaced: the application is to end.
    Dead,
}

/// What follows the end of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The others go on.
    Removed,
    /// Another one takes its place, after so many milliseconds.
    Replaced { after_ms: i64 },
    /// The group is told that the application is to end: by this new thread, if no other is left to do it.
    Announce { messenger: Option<usize> },
    /// The application stops.
    Stop,
}

/// Whom a removal concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaver {
    /// A thread that is to be told.
    Running(usize),
    /// One that was waiting to be replaced, and is not any more.
    Dead(usize),
}

impl Roster {
    /// A place for another thread.
    pub(super) fn add(&mut self, now: i64) -> usize {
        let index = (0..).find(|index| !self.threads.contains_key(index)).unwrap_or_default();
        let thread = Thread { stage: Stage::Running, started: now, young_deaths: 0 };
        self.threads.insert(index, thread);
        index
    }

    /// A thread has come to nothing before it began.
    pub(super) fn forget(&mut self, index: usize) {
        self.threads.remove(&index);
    }

    /// Chooses who is to go: the last one that works, else one that waits. `None`: there is nobody left.
    pub(super) fn remove(&mut self) -> Option<Leaver> {
        let last = |wanted: fn(Stage) -> bool| {
            let mut fit = self.threads.iter().rev().filter(|(_, thread)| wanted(thread.stage));
            fit.next().map(|(index, _)| *index)
        };
        if let Some(index) = last(|stage| stage == Stage::Running) {
            self.threads.entry(index).and_modify(|thread| thread.stage = Stage::Leaving);
            return Some(Leaver::Running(index));
        }
        let index = last(|stage| matches!(stage, Stage::Replaced(_)))?;
        self.threads.remove(&index);
        Some(Leaver::Dead(index))
    }

    /// A thread has ended; `response`: what to do if nobody had told it to.
    pub(super) fn ended(&mut self, index: usize, response: UncaughtResponse, now: i64) -> Next {
        let Some(thread) = self.threads.get_mut(&index) else { return Next::Removed };
        if thread.stage == Stage::Leaving {
            self.threads.remove(&index);
            return Next::Removed;
        }
        if self.announced {
            thread.stage = Stage::Dead;
            return self.announce(now);
        }
        match response {
            UncaughtResponse::ReplaceThread => {}
            UncaughtResponse::ShutdownClient => return Next::Stop,
            UncaughtResponse::ShutdownApplication => {
                thread.stage = Stage::Dead;
                return self.announce(now);
            }
        }
        let lived = now.saturating_sub(thread.started);
        thread.young_deaths = if lived < STEADY_MS { thread.young_deaths + 1 } else { 0 };
        let after_ms = match thread.young_deaths {
            0 | 1 => 0,
            again => (FIRST_WAIT_MS << (again - 2).min(16)).min(LONGEST_WAIT_MS),
        };
        thread.stage = Stage::Replaced(now + after_ms);
        Next::Replaced { after_ms }
    }

    /// The application is to end. A thread that takes the place of a dead one is given back its place in the group, and nobody
    /// hears anything: a new one makes the group assign anew.
    pub(super) fn announce(&mut self, now: i64) -> Next {
        let is_heard = self.threads.values().any(|thread| thread.stage == Stage::Running);
        let is_announced = std::mem::replace(&mut self.announced, true);
        match (is_heard, is_announced) {
            (true, _) => Next::Announce { messenger: None },
            (false, false) => Next::Announce { messenger: Some(self.add(now)) },
            (false, true) => Next::Stop,
        }
    }

    /// The threads whose replacements are to be started now.
    pub(super) fn due(&mut self, now: i64) -> Vec<usize> {
        let mut due = Vec::new();
        for (index, thread) in &mut self.threads {
            if matches!(thread.stage, Stage::Replaced(at) if at <= now) {
                (thread.stage, thread.started) = (Stage::Running, now);
                due.push(*index);
            }
        }
        due
    }

    /// When (ms) the next replacement is due; `i64::MAX`: none is.
    pub(super) fn next_due(&self) -> i64 {
        let due = self.threads.values().filter_map(|thread| match thread.stage {
            Stage::Replaced(at) => Some(at),
            Stage::Running | Stage::Leaving | Stage::Dead => None,
        });
        due.min().unwrap_or(i64::MAX)
    }

    /// How many threads share what there is: those that leave do not count any more.
    pub(super) fn len(&self) -> usize {
        let leaves = |stage| matches!(stage, Stage::Leaving | Stage::Dead);
        self.threads.values().filter(|thread| !leaves(thread.stage)).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const REPLACE: UncaughtResponse = UncaughtResponse::ReplaceThread;

    #[test]
    fn a_place_that_was_left_is_the_next_ones() {
        let mut roster = Roster::default();
        assert_eq!((roster.add(0), roster.add(0), roster.add(0)), (0, 1, 2));
        assert_eq!(roster.remove(), Some(Leaver::Running(2)));
        assert_eq!(roster.len(), 2);
        assert_eq!(roster.add(0), 3, "it is still there");
        assert_eq!(roster.ended(2, REPLACE, 0), Next::Removed);
        assert_eq!(roster.add(0), 2);
    }

    #[test]
    fn a_thread_that_dies_young_waits_longer_each_time() {
        let mut roster = Roster::default();
        let index = roster.add(0);
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..9 {
            let Next::Replaced { after_ms } = roster.ended(index, REPLACE, now) else {
                panic!("not replaced")
            };
            assert!(after_ms == 0 || roster.due(now).is_empty());
            assert_eq!(roster.next_due(), now + after_ms);
            now += after_ms;
            assert_eq!(roster.due(now), [index]);
            waits.push(after_ms);
        }
        assert_eq!(waits, [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        now += STEADY_MS;
        assert_eq!(roster.ended(index, REPLACE, now), Next::Replaced { after_ms: 0 });
    }

    #[test]
    fn one_that_waits_can_be_removed_and_then_nobody_is_left() {
        let mut roster = Roster::default();
        let index = roster.add(0);
        roster.ended(index, REPLACE, 0);
        assert_eq!(roster.remove(), Some(Leaver::Dead(index)));
        assert_eq!((roster.due(i64::MAX), roster.remove(), roster.len()), (vec![], None, 0));
    }

    #[test]
    fn an_instance_that_is_to_stop_does_unless_the_thread_was_leaving() {
        let mut roster = Roster::default();
        let (stays, leaves) = (roster.add(0), roster.add(0));
        assert_eq!(roster.remove(), Some(Leaver::Running(leaves)));
        assert_eq!(roster.ended(stays, UncaughtResponse::ShutdownClient, 0), Next::Stop);
        assert_eq!(roster.ended(leaves, UncaughtResponse::ShutdownClient, 0), Next::Removed);
    }

    #[test]
    fn the_end_of_the_application_is_announced_by_whoever_is_left_or_by_a_new_thread() {
        const END: UncaughtResponse = UncaughtResponse::ShutdownApplication;
        let mut roster = Roster::default();
        let (first, second) = (roster.add(0), roster.add(0));
        assert_eq!(roster.ended(first, END, 0), Next::Announce { messenger: None });
        assert_eq!(roster.ended(second, END, 0), Next::Stop, "nobody is left to tell, and it was tried");

        let mut roster = Roster::default();
        let only = roster.add(0);
        assert_eq!(roster.ended(only, END, 0), Next::Announce { messenger: Some(1) });
        assert_eq!((roster.len(), roster.due(i64::MAX)), (1, vec![]));
        assert_eq!(roster.ended(1, REPLACE, 0), Next::Stop, "the messenger has died too");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever is added, removed and dies: whoever is started does not run already, and the number is what it should be.
        #[test]
        fn nobody_runs_twice(steps in vec((0u8..4, 0i64..1_000), 0..60)) {
            let (mut roster, mut running, mut expected, mut now) = (Roster::default(), Vec::new(), 0, 0);
            for (step, passed) in steps {
                now += passed;
                match step {
                    0 => {
                        running.push(roster.add(now));
                        expected += 1;
                    }
                    1 => match roster.remove() {
                        Some(Leaver::Running(index)) => {
                            expected -= 1;
                            running.retain(|other| *other != index);
                            prop_assert_eq!(roster.ended(index, REPLACE, now), Next::Removed);
                        }
                        Some(Leaver::Dead(_)) => expected -= 1,
                        None => prop_assert_eq!(expected, 0),
                    },
                    2 => {
                        if let Some(index) = running.pop() {
                            let next = roster.ended(index, REPLACE, now);
                            let replaced = matches!(next, Next::Replaced { .. });
                            prop_assert!(replaced);
                        }
                    }
                    _ => for index in roster.due(now) {
                        prop_assert!(!running.contains(&index));
                        running.push(index);
                    },
                }
                prop_assert_eq!(roster.len(), expected);
            }
        }
    }
}
