//! What a task has given and is not safe yet: records stay here until the target has flushed them, since nobody could read them again
//! but by starting over.
//!
//! ```text
//! give ─► waiting ─► take ─► (written by the shell) ─► settle ─► written ─► flushed: let go
//!            ▲                                            │         │
//!            ├──────────── to be tried again ◄────────────┤         │
//!            ├──────────── rewind: the flush failed ◄─────┼─────────┘
//!            └                                            └─► given up: refused, which is as good as safe
//! ```

use std::collections::VecDeque;
use std::time::Instant;

use millstream_client::TopicPartition;

use crate::record::Record;
use crate::runtime::{Lanes, RetryBudget, Slot, Taken, bisect::Verdict};

/// The records of one task, in one lane: their order is the task's. `T` is what comes with each and goes with it.
#[derive(Debug)]
pub(super) struct Held<T> {
    lanes: Lanes<()>,
    lane: TopicPartition,
    entries: VecDeque<Entry<T>>,
    /// The number of the first entry.
    first: i64,
}

#[derive(Debug)]
struct Entry<T> {
    /// `None`: it is being written, or was given up.
    record: Option<Record>,
    with: Option<T>,
    bytes: usize,
}

/// A record that the target will never take.
#[derive(Debug)]
pub(super) struct GivenUp<T> {
    pub(super) record: Record,
    pub(super) with: T,
    pub(super) why: String,
    /// How many records were taken between the one given up before and this.
    pub(super) passed_before: usize,
}

impl<T> Held<T> {
    pub(super) fn new(budget: RetryBudget) -> Self {
        let lane = TopicPartition::new("", 0);
        Self { lanes: Lanes::new(budget), lane, entries: VecDeque::new(), first: 0 }
    }

    /// A record comes, which takes so many bytes.
    pub(super) fn give(&mut self, record: Record, with: T, bytes: usize) {
        let number = self.next();
        self.entries.push_back(Entry { record: Some(record), with: Some(with), bytes });
        self.lanes.arrive(&self.lane, number, [(number, ())], number + 1);
    }

    /// How many records were let go or are here.
    fn next(&self) -> i64 {
        self.first + i64::try_from(self.entries.len()).unwrap_or(i64::MAX)
    }

    /// How many records were let go: the target has them, or has refused them.
    pub(super) fn safe(&self) -> u64 {
        self.first.unsigned_abs()
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether all that is held is written, and lacks but a flush.
    pub(super) fn is_written(&self) -> bool {
        self.lanes.waiting() == 0
    }

    /// How many records may be written now.
    pub(super) fn ready(&self, now: Instant) -> usize {
        self.lanes.ready(now)
    }

    /// When something that is tried again may be.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.lanes.wake_at()
    }

    /// Up to `max` records to be written.
    pub(super) fn take(&mut self, now: Instant, max: usize) -> (Vec<Slot>, Vec<Record>) {
        let (mut taken, mut records) = (Vec::new(), Vec::new());
        for slot in self.lanes.take(now, max).slots() {
            if let Some(record) = self.entry(slot.offset).and_then(|entry| entry.record.take()) {
                taken.push(slot);
                records.push(record);
            }
        }
        (taken, records)
    }

    /// What became of the records that were taken. Returns those that are given up.
    pub(super) fn settle(
        &mut self,
        slots: Vec<Slot>,
        records: Vec<Record>,
        verdicts: Vec<Verdict>,
        now: Instant,
        random: f64,
    ) -> Vec<GivenUp<T>> {
        for (slot, record) in slots.iter().zip(records) {
            if let Some(entry) = self.entry(slot.offset) {
                entry.record = Some(record);
            }
        }
        let units = vec![(); slots.len()];
        let settled = Taken::of(slots, units);
        let mut all = Vec::new();
        for given_up in self.lanes.settle(settled, verdicts, now, random) {
            self.lanes.buried(&given_up.slot);
            let entry = self.entry(given_up.slot.offset);
            let parts = entry.and_then(|entry| Some((entry.record.take()?, entry.with.take()?)));
            let (why, passed_before) = (given_up.why, given_up.passed_before);
            all.extend(parts.map(|(record, with)| GivenUp { record, with, why, passed_before }));
        }
        all
    }

    /// The target takes nothing: nothing that is held counts as tried.
    pub(super) fn forgive(&mut self) {
        self.lanes.forgive();
    }

    /// All that was written is safe: lets it go. Returns how many bytes that were.
    pub(super) fn flushed(&mut self) -> usize {
        let done = self.lanes.committable();
        let mut bytes = 0;
        for (_, below) in &done {
            while self.first < *below
                && let Some(entry) = self.entries.pop_front()
            {
                self.first += 1;
                bytes += entry.bytes;
            }
        }
        self.lanes.committed(&done);
        bytes
    }

    /// Nothing of what is held is safe: it is written again, but for what was given up.
    pub(super) fn rewind(&mut self) {
        self.lanes.rewind();
        let here = (self.first..).zip(&self.entries).filter(|(_, entry)| entry.record.is_some());
        let numbers: Vec<(i64, ())> = here.map(|(number, _)| (number, ())).collect();
        let next = self.next();
        self.lanes.arrive(&self.lane, self.first, numbers, next);
    }

    fn entry(&mut self, number: i64) -> Option<&mut Entry<T>> {
        self.entries.get_mut(usize::try_from(number - self.first).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::data::Value;

    fn number(record: &Record) -> i64 {
        record.value.value.as_i64().unwrap()
    }

    /// Runs one seed against a target that keeps what it was flushed and may lose the rest. Every 17th record is never taken.
    fn run(seed: u64) {
        let random = &mut StdRng::seed_from_u64(seed);
        let mut now = Instant::now();
        let budget =
            RetryBudget { timeout: Some(Duration::from_secs(30)), delay_max: Duration::from_secs(2) };
        let mut held = Held::new(budget);
        let (mut given, mut written, mut refused) = (0_i64, Vec::new(), BTreeSet::new());
        let (mut safe, mut looked_at, mut bytes) = (BTreeSet::new(), 0, 0);
        for step in 0..3_000 {
            now += Duration::from_millis(random.random_range(0..300));
            // At the end nothing more comes, and nothing fails.
            let ends = step > 2_000;
            match random.random_range(0..4) {
                0 if !ends => {
                    for _ in 0..random.random_range(0..5) {
                        held.give(
                            Record::new("t".into(), crate::data::SchemaAndValue::schemaless(given)),
                            given,
                            3,
                        );
                        (given, bytes) = (given + 1, bytes + 3);
                    }
                }
                1 | 2 => {
                    let (slots, records) = held.take(now, random.random_range(1..8));
                    let mut verdicts = Vec::new();
                    for record in &records {
                        verdicts.push(match (number(record) % 17, random.random_bool(0.2) && !ends) {
                            (5, _) => Verdict::Reject { why: "poison".into() },
                            (_, true) => Verdict::Retry { after: Duration::ZERO, why: "busy".into() },
                            _ => Verdict::Ok,
                        });
                    }
                    let took = records.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Ok);
                    written.extend(took.map(|(record, _)| number(record)));
                    for given_up in held.settle(slots, records, verdicts, now, 0.5) {
                        assert_eq!(number(&given_up.record), given_up.with);
                        assert!(refused.insert(given_up.with), "seed {seed}: refused once");
                    }
                }
                _ if random.random_bool(0.3) && !ends => {
                    written.clear();
                    held.rewind();
                }
                _ => {
                    safe.extend(written.drain(..));
                    bytes -= held.flushed();
                }
            }
            let done = i64::try_from(held.safe()).unwrap();
            let lost = (looked_at..done).find(|number| !safe.contains(number) && !refused.contains(number));
            assert_eq!(lost, None, "seed {seed}: of {done}, {safe:?} are safe, {refused:?} refused");
            looked_at = done;
        }
        bytes -= held.flushed();
        assert!(held.is_empty() && held.is_written(), "seed {seed}: all comes to its end");
        assert_eq!((held.safe(), bytes), (given.unsigned_abs(), 0), "seed {seed}");
    }

    #[test]
    fn what_is_let_go_is_safe_or_refused_whatever_fails() {
        (0..60).for_each(run);
    }

    #[test]
    fn what_a_failed_flush_leaves_is_written_again_in_order() {
        let budget = RetryBudget { timeout: None, delay_max: Duration::from_secs(1) };
        let (mut held, now) = (Held::new(budget), Instant::now());
        (0..3_i64).for_each(|n| {
            held.give(Record::new("t".into(), crate::data::SchemaAndValue::schemaless(n)), (), 1)
        });
        let write = |held: &mut Held<()>| {
            let (slots, records) = held.take(now, 9);
            let values: Vec<Value> = records.iter().map(|record| record.value.value.clone()).collect();
            let verdicts = vec![Verdict::Ok; slots.len()];
            assert!(held.settle(slots, records, verdicts, now, 0.5).is_empty());
            values
        };
        let first = write(&mut held);
        assert_eq!((first.len(), held.safe(), held.is_written()), (3, 0, true));
        held.rewind();
        assert!(!held.is_written());
        assert_eq!(write(&mut held), first);
        assert_eq!((held.flushed(), held.safe()), (3, 3));
    }
}
