//! What became of a batch, and the futures of the records in it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use millstream_wire::ids::Offset;
use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::{Error, Result};

/// Where a record was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordMetadata {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Its offset; `None` with `acks=0`, and for a retry that the broker had already stored and no longer remembers.
    pub offset: Option<Offset>,
    /// The record's timestamp, ms: the broker's where the topic has `message.timestamp.type=LogAppendTime`.
    pub timestamp: i64,
}

/// Where a batch was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) base_offset: Option<Offset>,
    /// The broker's time, ms, where it sets the timestamps.
    pub(crate) append_time: Option<i64>,
}

/// A batch that was not written: the index of its first record, its bytes, and why.
pub(crate) type Kept = (u32, Bytes, Error);

/// One per batch, shared by the sender and every record's [`Delivery`]; so a delivery costs a reference count.
#[derive(Debug)]
pub(crate) struct Completion {
    /// Names the batch among those that a flush waits for.
    pub(crate) id: u64,
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    /// Read without the lock: most deliveries are looked at after the fact, or never.
    done: AtomicBool,
    /// A blocking lock: held for a push.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The outcomes, by the index of the first record they are about: one, or several after a split.
    parts: SmallVec<[(u32, Result<Written>); 1]>,
    /// Records without an outcome, once the batch is sealed.
    missing: Option<u32>,
    /// Records that have one.
    settled: u32,
    /// What was not written, as it was sent, for who wants it back; each by the index of its first record.
    rejected: Option<Vec<Kept>>,
    wakers: Vec<Waker>,
}

impl Completion {
    pub(crate) fn new(id: u64, topic: Arc<str>, partition: i32) -> Arc<Self> {
        Arc::new(Self { id, topic, partition, done: AtomicBool::new(false), state: Mutex::default() })
    }

    /// Has what is not written kept, to be had [back](Self::rejected).
    pub(crate) fn keep_rejected(&self) {
        self.state.lock().rejected = Some(Vec::new());
    }

    /// Keeps the bytes of a batch that was not written, if anybody wants them.
    pub(crate) fn reject(&self, first: u32, bytes: &Bytes, error: &Error) {
        if let Some(rejected) = &mut self.state.lock().rejected {
            rejected.push((first, bytes.clone(), error.clone()));
        }
    }

    /// The batches that were not written; `None`: nobody asked to have them kept.
    pub(crate) fn rejected(&self) -> Option<Vec<Kept>> {
        self.state.lock().rejected.clone()
    }

    /// Fixes how many records the batch has.
    pub(crate) fn sealed(&self, records: u32) {
        self.state.lock().missing = Some(records);
    }

    /// Settles `records` records from index `first` on.
    pub(crate) fn settle(&self, first: u32, records: u32, outcome: Result<Written>) {
        let mut state = self.state.lock();
        state.parts.push((first, outcome));
        state.settled += records;
        if state.missing.is_none_or(|missing| state.settled >= missing) {
            self.done.store(true, Ordering::Release);
            let wakers = std::mem::take(&mut state.wakers);
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// The outcome of the record with this index, once the whole batch is done.
    pub(crate) fn outcome(&self, index: u32) -> Option<Result<Written>> {
        if !self.is_done() {
            return None;
        }
        let state = self.state.lock();
        let part = state.parts.iter().filter(|(first, _)| *first <= index).max_by_key(|(first, _)| *first)?;
        let shift = |written: &Written| Written {
            base_offset: written.base_offset.map(|base| base.plus(i64::from(index - part.0))),
            ..*written
        };
        Some(part.1.as_ref().map(shift).map_err(Error::clone))
    }

    /// The first failure in the batch and the highest offset that was written.
    pub(crate) fn summary(&self, records: u32) -> (Option<Error>, Option<Offset>) {
        let failed = self.state.lock().parts.iter().find_map(|(_, outcome)| outcome.as_ref().err().cloned());
        let last = self.outcome(records.saturating_sub(1)).and_then(Result::ok);
        (failed, last.and_then(|written| written.base_offset))
    }

    /// Waits for the batch.
    pub(crate) fn wait(self: &Arc<Self>) -> Done {
        Done(Arc::clone(self))
    }

    pub(crate) fn poll_done(&self, cx: &Context<'_>) -> Poll<()> {
        if self.is_done() {
            return Poll::Ready(());
        }
        let mut state = self.state.lock();
        if self.is_done() {
            return Poll::Ready(());
        }
        if !state.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

/// See [`Completion::wait`].
pub(crate) struct Done(Arc<Completion>);

impl Future for Done {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_done(cx)
    }
}

/// The fate of one record: a future of its [`RecordMetadata`]. May be dropped; the record is sent all the same.
/// Whoever drops it learns of a failure from the next flush.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub(crate) completion: Arc<Completion>,
    pub(crate) index: u32,
    pub(crate) timestamp: i64,
}

impl Delivery {
    /// The partition that the record goes to; known before it is written.
    #[must_use]
    pub fn partition(&self) -> i32 {
        self.completion.partition
    }

    /// The outcome, if it is known.
    ///
    /// # Errors
    /// Why the record was not written.
    #[must_use]
    pub fn now(&self) -> Option<Result<RecordMetadata>> {
        let metadata = |written: Written| RecordMetadata {
            topic: Arc::clone(&self.completion.topic),
            partition: self.completion.partition,
            offset: written.base_offset,
            timestamp: written.append_time.unwrap_or(self.timestamp),
        };
        Some(self.completion.outcome(self.index)?.map(metadata))
    }
}

impl Future for Delivery {
    type Output = Result<RecordMetadata>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.completion.poll_done(cx) {
            Poll::Ready(()) => Poll::Ready(self.now().unwrap_or(Err(Error::Closed))),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_a_split_batch_find_their_part() {
        let completion = Completion::new(0, "t".into(), 0);
        completion.sealed(5);
        let written = |offset| Ok(Written { base_offset: Some(Offset(offset)), append_time: None });
        completion.settle(3, 2, written(100));
        assert!(completion.outcome(4).is_none(), "not all is known");
        completion.settle(0, 3, Err(Error::Closed));
        assert_eq!(completion.outcome(4).unwrap().unwrap().base_offset, Some(Offset(101)));
        assert!(completion.outcome(2).unwrap().is_err());
    }
}
