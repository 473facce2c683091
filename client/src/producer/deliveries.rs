//! The fates of records that were sent one after the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use millstream_wire::batch::Batch;

use super::completion::{Completion, Delivery};
use super::rejected::Rejected;
use crate::Result;

/// The fates of records that were sent one after the other into one batch: one thing to keep and to wait for instead of many.
/// A future that is ready once they are known.
#[derive(Debug)]
pub struct Deliveries {
    completion: Arc<Completion>,
    /// The index of the first in the batch.
    first: u32,
    count: u32,
}

impl Deliveries {
    /// Of one record, for now.
    #[must_use]
    pub fn of(delivery: Delivery) -> Self {
        Self { completion: delivery.completion, first: delivery.index, count: 1 }
    }

    /// Takes in that of the record which was sent next. It comes back if that went into another batch.
    #[must_use]
    pub fn join(&mut self, next: Delivery) -> Option<Delivery> {
        let follows =
            next.index == self.first + self.count && Arc::ptr_eq(&self.completion, &next.completion);
        self.count += u32::from(follows);
        (!follows).then_some(next)
    }

    /// Of how many records.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Whether all of them were written, if that is known.
    ///
    /// # Errors
    /// Why the first that was not written was not.
    #[must_use]
    pub fn now(&self) -> Option<Result<()>> {
        if !self.completion.is_done() {
            return None;
        }
        if self.completion.failure().is_none() {
            return Some(Ok(()));
        }
        let mut outcomes = self.indices().filter_map(|index| self.completion.outcome(index));
        Some(outcomes.find_map(Result::err).map_or(Ok(()), Err))
    }

    /// Those of them that were not written, by batch as they were sent; all that are known by now. None are kept without
    /// [`ProducerConfig::keep_rejected`](super::ProducerConfig::keep_rejected).
    #[must_use]
    pub fn rejected(&self) -> Vec<Rejected> {
        let own = self.indices();
        let batches =
            self.completion.rejected().unwrap_or_default().into_iter().filter_map(|(first, bytes, error)| {
                let records = Batch::parse(&bytes).map_or(0, |batch| batch.header.record_count as u32);
                let begin = own.start.max(first);
                let end = own.end.min(first + records);
                let wanted = (begin.checked_sub(first)? as usize)..(end.checked_sub(first)? as usize);
                let Completion { topic, partition, .. } = &*self.completion;
                (!wanted.is_empty()).then(|| Rejected {
                    topic: Arc::clone(topic),
                    partition: *partition,
                    error,
                    bytes,
                    wanted,
                })
            });
        batches.collect()
    }

    fn indices(&self) -> std::ops::Range<u32> {
        self.first..self.first + self.count
    }
}

impl Future for Deliveries {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.completion.poll_done(cx)
    }
}

#[cfg(test)]
mod tests {
    use millstream_wire::batch::{BatchError, BatchWriter, NO_HEADERS};
    use millstream_wire::compression::Compression;
    use millstream_wire::ids::Offset;

    use super::super::completion::Written;
    use super::*;
    use crate::Error;

    fn delivery(completion: &Arc<Completion>, index: u32) -> Delivery {
        Delivery { completion: Arc::clone(completion), index, timestamp: 0 }
    }

    fn deliveries(completion: &Arc<Completion>, indices: std::ops::Range<u32>) -> Deliveries {
        let mut all = Deliveries::of(delivery(completion, indices.start));
        for index in indices.skip(1) {
            assert!(all.join(delivery(completion, index)).is_none());
        }
        all
    }

    fn texts(deliveries: &Deliveries) -> Vec<String> {
        let mut texts = Vec::new();
        for rejected in deliveries.rejected() {
            let each = |record: millstream_wire::batch::Record<'_>| {
                texts.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
                Ok::<_, BatchError>(())
            };
            rejected.records(each).unwrap();
        }
        texts
    }

    #[test]
    fn only_what_follows_in_the_same_batch_is_taken_in() {
        let (one, other) = (Completion::new(0, "t".into(), 0), Completion::new(1, "t".into(), 0));
        let mut first = deliveries(&one, 0..2);
        assert!(first.join(delivery(&one, 3)).is_some(), "2 was another's");
        assert!(first.join(delivery(&other, 2)).is_some());
        assert_eq!(first.count(), 2);
    }

    #[test]
    fn of_a_batch_that_was_split_each_has_what_was_not_written_of_its_own() {
        let completion = Completion::new(0, "t".into(), 0);
        completion.keep_rejected();
        completion.sealed(6);
        let (before, across, behind) =
            (deliveries(&completion, 0..2), deliveries(&completion, 2..4), deliveries(&completion, 4..6));
        completion.settle(0, 3, Ok(Written { base_offset: Some(Offset(7)), append_time: None }));
        assert!(across.now().is_none(), "not all is known");
        let mut writer = BatchWriter::new(Compression::None, None);
        ["r3", "r4", "r5"].iter().for_each(|text| writer.append(0, None, Some(text.as_bytes()), NO_HEADERS));
        completion.reject(3, &writer.finish().unwrap(), &Error::Closed);
        completion.settle(3, 3, Err(Error::Closed));
        assert!(before.now().unwrap().is_ok() && before.rejected().is_empty());
        assert!(across.now().unwrap().is_err() && behind.now().unwrap().is_err());
        assert_eq!(texts(&across), ["r3"]);
        assert_eq!(texts(&behind), ["r4", "r5"]);
    }
}
