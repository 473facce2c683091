use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};

use parking_lot::{Condvar, Mutex};

use super::Partition;

/// Threads that fsync. Commits of one file are shared; threads let those of different files overlap.
pub(super) const DEFAULT_FLUSHERS: usize = 4;

/// Fsyncs dirty partitions. A partition is queued once however often it is written to meanwhile, so all appends
/// that arrive while one fsync runs share the next: the queue is bounded by the number of partitions.
#[derive(Debug, Default)]
pub(super) struct Flusher {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    dirty: VecDeque<Weak<Partition>>,
    closed: bool,
}

impl Flusher {
    /// Starts the threads.
    pub(super) fn start(self: &Arc<Self>, threads: usize) -> io::Result<Vec<JoinHandle<()>>> {
        (0..threads)
            .map(|number| {
                let flusher = Arc::clone(self);
                thread::Builder::new().name(format!("log-flusher-{number}")).spawn(move || flusher.run())
            })
            .collect()
    }

    pub(super) fn push(&self, partition: Weak<Partition>) {
        self.queue.lock().dirty.push_back(partition);
        self.wake.notify_one();
    }

    /// Ends the threads once the queue is empty.
    pub(super) fn close(&self) {
        self.queue.lock().closed = true;
        self.wake.notify_all();
    }

    fn run(&self) {
        while let Some(partition) = self.next() {
            if let Some(partition) = partition.upgrade() {
                partition.flush_queued();
            }
        }
    }

    fn next(&self) -> Option<Weak<Partition>> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(partition) = queue.dirty.pop_front() {
                return Some(partition);
            }
            if queue.closed {
                return None;
            }
            self.wake.wait(&mut queue);
        }
    }
}
