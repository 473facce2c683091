use std::sync::{Arc, Weak};

use tokio::sync::Notify;

/// Fetches that wait for a partition, each told once. One that gave up leaves only a dead weak pointer, and these
/// are swept out whenever the list has doubled: the list is bounded by twice the fetches that wait.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    waiting: Vec<Weak<Notify>>,
    /// Length at which the list is swept next.
    sweep_at: usize,
}

/// Shorter lists are not worth a sweep.
const MIN_SWEEP: usize = 16;

impl Waiters {
    pub(super) fn register(&mut self, waiter: &Arc<Notify>) {
        if self.waiting.len() >= self.sweep_at.max(MIN_SWEEP) {
            self.waiting.retain(|other| {
                other.strong_count() > 0 && !std::ptr::eq(other.as_ptr(), Arc::as_ptr(waiter))
            });
            self.sweep_at = self.waiting.len() * 2;
        }
        self.waiting.push(Arc::downgrade(waiter));
    }

    /// Tells everyone and forgets them.
    pub(super) fn notify(&mut self) {
        for waiter in self.waiting.drain(..).filter_map(|waiter| waiter.upgrade()) {
            // Not `notify_waiters`: who registered and does not wait yet must find the permit.
            waiter.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiters_that_gave_up_do_not_pile_up() {
        let mut waiters = Waiters::default();
        let alive = Arc::new(Notify::new());
        for _ in 0..1000 {
            waiters.register(&alive);
            waiters.register(&Arc::new(Notify::new()));
        }
        assert!(waiters.waiting.len() <= 2 * MIN_SWEEP, "{}", waiters.waiting.len());
    }
}
