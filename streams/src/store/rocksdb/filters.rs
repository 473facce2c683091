//! Bloom filters of memtables: most keys that a large store is asked for are in none of its memtables, and a skip list of a million
//! entries is a long way to go to learn that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What part of a memtable its filter takes: ten bits a key where an entry takes eighty bytes.
pub(super) const PART_OF_MEMTABLE: usize = 64;

/// What part of all memtables their filters may take together. A filter has its size from the first entry on; where stores are so
/// many that this does not go round, their memtables are short.
const PART_OF_SHARE: usize = 8;

/// The memory for the filters of all databases of a process.
#[derive(Debug, Clone)]
pub(super) struct FilterBudget(Arc<AtomicUsize>);

/// What a database was lent for its filters; given back when it closes.
#[derive(Debug)]
pub(super) struct Filters {
    budget: FilterBudget,
    bytes: usize,
}

impl FilterBudget {
    /// Of memtables that may take so many bytes together.
    pub(super) fn new(write_share: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(write_share / PART_OF_SHARE)))
    }

    /// Nothing yet, for a database that opens.
    pub(super) fn open(&self) -> Filters {
        Filters { budget: self.clone(), bytes: 0 }
    }
}

impl Filters {
    /// Whether a memtable of so many bytes may have a filter.
    pub(super) fn lend(&mut self, memtable_bytes: usize) -> bool {
        let bytes = memtable_bytes / PART_OF_MEMTABLE;
        let take = |left: usize| left.checked_sub(bytes);
        let lent = self.budget.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        self.bytes += if lent { bytes } else { 0 };
        lent
    }
}

impl Drop for Filters {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_bounded_and_comes_back() {
        let budget = FilterBudget::new(8 << 20);
        let (mut first, mut second) = (budget.open(), budget.open());
        assert!((0..10).all(|_| first.lend(4 << 20)));
        assert_eq!(
            (0..10).filter(|_| second.lend(4 << 20)).count(),
            6,
            "sixteen times 64 KiB are the eighth"
        );
        drop(first);
        assert!(second.lend(4 << 20));
    }
}
