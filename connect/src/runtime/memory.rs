//! One budget of bytes for all tasks of a worker.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

/// A permit of the semaphore stands for so many bytes.
const UNIT: usize = 1 << 10;

/// What the records that tasks hold may take in memory, together. Whoever finds no room fetches nothing more until there is
/// some; a batch that is larger than the whole budget is let through alone.
#[derive(Debug, Clone)]
pub struct MemoryBudget {
    free: Arc<Semaphore>,
    units: usize,
}

/// Room that somebody has; it is given back when this is dropped.
#[derive(Debug)]
#[must_use = "dropping it gives the room back"]
pub struct Room {
    permit: OwnedSemaphorePermit,
}

impl Room {
    /// Gives back what is more than so many bytes.
    pub fn shrink(&mut self, bytes: usize) {
        let more = self.permit.num_permits().saturating_sub(bytes.div_ceil(UNIT));
        drop(self.permit.split(more));
    }
}

impl MemoryBudget {
    /// So many bytes, at least one unit of a KiB.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Self { free: Arc::new(Semaphore::new(units)), units }
    }

    /// Room for so many bytes, if there is some now.
    #[must_use]
    pub fn try_take(&self, bytes: usize) -> Option<Room> {
        match Arc::clone(&self.free).try_acquire_many_owned(self.units_of(bytes)) {
            Ok(permit) => Some(Room { permit }),
            Err(TryAcquireError::NoPermits | TryAcquireError::Closed) => None,
        }
    }

    /// Waits for room. Those who wait are served in the order in which they came.
    pub async fn take(&self, bytes: usize) -> Option<Room> {
        let permit = Arc::clone(&self.free).acquire_many_owned(self.units_of(bytes)).await.ok()?;
        Some(Room { permit })
    }

    /// Bytes that are taken.
    #[must_use]
    pub fn used(&self) -> usize {
        (self.units - self.free.available_permits()) * UNIT
    }

    fn units_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT).clamp(1, self.units)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_bounded_and_comes_back() {
        let budget = MemoryBudget::new(10 << 10);
        let mut first = budget.try_take(6 << 10).unwrap();
        assert!(budget.try_take(6 << 10).is_none());
        assert_eq!(budget.used(), 6 << 10);
        first.shrink(7 << 10);
        assert_eq!(budget.used(), 6 << 10);
        first.shrink(2 << 10);
        assert_eq!(budget.used(), 2 << 10);
        drop(first);
        let whole = budget.try_take(usize::MAX).unwrap();
        assert!(budget.try_take(1).is_none(), "a batch over the budget is alone");
        drop(whole);
        assert_eq!(budget.used(), 0);
    }
}
