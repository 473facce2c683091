//! From fetched bytes to records in lanes, and what rebalances change.

use std::sync::Arc;
use std::time::Instant;

use millstream_client::{Event, Fetched, Offset, Record as Wire, TopicPartition};
use uuid::Uuid;

use super::SinkRun;
use super::lanes::Slot;
use crate::record::Record;
use crate::runtime::RunError;
use crate::runtime::conversion::Encoded;
use crate::runtime::dead_letter::{Address, Corpse};
use crate::runtime::failure::Failure;
use crate::runtime::memory::Room;
use crate::runtime::meter::{Doing, Meter, Stage};
use crate::runtime::undertaker::Leg;
use crate::sink::{Assigned, SinkTask};

/// Records take about so many times the memory of the bytes that they were read from.
const UNFOLDED: usize = 3;

/// A record that failed on its way in, as it was read.
pub(super) struct Failed {
    pub(super) slot: Slot,
    /// How many records went well between the failure before and this one.
    pub(super) passed_before: usize,
    pub(super) encoded: Encoded<'static>,
    pub(super) timestamp: Option<i64>,
    pub(super) failure: Failure,
}

/// What became of what was fetched.
#[derive(Default)]
struct Converted {
    /// By offset.
    records: Vec<(i64, Record)>,
    failed: Vec<Failed>,
    /// How many went well after the last that failed.
    passed_last: usize,
}

impl SinkRun {
    /// Takes in what was fetched. `false`: there is no memory for it, or what came before it must be written first.
    pub(super) async fn arrive(
        &mut self,
        task: &mut dyn SinkTask,
        fetched: Fetched,
    ) -> Result<bool, RunError> {
        let Some(known) = self.seat.assigned.get(&fetched.partition) else { return Ok(true) };
        if *known != fetched.topic_id && !fetched.topic_id.is_nil() {
            return self.renewed(task, fetched, *known).await;
        }
        let Some(room) = self.room(fetched.bytes.len() * UNFOLDED).await? else {
            self.waiting_for_memory = Some(fetched);
            return Ok(false);
        };
        if !self.topics.contains(&fetched.partition.topic) {
            self.topics.insert(Arc::clone(&fetched.partition.topic));
            self.environment.reporter.topic(&fetched.partition.topic).await;
        }
        let started = Instant::now();
        let Converted { records, mut failed, passed_last } = self.convert(&fetched)?;
        let meter = &self.environment.reporter.meter;
        Meter::add(&meter.bytes, fetched.bytes.len());
        meter.spent(Stage::Process, Doing::Busy, started);
        let (partition, next) = (fetched.partition.clone(), fetched.next_offset);
        self.lanes.arrive(&partition, fetched.offset, records, next);
        self.chunks.push(fetched, room);
        // What is read again has its dead letters, and the brake knows of it.
        let known = self.lanes.buried_to(&partition);
        if next > known {
            failed.retain(|failed| failed.slot.offset >= known);
            self.bury_all(Leg::In, failed).await?;
            self.undertaker.passed(Leg::In, passed_last);
            self.lanes.buried_up_to(&partition, next);
        }
        Ok(true)
    }

    /// Memory for what was fetched. While this task has something to write it does not wait: that gives memory back.
    async fn room(&mut self, bytes: usize) -> Result<Option<Room>, RunError> {
        let room = self.environment.memory.try_take(bytes);
        if room.is_some() || self.lanes.ready(Instant::now()) > 0 {
            return Ok(room);
        }
        let started = Instant::now();
        let room = self.seat.meanwhile(self.environment.memory.take(bytes)).await?;
        self.environment.reporter.meter.spent(Stage::Write, Doing::Blocked, started);
        Ok(room.flatten())
    }

    /// Records by offset, those that failed as bytes; both in lanes, for both hold up the commit.
    fn convert(&self, fetched: &Fetched) -> Result<Converted, RunError> {
        let conversion = &self.environment.conversion;
        let mut read = 0;
        let records = Vec::with_capacity(fetched.count().min(MAX_AT_ONCE));
        let mut converted = Converted { records, ..Converted::default() };
        fetched.for_each(|wire| {
            read += 1;
            converted.passed_last += 1;
            let record = match self.keeps_json {
                true => conversion.decode_or_keep(fetched, wire),
                false => conversion.decode(fetched, wire),
            };
            match record.and_then(|record| conversion.transform(record)) {
                Ok(Some(record)) => converted.records.push((wire.offset.0, record)),
                Ok(None) => Meter::add(&self.environment.reporter.meter.filtered, 1),
                Err(failure) => {
                    let passed_before = std::mem::take(&mut converted.passed_last) - 1;
                    converted.failed.push(as_read(fetched, wire, failure, passed_before));
                }
            }
            Ok(())
        })?;
        Meter::add(&self.environment.reporter.meter.read, read);
        Ok(converted)
    }

    /// Gives records up; their dead letters are written when it returns.
    pub(super) async fn bury_all(&mut self, leg: Leg, failed: Vec<Failed>) -> Result<(), RunError> {
        let mut under_way = Vec::with_capacity(failed.len());
        for Failed { slot, passed_before, encoded, timestamp, failure } in failed {
            self.undertaker.passed(leg, passed_before);
            let headers = encoded.headers();
            let corpse = Corpse {
                key: encoded.key.as_deref(),
                value: encoded.value.as_deref(),
                headers: &headers,
                timestamp,
            };
            let Slot { partition, offset } = &slot;
            let from = Address {
                topic: Arc::clone(&partition.topic),
                partition: Some(partition.partition),
                offset: Some(*offset),
            };
            let delivery = self.undertaker.bury(&self.environment, leg, corpse, &from, &failure).await?;
            under_way.push((slot, delivery));
        }
        for (slot, delivery) in under_way {
            if let Some(delivery) = delivery {
                delivery.await?;
            }
            self.lanes.buried(&slot);
        }
        Ok(())
    }

    /// The topic is another than the one that was assigned, under the same name: its offsets begin again. What was read of the old
    /// one is written and flushed first; its offsets are of no use to anybody.
    async fn renewed(
        &mut self,
        task: &mut dyn SinkTask,
        fetched: Fetched,
        was: Uuid,
    ) -> Result<bool, RunError> {
        let partition = fetched.partition.clone();
        if !self.lanes.is_done(&partition) {
            self.waiting_for_memory = Some(fetched);
            return Ok(false);
        }
        self.lanes.revoke(std::slice::from_ref(&partition));
        self.chunks.forget(std::slice::from_ref(&partition));
        self.commit(task, None).await?;
        let now = Assigned { partition: partition.clone(), topic_id: fetched.topic_id };
        let passed_over = self.claim(task, vec![now]).await?;
        // It may have been read from where the old one was left.
        let is_cut = !was.is_nil() && fetched.offset > fetched.log_start_offset;
        if is_cut && passed_over.is_empty() {
            self.seat.consumer.seek_to_beginning(&partition)?;
            self.drop_fetched(&partition);
        } else if passed_over.is_empty() {
            self.waiting_for_memory = Some(fetched);
        }
        Ok(true)
    }

    /// Tells the sink what it gets, and passes over what it has already. Returns the partitions in which that is something.
    async fn claim(
        &mut self,
        task: &mut dyn SinkTask,
        assigned: Vec<Assigned>,
    ) -> Result<Vec<TopicPartition>, RunError> {
        let mut kept = task.assigned(&assigned).await?;
        self.seat.assigned.extend(assigned.into_iter().map(|one| (one.partition, one.topic_id)));
        if kept.is_empty() {
            return Ok(Vec::new());
        }
        let committed = self.seat.consumer.committed(kept.keys().cloned()).await?;
        // What the group has passed and the sink has not was dropped or is a dead letter: not once more.
        kept.retain(|partition, offset| {
            committed.get(partition).is_none_or(|committed| committed.offset <= *offset)
        });
        for (partition, offset) in &kept {
            self.seat.consumer.seek(partition, Offset(*offset))?;
            self.drop_fetched(partition);
        }
        Ok(kept.into_keys().collect())
    }

    /// Partitions come and go. What goes is flushed and committed before anybody else gets it.
    pub(super) async fn rebalanced(&mut self, task: &mut dyn SinkTask, event: Event) -> Result<(), RunError> {
        match event {
            Event::Assigned(partitions) => {
                let consumer = &self.seat.consumer;
                let known = |partition: TopicPartition| Assigned {
                    topic_id: consumer.topic_id(&partition.topic),
                    partition,
                };
                let assigned = partitions.into_iter().map(known).collect();
                self.claim(task, assigned).await?;
                self.is_seated = true;
            }
            Event::Revoked(revoked) => {
                self.commit(task, Some(Instant::now() + self.seat.letting_go)).await?;
                self.forget(task, &revoked.partitions).await;
                self.abandoned = false;
            }
            Event::Lost(partitions) => self.forget(task, &partitions).await,
            _ => {}
        }
        Ok(())
    }

    async fn forget(&mut self, task: &mut dyn SinkTask, partitions: &[TopicPartition]) {
        self.seat.assigned.retain(|partition, _| !partitions.contains(partition));
        self.lanes.revoke(partitions);
        self.chunks.forget(partitions);
        // What was fetched before belongs to the assignment that is over: whoever reads on begins at the commit.
        partitions.iter().for_each(|partition| self.drop_fetched(partition));
        task.revoked(partitions).await;
    }
}

/// What a header says sizes no allocation beyond this.
const MAX_AT_ONCE: usize = 1 << 16;

/// The record as bytes, for its dead letter.
pub(super) fn as_read(fetched: &Fetched, wire: &Wire<'_>, failure: Failure, passed_before: usize) -> Failed {
    Failed {
        slot: Slot { partition: fetched.partition.clone(), offset: wire.offset.0 },
        passed_before,
        encoded: Encoded::copy(wire),
        timestamp: (wire.timestamp >= 0).then_some(wire.timestamp),
        failure,
    }
}
