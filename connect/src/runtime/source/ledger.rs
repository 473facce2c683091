//! Which positions of a source may be stored: those before which every record is acknowledged.

use std::collections::VecDeque;

/// The batches of a source between poll and acknowledgement, in the order of polling. `P` is what may be stored once a batch
/// and all before it are acknowledged.
#[derive(Debug)]
pub(crate) struct Ledger<P> {
    open: VecDeque<Entry<P>>,
    /// The id of the first entry of `open`.
    first: u64,
}

#[derive(Debug)]
struct Entry<P> {
    /// Records that are not acknowledged.
    missing: usize,
    /// No more records are added.
    sealed: bool,
    positions: P,
}

/// Names a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BatchId(u64);

impl<P> Default for Ledger<P> {
    fn default() -> Self {
        Self { open: VecDeque::new(), first: 0 }
    }
}

impl<P> Ledger<P> {
    /// A batch was polled.
    pub(crate) fn open(&mut self, positions: P) -> BatchId {
        self.open.push_back(Entry { missing: 0, sealed: false, positions });
        BatchId(self.first + self.open.len() as u64 - 1)
    }

    /// One more record of it is on its way to the broker.
    pub(crate) fn sent(&mut self, batch: BatchId) {
        if let Some(entry) = self.entry(batch) {
            entry.missing += 1;
        }
    }

    /// All records of it are on their way, or dropped, or dead letters that are written. Returns what was opened with it.
    pub(crate) fn seal(&mut self, batch: BatchId) -> Option<&mut P> {
        let entry = self.entry(batch)?;
        entry.sealed = true;
        Some(&mut entry.positions)
    }

    /// So many records of it are acknowledged.
    pub(crate) fn acknowledged(&mut self, batch: BatchId, records: usize) {
        if let Some(entry) = self.entry(batch) {
            entry.missing -= records;
        }
    }

    /// The oldest batch, if it and so everything before it is acknowledged: its positions may be stored.
    pub(crate) fn pop(&mut self) -> Option<P> {
        let front = self.open.front()?;
        if !front.sealed || front.missing > 0 {
            return None;
        }
        self.first += 1;
        self.open.pop_front().map(|entry| entry.positions)
    }

    fn entry(&mut self, batch: BatchId) -> Option<&mut Entry<P>> {
        self.open.get_mut(usize::try_from(batch.0.checked_sub(self.first)?).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    const LINES: u64 = 200;

    /// A worker that reads on from the stored position, sends, and is killed at any moment; a broker that acknowledges in any
    /// order, and not at all what it had not received.
    fn life(random: &mut StdRng, stored: &mut u64, log: &mut BTreeSet<u64>) {
        let mut ledger = Ledger::default();
        let mut under_way: Vec<(BatchId, u64)> = Vec::new();
        let mut next = *stored;
        for _ in 0..random.random_range(1..80) {
            if next < LINES && random.random_bool(0.5) {
                let end = (next + random.random_range(1..10)).min(LINES);
                let batch = ledger.open(end);
                for line in next..end {
                    // Every seventh is dropped by a transform.
                    if line % 7 != 3 {
                        ledger.sent(batch);
                        under_way.push((batch, line));
                    }
                }
                ledger.seal(batch);
                next = end;
            }
            for _ in 0..random.random_range(0..6_usize).min(under_way.len()) {
                let (batch, line) = under_way.swap_remove(random.random_range(0..under_way.len()));
                log.insert(line);
                ledger.acknowledged(batch, 1);
            }
            while let Some(position) = ledger.pop() {
                assert!(position > *stored, "positions only go forward");
                *stored = position;
            }
        }
    }

    #[test]
    fn no_crash_between_produce_and_acknowledgement_loses_a_line() {
        for seed in 0..500 {
            let mut random = StdRng::seed_from_u64(seed);
            let (mut stored, mut log, mut lives) = (0, BTreeSet::new(), 0);
            while stored < LINES {
                life(&mut random, &mut stored, &mut log);
                let lost = (0..stored).find(|line| line % 7 != 3 && !log.contains(line));
                assert_eq!(lost, None, "seed {seed}: lost below the stored position {stored}");
                lives += 1;
                assert!(lives < 10_000, "seed {seed}: no end");
            }
        }
    }

    #[test]
    fn a_batch_that_is_still_being_sent_is_not_stored() {
        let mut ledger = Ledger::default();
        let batch = ledger.open("a");
        ledger.sent(batch);
        ledger.acknowledged(batch, 1);
        assert_eq!(ledger.pop(), None);
        ledger.seal(batch);
        assert_eq!((ledger.pop(), ledger.pop()), (Some("a"), None));
    }
}
