use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Given;
use crate::task::TaskId;

/// What the group last told one thread beside its partitions: written by the client's task as an assignment comes, taken by the
/// thread with the event of that assignment.
#[derive(Debug, Default)]
pub(crate) struct AssignedHere {
    /// A lock of std's kind: held for a copy, once a rebalance.
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    standbys: BTreeSet<TaskId>,
    awaited: BTreeSet<TaskId>,
    news: Option<News>,
}

/// What a thread has not heard yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct News {
    /// The tasks whose state it keeps a copy of from now on.
    pub(crate) standbys: BTreeSet<TaskId>,
    /// After how long (ms) it asks for another rebalance; 0: it need not.
    pub(crate) probe_after_ms: u64,
}

impl AssignedHere {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(super) fn tell(&self, given: &Given) {
        let mut inner = self.inner.lock();
        inner.standbys.clone_from(&given.standbys);
        inner.awaited.clone_from(&given.awaited);
        inner.news = Some(News { standbys: given.standbys.clone(), probe_after_ms: given.probe_after_ms });
    }

    /// The tasks that the thread was last told to keep a copy of.
    pub(super) fn standbys(&self) -> BTreeSet<TaskId> {
        self.inner.lock().standbys.clone()
    }

    /// Those of them that were to come to run here.
    pub(super) fn awaited(&self) -> BTreeSet<TaskId> {
        self.inner.lock().awaited.clone()
    }

    pub(crate) fn take_news(&self) -> Option<News> {
        self.inner.lock().news.take()
    }
}
