//! From a polled batch to records under way.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use millstream_client::{Delivery, Error, ErrorCode, ProducerRecord};
use tokio::sync::watch;
use tokio::time::sleep_until;

use super::ledger::BatchId;
use super::{InFlight, Next, Polled, SourceRun, front};
use crate::record::Record;
use crate::runtime::RunError;
use crate::runtime::conversion::Encoded;
use crate::runtime::dead_letter::{Address, Corpse};
use crate::runtime::environment::{Control, changed};
use crate::runtime::failure::Failure;
use crate::runtime::memory::Room;
use crate::runtime::meter::{Doing, Meter, Stage};
use crate::runtime::topics::ensure;
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
    pub(super) async fn take(&mut self, batch: SourceBatch, room: Room) -> Result<(), RunError> {
        let mut since = Instant::now();
        let meter = Arc::clone(&self.environment.reporter.meter);
        Meter::add(&meter.read, batch.records.len());
        let polled = Polled { positions: batch.positions, receipt: batch.receipt, _room: room };
        let id = self.ledger.open(polled);
        for record in batch.records {
            let original =
                Address { topic: Arc::clone(&record.topic), partition: record.partition, offset: None };
            // Kept for the dead letter of a record that a transform chokes on.
            let before = self.environment.conversion.transforms().then(|| record.clone());
            match self.environment.conversion.transform(record) {
                Ok(Some(record)) => since = self.send(id, record, since).await?,
                Ok(None) => {
                    self.undertaker.passed(Leg::In, 1);
                    Meter::add(&meter.filtered, 1);
                }
                Err(failure) => {
                    let encoded = before.as_ref().map(Encoded::plain).unwrap_or_default();
                    let timestamp = before.and_then(|record| record.timestamp);
                    self.bury(id, Leg::In, &encoded, &original, timestamp, &failure).await?;
                }
            }
        }
        meter.spent(Stage::Process, Doing::Busy, since);
        self.ledger.seal(id);
        self.settle().await
    }

    async fn send(&mut self, batch: BatchId, record: Record, since: Instant) -> Result<Instant, RunError> {
        let address =
            || Address { topic: Arc::clone(&record.topic), partition: record.partition, offset: None };
        let encoded = match self.environment.conversion.encode(&record) {
            Ok(encoded) => encoded,
            Err(failure) => {
                let plain = Encoded::plain(&record);
                self.bury(batch, Leg::In, &plain, &address(), record.timestamp, &failure).await?;
                return Ok(since);
            }
        };
        if !self.topics.contains(&record.topic) {
            self.begin(&record.topic).await?;
        }
        let len = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or(0, bytes::Bytes::len);
        Meter::add(&self.environment.reporter.meter.bytes, len(&encoded.key) + len(&encoded.value));
        let mut since = since;
        match self.produce(&record, &encoded, &mut since).await {
            Ok(delivery) => {
                self.ledger.sent(batch);
                self.undertaker.passed(Leg::In, 1);
                self.in_flight.push_back(InFlight { batch, delivery, record: Some(record) });
            }
            Err(error) if is_about_the_record(&error) => {
                let failure = Failure::produce(error.to_string());
                self.bury(batch, Leg::In, &encoded, &address(), record.timestamp, &failure).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(since)
    }

    async fn produce(
        &self,
        record: &Record,
        encoded: &Encoded,
        since: &mut Instant,
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
        let blocked = meter.spent(Stage::Process, Doing::Busy, *since);
        let delivery = self.producer.send(to).await;
        *since = meter.spent(Stage::Write, Doing::Blocked, blocked);
        delivery
    }

    /// A topic is written to for the first time.
    async fn begin(&mut self, topic: &Arc<str>) -> Result<(), RunError> {
        let may = self.environment.creates_topics;
        ensure(&self.admin, topic, || may.then(|| self.creation.new_topic(topic))).await?;
        self.topics.insert(Arc::clone(topic));
        self.environment.reporter.topic(topic).await;
        Ok(())
    }

    /// The broker has refused a record.
    pub(super) async fn refused(&mut self, refused: InFlight, error: Error) -> Result<(), RunError> {
        let (Some(record), true) = (&refused.record, is_about_the_record(&error)) else {
            return Err(error.into());
        };
        let encoded = self.environment.conversion.encode(record).unwrap_or_else(|_| Encoded::plain(record));
        let from = Address { topic: Arc::clone(&record.topic), partition: record.partition, offset: None };
        let failure = Failure::produce(error.to_string());
        self.bury(refused.batch, Leg::Out, &encoded, &from, record.timestamp, &failure).await?;
        // The record's own place in the ledger; its dead letter has another.
        self.ledger.acknowledged(refused.batch);
        Ok(())
    }

    async fn bury(
        &mut self,
        batch: BatchId,
        leg: Leg,
        encoded: &Encoded,
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
            self.ledger.sent(batch);
            self.in_flight.push_back(InFlight { batch, delivery, record: None });
        }
        Ok(())
    }
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
