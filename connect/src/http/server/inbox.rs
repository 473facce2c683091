//! Between requests that bring records and the runtime that stores them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;

use crate::record::Record;
use crate::source::SourceBatch;

/// Where requests leave their records, and wait for what becomes of them: shared by all connections.
#[derive(Clone)]
pub(crate) struct Inbox {
    batches: mpsc::Sender<SourceBatch>,
    /// One for each request that may be under way, from its first byte to its answer.
    room: Arc<Semaphore>,
    /// How long a request waits, first for room and then for its records to be stored.
    patience: Duration,
}

/// What became of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// They are in their topics.
    Stored,
    /// They may not be, and never will be unless they come again.
    Lost,
    /// They are not yet. They may still be stored, so that they are there twice if they come again.
    Late,
}

impl Inbox {
    /// An inbox for so many requests at once, and where their batches come out.
    pub(crate) fn new(requests_max: usize, patience: Duration) -> (Self, mpsc::Receiver<SourceBatch>) {
        let (batches, waiting) = mpsc::channel(requests_max.max(1));
        (Self { batches, room: Arc::new(Semaphore::new(requests_max)), patience }, waiting)
    }

    /// Room for one request, asked for before its body is read; nothing where too many are under way for too long.
    pub(crate) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        timeout(self.patience, self.room.acquire()).await.ok()?.ok()
    }

    /// Leaves records, and waits until they are stored.
    pub(crate) async fn deliver(&self, records: Vec<Record>) -> Delivery {
        let (receipt, stored) = oneshot::channel();
        let batch = SourceBatch { records, receipt: Some(receipt), ..SourceBatch::default() };
        let deliver = async {
            if self.batches.send(batch).await.is_err() {
                return Delivery::Lost;
            }
            if stored.await.is_ok() { Delivery::Stored } else { Delivery::Lost }
        };
        timeout(self.patience, deliver).await.unwrap_or(Delivery::Late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        vec![Record::new("t".into(), crate::data::SchemaAndValue::string("x"))]
    }

    #[tokio::test]
    async fn an_answer_waits_for_the_receipt() {
        let (inbox, mut waiting) = Inbox::new(1, Duration::from_secs(60));
        let mut delivery = Box::pin(inbox.deliver(records()));
        assert!(futures::poll!(&mut delivery).is_pending());
        let batch = waiting.recv().await.unwrap();
        assert!(futures::poll!(&mut delivery).is_pending(), "taken is not stored");
        batch.receipt.unwrap().send(()).unwrap();
        assert_eq!(delivery.await, Delivery::Stored);
    }

    #[tokio::test]
    async fn what_is_dropped_is_lost_and_what_takes_too_long_is_late() {
        let (inbox, mut waiting) = Inbox::new(2, Duration::from_secs(60));
        let mut delivery = Box::pin(inbox.deliver(records()));
        assert!(futures::poll!(&mut delivery).is_pending());
        drop(waiting.recv().await);
        assert_eq!(delivery.await, Delivery::Lost);
        drop(waiting);
        assert_eq!(inbox.deliver(records()).await, Delivery::Lost);

        let (inbox, _waiting) = Inbox::new(1, Duration::from_millis(1));
        assert_eq!(inbox.deliver(records()).await, Delivery::Late);
    }

    #[tokio::test]
    async fn no_more_requests_are_under_way_than_there_is_room_for() {
        let (inbox, _waiting) = Inbox::new(1, Duration::from_millis(1));
        let first = inbox.enter().await;
        assert!(first.is_some());
        assert!(inbox.enter().await.is_none());
        drop(first);
        assert!(inbox.enter().await.is_some());
    }
}
