//! What the parts of a consumer share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;

use futures::task::AtomicWaker;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::config::ConsumerConfig;
use super::coordinator::{Coordinator, Member};
use super::desk::{Desk, Item};
use crate::cluster::Cluster;

/// Shared by the program's handle, the fetcher and the group's task.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ConsumerConfig,
    pub(crate) cluster: Cluster,
    /// Where the group's offsets are kept; nothing without `group.id`.
    pub(crate) coordinator: Option<Coordinator>,
    /// A blocking lock: held for look-ups and queue operations, once per fetched range.
    desk: Mutex<Desk>,
    /// The program, waiting in a poll.
    reader: AtomicWaker,
    /// Tells the fetcher that there may be something to fetch.
    pub(crate) work: Notify,
    started: Instant,
    /// When the program last polled, in milliseconds since `started`.
    polled: AtomicU64,
    /// The program waits in a poll.
    polling: AtomicBool,
    /// Who this consumer is to its group. A blocking lock: held for a copy.
    pub(crate) member: Mutex<Member>,
}

impl Shared {
    pub(crate) fn new(config: ConsumerConfig, cluster: Cluster) -> Self {
        let coordinator = config.group_id.as_deref().map(Coordinator::new);
        Self {
            config,
            cluster,
            coordinator,
            desk: Mutex::default(),
            reader: AtomicWaker::new(),
            work: Notify::new(),
            started: Instant::now(),
            polled: AtomicU64::new(0),
            polling: AtomicBool::new(false),
            member: Mutex::new(Member::none()),
        }
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock()
    }

    /// Changes the desk, and wakes whoever may have something to do then.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut Desk) -> T) -> T {
        let outcome = change(&mut self.desk.lock());
        self.reader.wake();
        self.work.notify_one();
        outcome
    }

    /// The next item for the program.
    pub(crate) async fn next(&self) -> Item {
        let _polling = Polling::begin(self);
        std::future::poll_fn(|cx| {
            if let Some(item) = self.take() {
                return Poll::Ready(item);
            }
            self.reader.register(cx.waker());
            self.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    fn take(&self) -> Option<Item> {
        let item = self.desk.lock().take(self.config.max_poll_records)?;
        self.work.notify_one();
        Some(item)
    }

    fn note_poll(&self) {
        self.polled.store(self.started.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// When the program last polled; now, while it waits in a poll.
    pub(crate) fn last_poll(&self) -> Instant {
        if self.polling.load(Ordering::Relaxed) {
            return Instant::now();
        }
        self.started + std::time::Duration::from_millis(self.polled.load(Ordering::Relaxed))
    }
}

/// Marks a poll under way, also when its future is dropped half-way.
struct Polling<'a>(&'a Shared);

impl<'a> Polling<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.note_poll();
        shared.polling.store(true, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.note_poll();
        self.0.polling.store(false, Ordering::Relaxed);
    }
}
