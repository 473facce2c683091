//! One partition's batches on their way to its leader.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::answer::{Answer, Meaning, Verdict, is_stale_metadata, meaning};
use super::{Batch, Identities, Identity};
use crate::connection::Backoff;
use crate::producer::completion::Written;
use crate::{Error, ErrorCode};

/// What bounds a lane; the same for all lanes of a producer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) idempotent: bool,
    pub(crate) max_in_flight: usize,
    pub(crate) retries: u32,
    pub(crate) delivery_timeout: Duration,
    pub(crate) backoff: Backoff,
}

/// The order and the sequences of one partition.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// To be sent, in the order of sealing; those that were sent before stand in front.
    queue: VecDeque<Batch>,
    /// Sent and unanswered, by flight number.
    flying: VecDeque<(u64, Batch)>,
    next_flight: u64,
    next_serial: u64,
    /// What `next_sequence` counts under.
    identity: Option<Identity>,
    next_sequence: i32,
    /// A sequence was used up by a batch that failed: what follows needs a new epoch.
    gap: bool,
    /// Failures in a row, for the backoff.
    failures: u32,
    not_before: Option<Instant>,
}

impl Lane {
    /// Adds a sealed batch behind all others.
    pub(crate) fn enqueue(&mut self, mut batch: Batch) {
        batch.serial = self.next_serial;
        self.next_serial += 1;
        self.queue.push_back(batch);
    }

    /// Puts the halves of a batch that was [`Verdict::TooLarge`] in its place.
    pub(crate) fn put_back_split(&mut self, halves: [Batch; 2]) {
        halves.into_iter().for_each(|half| self.insert(half));
    }

    pub(crate) fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Batches that are not settled.
    #[cfg(test)]
    pub(crate) fn depth(&self) -> usize {
        self.queue.len() + self.flying.len()
    }

    /// When a lane that holds back for its backoff may go on.
    pub(crate) fn not_before(&self) -> Option<Instant> {
        self.not_before.filter(|_| self.has_queued())
    }

    /// Bytes of the batch that would leave next.
    pub(crate) fn next_size(&self) -> usize {
        self.queue.front().map_or(0, |batch| batch.bytes.len())
    }

    /// Takes the next batch if it may leave now: its flight number and its bytes.
    pub(crate) fn take(
        &mut self,
        limits: &Limits,
        identities: &mut Identities,
        now: Instant,
    ) -> Option<(u64, Bytes)> {
        if self.not_before.is_some_and(|at| at > now) || !self.may_leave(limits) {
            return None;
        }
        if limits.idempotent && !self.stamp_front(identities) {
            return None;
        }
        let mut batch = self.queue.pop_front()?;
        batch.attempts += 1;
        let flight = self.next_flight;
        self.next_flight += 1;
        let bytes = batch.bytes.clone();
        self.flying.push_back((flight, batch));
        Some((flight, bytes))
    }

    /// Whether order allows the front batch to leave beside those in flight.
    fn may_leave(&self, limits: &Limits) -> bool {
        let Some(front) = self.queue.front() else { return false };
        let alone = front.attempts > 0 || self.gap || self.flying.iter().any(|(_, batch)| batch.attempts > 1);
        self.flying.is_empty() || (!alone && self.flying.len() < limits.max_in_flight)
    }

    /// Gives the front batch its sequence; false where that must wait.
    fn stamp_front(&mut self, identities: &mut Identities) -> bool {
        let Some(front) = self.queue.front() else { return false };
        if self.gap && !front.in_doubt {
            // What is behind a batch that the broker does not have cannot be there either: all may start anew.
            self.start_over(identities);
        }
        let Some(front) = self.queue.front_mut() else { return false };
        if front.stamp.is_some() {
            return true;
        }
        let Some(current) = identities.current() else { return false };
        if self.identity != Some(current) {
            if !self.flying.is_empty() {
                return false;
            }
            self.identity = Some(current);
            self.next_sequence = 0;
        }
        front.set_stamp(current, self.next_sequence);
        self.next_sequence = advance(self.next_sequence, front.count);
        true
    }

    fn start_over(&mut self, identities: &mut Identities) {
        if let Some(used) = self.identity.take() {
            identities.bump_from(used);
        }
        for batch in &mut self.queue {
            batch.stamp = None;
            batch.in_doubt = false;
        }
        self.gap = false;
    }

    /// Takes in the answer to a flight.
    pub(crate) fn answered(&mut self, flight: u64, answer: Answer, limits: &Limits, now: Instant) -> Verdict {
        let Some(at) = self.flying.iter().position(|(number, _)| *number == flight) else {
            return Verdict::Unknown;
        };
        let Some((_, batch)) = self.flying.remove(at) else { return Verdict::Unknown };
        match answer {
            Answer::Written(written) => self.written(batch, written),
            Answer::Lost(error) => self.lost(batch, error, limits, now),
            Answer::Refused(code, message) => self.refused(batch, code, message.as_deref(), limits, now),
        }
    }

    fn written(&mut self, batch: Batch, written: Written) -> Verdict {
        self.failures = 0;
        self.not_before = None;
        Verdict::Settled(batch, Ok(written))
    }

    fn lost(&mut self, mut batch: Batch, error: Error, limits: &Limits, now: Instant) -> Verdict {
        batch.in_doubt = true;
        if error.is_retriable() {
            self.again(batch, error, true, limits, now)
        } else {
            self.failed(batch, error)
        }
    }

    fn refused(
        &mut self,
        mut batch: Batch,
        code: ErrorCode,
        message: Option<&str>,
        limits: &Limits,
        now: Instant,
    ) -> Verdict {
        let what = format!("produce to {}-{}", batch.part.completion.topic, batch.part.completion.partition);
        let error = Error::broker_said(code, what, message);
        match meaning(code) {
            Meaning::AlreadyWritten => self.written(batch, Written { base_offset: None, append_time: None }),
            Meaning::OutOfSequence | Meaning::StaleEpoch if batch.stamp.is_some() => {
                if self.is_oldest(&batch) {
                    batch.in_doubt = false;
                    self.gap = true;
                }
                self.again(batch, error, false, limits, now)
            }
            Meaning::TooLarge if batch.count > 1 => {
                self.gap |= batch.stamp.is_some();
                Verdict::TooLarge(batch)
            }
            Meaning::InDoubt => {
                batch.in_doubt = true;
                self.again(batch, error, false, limits, now)
            }
            Meaning::Retriable => self.again(batch, error, is_stale_metadata(code), limits, now),
            _ => self.failed(batch, error),
        }
    }

    /// Whether nothing that was sent before `batch` is still open: then the broker refused `batch` for its own sake.
    fn is_oldest(&self, batch: &Batch) -> bool {
        let flying = self.flying.iter().map(|(_, other)| other);
        !flying.chain(&self.queue).any(|other| other.stamp.is_some() && other.place() < batch.place())
    }

    fn again(&mut self, batch: Batch, error: Error, stale: bool, limits: &Limits, now: Instant) -> Verdict {
        if batch.attempts > limits.retries {
            return self.failed(batch, error);
        }
        if batch.created + limits.delivery_timeout <= now {
            let error = expired(&batch, limits, Some(&error));
            return self.failed(batch, error);
        }
        self.failures += 1;
        self.not_before = Some(now + limits.backoff.delay(self.failures));
        self.insert(batch);
        Verdict::Again { stale_metadata: stale }
    }

    fn failed(&mut self, batch: Batch, error: Error) -> Verdict {
        self.gap |= batch.stamp.is_some();
        Verdict::Settled(batch, Err(error))
    }

    /// Back to its place by the order of sealing.
    fn insert(&mut self, batch: Batch) {
        let at = self.queue.partition_point(|other| other.place() < batch.place());
        self.queue.insert(at, batch);
    }

    /// Removes what waited for longer than `delivery.timeout.ms`. What is in flight gets its answer first.
    pub(crate) fn expire(&mut self, limits: &Limits, now: Instant) -> Vec<(Batch, Error)> {
        let mut gone = Vec::new();
        while let Some(late) =
            self.queue.iter().position(|batch| batch.created + limits.delivery_timeout <= now)
        {
            let Some(batch) = self.queue.remove(late) else { break };
            self.gap |= batch.stamp.is_some();
            let error = expired(&batch, limits, None);
            gone.push((batch, error));
        }
        gone
    }

    /// Gives everything up, as a producer that is closed without waiting does.
    pub(crate) fn abandon(&mut self) -> impl Iterator<Item = Batch> {
        let flying = std::mem::take(&mut self.flying).into_iter().map(|(_, batch)| batch);
        flying.chain(std::mem::take(&mut self.queue))
    }
}

fn expired(batch: &Batch, limits: &Limits, last: Option<&Error>) -> Error {
    let Batch { part, attempts, .. } = batch;
    let topic = &part.completion.topic;
    let what = format!("delivery to {topic}-{} (sent {attempts} times)", part.completion.partition);
    let last = last.map_or_else(String::new, |error| format!(": {error}"));
    Error::TimedOut {
        what: what.into(),
        after: limits.delivery_timeout,
        setting: "delivery.timeout.ms",
        last: last.into(),
    }
}

/// Sequences wrap to 0 after `i32::MAX`.
fn advance(sequence: i32, count: i32) -> i32 {
    ((i64::from(sequence) + i64::from(count)) & i64::from(i32::MAX)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero() {
        assert_eq!(advance(i32::MAX - 1, 2), 0);
        assert_eq!(advance(i32::MAX, 3), 2);
        assert_eq!(advance(5, 3), 8);
    }
}
