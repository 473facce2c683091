//! From a polled batch to records under way.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use millstream_client::{Deliveries, Delivery, Error, ErrorCode, ProducerRecord};
use millstream_wire::batch::BatchError;
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::ledger::BatchId;
use super::{InFlight, Next, Polled, SourceRun, front};
use crate::record::Record;
use crate::runtime::RunError;
use crate::runtime::conversion::Encoded;
use crate::runtime::dead_letter::{Address, Corpse};
use crate::runtime::environment::{Control, changed, telling};
use crate::runtime::failure::Failure;
use crate::runtime::memory::Room;
use crate::runtime::meter::{Doing, Meter, Stage};
use crate::runtime::topics::{ensure, is_name};
use crate::runtime::undertaker::Leg;
use crate::source::SourceBatch;

impl SourceRun {
    /// Waits for memory for a batch, which waits with it if there is something else to do. Acknowledgements are taken in meanwhile,
    /// for they give memory back.
    pub(super) async fn make_room(
        &mut self,
        batch: SourceBatch,
        control: &mut watch::Receiver<Control>,
    ) -> Result<Next, RunError> {
        let (started, bytes) = (Instant::now(), batch.records.iter().map(size).sum());
        let memory = self.environment.memory.clone();
        let mut room = pin!(memory.take(bytes));
        let next = loop {
            tokio::select! {
                biased;
                control = changed(control) => {
                    self.waiting_for_memory = Some(batch);
                    break Next::Control(control);
                }
                () = front(&mut self.in_flight) => self.settle().await?,
                () = sleep_until(self.store_at.into()) => self.store().await,
                room = &mut room => {
                    let room = room.ok_or_else(|| RunError::Fatal("the worker ends".into()))?;
                    break Next::Batch(batch, room);
                }
            }
        };
        self.environment.reporter.meter.spent(Stage::Write, Doing::Blocked, started);
        Ok(next)
    }

    /// Sends a batch on its way.
    pub(super) async fn take(&mut self, batch: SourceBatch, mut room: Room) -> Result<(), RunError> {
        let mut progress = Progress { since: Instant::now(), bytes: 0, passed: 0 };
        let meter = Arc::clone(&self.environment.reporter.meter);
        Meter::add(&meter.read, batch.records.len());
        let polled = Polled { positions: batch.positions, receipt: batch.receipt, _room: None };
        let id = self.ledger.open(polled);
        if self.environment.conversion.transforms() {
            for record in batch.records {
                self.transform(id, record, &mut progress).await?;
            }
        } else {
            for record in batch.records {
                self.send(id, record, &mut progress).await?;
            }
        }
        self.undertaker.passed(Leg::In, progress.passed);
        Meter::add(&meter.bytes, progress.bytes);
        meter.spent(Stage::Process, Doing::Busy, progress.since);
        // The records themselves are gone: what is left of them is in the producer's batches.
        room.shrink(progress.bytes);
        if let Some(polled) = self.ledger.seal(id) {
            polled._room = Some(room);
        }
        self.settle().await
    }

    async fn transform(
        &mut self,
        batch: BatchId,
        record: Record,
        progress: &mut Progress,
    ) -> Result<(), RunError> {
        // Kept for the dead letter of a record that a transform chokes on.
        let before = record.clone();
        match self.environment.conversion.transform(record) {
            Ok(Some(record)) => self.send(batch, record, progress).await,
            Ok(None) => {
                progress.passed += 1;
                Meter::add(&self.environment.reporter.meter.filtered, 1);
                Ok(())
            }
            Err(failure) => {
                let (from, encoded) = (address(&before), Encoded::plain(&before));
                self.give_up(batch, progress, &encoded, &from, before.timestamp, &failure).await
            }
        }
    }

    async fn send(
        &mut self,
        batch: BatchId,
        record: Record,
        progress: &mut Progress,
    ) -> Result<(), RunError> {
        let encoded = match self.environment.conversion.encode(&record) {
            Ok(encoded) => encoded,
            Err(failure) => {
                let (from, encoded) = (address(&record), Encoded::plain(&record));
                return self.give_up(batch, progress, &encoded, &from, record.timestamp, &failure).await;
            }
        };
        if !self.is_begun(&record.topic) {
            if let Err(why) = is_name(&record.topic) {
                let failure = Failure::produce(why);
                let from = address(&record);
                return self.give_up(batch, progress, &encoded, &from, record.timestamp, &failure).await;
            }
            self.begin(&record.topic).await?;
        }
        progress.bytes += encoded.len();
        match self.produce(&record, &encoded, progress).await {
            Ok(delivery) => {
                progress.passed += 1;
                self.under_way(batch, delivery, false);
                Ok(())
            }
            Err(error) if is_about_the_record(&error) => {
                let failure = Failure::produce(error.to_string());
                self.give_up(batch, progress, &encoded, &address(&record), record.timestamp, &failure).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn produce(
        &self,
        record: &Record,
        encoded: &Encoded<'_>,
        progress: &mut Progress,
    ) -> Result<Delivery, Error> {
        let headers = encoded.headers();
        let to = ProducerRecord {
            topic: &record.topic,
            partition: record.partition,
            key: encoded.key.as_deref(),
            value: encoded.value.as_deref(),
            headers: &headers,
            timestamp: record.timestamp,
        };
        if let Some(delivery) = self.producer.try_send(to)? {
            return Ok(delivery);
        }
        let meter = &self.environment.reporter.meter;
        let blocked = meter.spent(Stage::Process, Doing::Busy, progress.since);
        let delivery = telling(self.producer.send(to), || self.tell()).await;
        progress.since = meter.spent(Stage::Write, Doing::Blocked, blocked);
        delivery
    }

    /// One more record is on its way.
    fn under_way(&mut self, batch: BatchId, delivery: Delivery, is_letter: bool) {
        self.ledger.sent(batch);
        let last =
            self.in_flight.back_mut().filter(|last| last.batch == batch && last.is_letter == is_letter);
        let delivery = match last {
            Some(last) => last.deliveries.join(delivery),
            None => Some(delivery),
        };
        if let Some(delivery) = delivery {
            self.in_flight.push_back(InFlight { batch, deliveries: Deliveries::of(delivery), is_letter });
        }
    }

    /// Whether a topic is known to be there. Mostly it is the one of the record before.
    fn is_begun(&self, topic: &Arc<str>) -> bool {
        self.topic.as_ref().is_some_and(|last| Arc::ptr_eq(last, topic)) || self.topics.contains(topic)
    }

    /// A topic is written to for the first time.
    async fn begin(&mut self, topic: &Arc<str>) -> Result<(), RunError> {
        let may = self.environment.creates_topics;
        let ensured = ensure(&self.admin, topic, "topic.creation.default.replication.factor", || {
            may.then(|| self.creation.new_topic(topic))
        });
        telling(ensured, || self.tell()).await?;
        self.topics.insert(Arc::clone(topic));
        self.topic = Some(Arc::clone(topic));
        self.environment.reporter.topic(topic).await;
        Ok(())
    }

    /// A record does not get as far as the producer.
    async fn give_up(
        &mut self,
        batch: BatchId,
        progress: &mut Progress,
        encoded: &Encoded<'_>,
        from: &Address,
        timestamp: Option<i64>,
        failure: &Failure,
    ) -> Result<(), RunError> {
        self.undertaker.passed(Leg::In, std::mem::take(&mut progress.passed));
        self.bury(batch, Leg::In, encoded, from, timestamp, failure).await
    }

    /// The broker has refused some of these records; returns how many it has written.
    pub(super) async fn refused(&mut self, refused: &InFlight, error: Error) -> Result<usize, RunError> {
        let batches = refused.deliveries.rejected();
        if refused.is_letter || batches.is_empty() {
            return Err(error.into());
        }
        let mut dead = Vec::new();
        for rejected in batches {
            if !is_about_the_record(&rejected.error) {
                return Err(rejected.error.into());
            }
            let failure = Failure::produce(rejected.error.to_string());
            let (topic, partition) = (Arc::clone(&rejected.topic), Some(rejected.partition));
            let from = Address { topic, partition, offset: None };
            let unreadable =
                |error: BatchError| RunError::Fatal(format!("a refused batch cannot be read: {error}"));
            let each = |record: millstream_client::Record<'_>| {
                dead.push((Encoded::copy(&record), record.timestamp, from.clone(), failure.clone()));
                Ok(())
            };
            rejected.records(each).map_err(unreadable)?;
        }
        let written = refused.deliveries.count() - dead.len();
        self.undertaker.passed(Leg::Out, written);
        for (encoded, timestamp, from, failure) in dead {
            self.bury(refused.batch, Leg::Out, &encoded, &from, Some(timestamp), &failure).await?;
        }
        Ok(written)
    }

    async fn bury(
        &mut self,
        batch: BatchId,
        leg: Leg,
        encoded: &Encoded<'_>,
        from: &Address,
        timestamp: Option<i64>,
        failure: &Failure,
    ) -> Result<(), RunError> {
        let headers = encoded.headers();
        let corpse = Corpse {
            key: encoded.key.as_deref(),
            value: encoded.value.as_deref(),
            headers: &headers,
            timestamp,
        };
        let delivery = self.undertaker.bury(&self.environment, leg, corpse, from, failure).await?;
        if let Some(delivery) = delivery {
            self.under_way(batch, delivery, true);
        }
        Ok(())
    }
}

/// How far a batch is on its way.
struct Progress {
    /// Since when what is done now is done.
    since: Instant,
    /// Bytes of keys and values so far.
    bytes: usize,
    /// Records that went well since the last that did not.
    passed: usize,
}

/// What a record's dead letter says of where it was to go.
fn address(record: &Record) -> Address {
    Address { topic: Arc::clone(&record.topic), partition: record.partition, offset: None }
}

/// Whether other records would be taken.
fn is_about_the_record(error: &Error) -> bool {
    let codes = [ErrorCode::MessageTooLarge, ErrorCode::InvalidRecord, ErrorCode::InvalidTimestamp];
    matches!(error, Error::RecordTooLarge { .. } | Error::NoSuchPartition { .. })
        || error.code().is_some_and(|code| codes.contains(&code))
}

/// About how many bytes a record holds.
fn size(record: &Record) -> usize {
    let headers: usize = record.headers.iter().map(|(name, data)| name.len() + data.value.size_bytes()).sum();
    size_of::<Record>() + record.key.value.size_bytes() + record.value.value.size_bytes() + headers
}
