//! The lane against a model of a broker that loses answers, requests and leadership: what was acknowledged is in
//! the log exactly once and in order, what failed at most once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use millstream_wire::batch::{Batch as WireBatch, BatchWriter, NO_HEADERS};
use millstream_wire::compression::Compression;
use millstream_wire::ids::{Offset, ProducerEpoch, ProducerId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::ErrorCode;
use crate::connection::Backoff;
use crate::producer::completion::{Completion, Written};

const BATCHES: u64 = 60;
const REMEMBERED: usize = 5;

/// One partition as Kafka's `ProducerStateManager` guards it.
#[derive(Default)]
struct Partition {
    log: Vec<u64>,
    epoch: i16,
    next_sequence: i32,
    recent: VecDeque<(i16, i32, i64)>,
}

impl Partition {
    fn produce(&mut self, bytes: &Bytes, records_max: i32) -> Answer {
        let batch = WireBatch::parse(bytes).unwrap();
        batch.verify_crc().unwrap();
        let header = batch.header;
        let (epoch, sequence) = (header.producer_epoch.0, header.base_sequence);
        if header.record_count > records_max {
            return Answer::Refused(ErrorCode::MessageTooLarge, None);
        }
        let base_offset = self.log.len() as i64;
        if header.has_producer_id() {
            if epoch < self.epoch {
                return Answer::Refused(ErrorCode::InvalidProducerEpoch, None);
            }
            if let Some((_, _, offset)) =
                self.recent.iter().find(|known| (known.0, known.1) == (epoch, sequence))
            {
                return Answer::Written(Written { base_offset: Some(Offset(*offset)), append_time: None });
            }
            let expected = if epoch > self.epoch { 0 } else { self.next_sequence };
            if sequence != expected {
                return Answer::Refused(ErrorCode::OutOfOrderSequenceNumber, None);
            }
            self.epoch = epoch;
            self.next_sequence = sequence + header.record_count;
            self.recent.push_back((epoch, sequence, base_offset));
            if self.recent.len() > REMEMBERED {
                self.recent.pop_front();
            }
        }
        let mut scratch = Vec::new();
        for record in batch.records(&mut scratch, 1 << 20).unwrap() {
            self.log.push(u64::from_be_bytes(record.unwrap().value.unwrap().try_into().unwrap()));
        }
        Answer::Written(Written { base_offset: Some(Offset(base_offset)), append_time: None })
    }
}

struct World {
    rng: StdRng,
    now: Instant,
    lane: Lane,
    identities: Identities,
    limits: Limits,
    broker: Partition,
    /// Requests on the one connection, oldest first.
    wire: VecDeque<(u64, Bytes)>,
    next_record: u64,
    acknowledged: Vec<(u64, i64)>,
    failed: Vec<u64>,
    faults: bool,
    /// The broker's `max.message.bytes`, in records.
    records_max: i32,
}

impl World {
    fn new(seed: u64, delivery_timeout: Duration) -> Self {
        let mut identities = Identities::default();
        identities.given(Identity { id: ProducerId(7), epoch: ProducerEpoch(0) });
        let backoff = Backoff { base: Duration::from_millis(10), max: Duration::from_millis(100) };
        let limits =
            Limits { idempotent: true, max_in_flight: 5, retries: u32::MAX - 1, delivery_timeout, backoff };
        Self {
            rng: StdRng::seed_from_u64(seed),
            now: Instant::now(),
            lane: Lane::default(),
            identities,
            limits,
            broker: Partition::default(),
            wire: VecDeque::new(),
            next_record: 0,
            acknowledged: Vec::new(),
            failed: Vec::new(),
            faults: true,
            records_max: if seed.is_multiple_of(2) { 3 } else { i32::MAX },
        }
    }

    fn seal(&mut self) {
        let count = self.rng.random_range(1..6);
        let mut writer = BatchWriter::new(Compression::None, None);
        let first = self.next_record;
        for _ in 0..count {
            writer.append(0, None, Some(&self.next_record.to_be_bytes()), NO_HEADERS);
            self.next_record += 1;
        }
        let completion = Completion::new(first, format!("{first}").into(), 0);
        completion.sealed(count as u32);
        self.lane.enqueue(Batch {
            serial: 0,
            bytes: writer.finish().unwrap(),
            count,
            created: self.now,
            part: Part { completion, first: 0 },
            attempts: 0,
            stamp: None,
            in_doubt: false,
            memory: None,
        });
    }

    fn records(batch: &Batch) -> impl Iterator<Item = u64> {
        let first: u64 = batch.part.completion.topic.parse().unwrap();
        let from = first + u64::from(batch.part.first);
        from..from + batch.count as u64
    }

    fn settle(&mut self, batch: &Batch, outcome: crate::Result<Written>) {
        match outcome {
            Ok(written) => {
                let base = written.base_offset.unwrap().0;
                self.acknowledged.extend(Self::records(batch).zip(base..));
            }
            Err(_) => self.failed.extend(Self::records(batch)),
        }
    }

    fn answered(&mut self, flight: u64, answer: Answer) {
        match self.lane.answered(flight, answer, &self.limits, self.now) {
            Verdict::Settled(batch, outcome) => self.settle(&batch, outcome),
            Verdict::TooLarge(batch) => self.lane.put_back_split(batch.split().unwrap()),
            Verdict::Again { .. } => {}
            Verdict::Unknown => panic!("an answer to nothing"),
        }
    }

    fn disconnect(&mut self) {
        // A prefix of what was on the wire reached the broker, unseen by the producer.
        let reached = self.rng.random_range(0..=self.wire.len());
        for (at, (flight, bytes)) in std::mem::take(&mut self.wire).into_iter().enumerate() {
            if at < reached {
                self.broker.produce(&bytes, self.records_max);
            }
            let lost = crate::Error::Disconnected { address: "b".into(), reason: "test".into() };
            self.answered(flight, Answer::Lost(lost));
        }
    }

    fn step(&mut self) {
        self.now += Duration::from_millis(self.rng.random_range(0..40));
        for (batch, error) in self.lane.expire(&self.limits, self.now) {
            self.settle(&batch, Err(error));
        }
        while let Some(sent) = self.lane.take(&self.limits, &mut self.identities, self.now) {
            self.wire.push_back(sent);
        }
        let fault = if self.faults { self.rng.random_range(0..100) } else { 100 };
        match fault {
            0..12 => self.disconnect(),
            12..60 | 100 => {
                if let Some((flight, bytes)) = self.wire.pop_front() {
                    let answer = self.broker.produce(&bytes, self.records_max);
                    self.answered(flight, answer);
                }
            }
            60..70 => self.refuse_front(ErrorCode::NotLeaderOrFollower),
            70..74 => {
                // Written, but not known to be replicated in time.
                if let Some((flight, bytes)) = self.wire.pop_front() {
                    match self.broker.produce(&bytes, self.records_max) {
                        Answer::Written(_) => {
                            self.answered(flight, Answer::Refused(ErrorCode::RequestTimedOut, None));
                        }
                        refused => self.answered(flight, refused),
                    }
                }
            }
            74..76 => self.refuse_front(ErrorCode::InvalidRecord),
            _ => {}
        }
    }

    fn refuse_front(&mut self, code: ErrorCode) {
        if let Some((flight, _)) = self.wire.pop_front() {
            self.answered(flight, Answer::Refused(code, None));
        }
    }

    fn run(&mut self) {
        for _ in 0..BATCHES {
            self.seal();
            self.step();
        }
        self.faults = false;
        for _ in 0..10_000 {
            self.step();
            if self.lane.depth() == 0 {
                return;
            }
        }
        panic!("{} batches never settled", self.lane.depth());
    }
}

fn check(seed: u64, delivery_timeout: Duration) -> usize {
    let mut world = World::new(seed, delivery_timeout);
    world.run();
    let log = &world.broker.log;
    assert!(log.is_sorted_by(|a, b| a < b), "seed {seed}: duplicated or out of order: {log:?}");
    for (record, offset) in &world.acknowledged {
        assert_eq!(log.get(*offset as usize), Some(record), "seed {seed}: acknowledged and not there");
    }
    let settled = world.acknowledged.len() + world.failed.len();
    assert_eq!(settled as u64, world.next_record, "seed {seed}: every record has one outcome");
    world.failed.len()
}

#[test]
fn nothing_is_lost_duplicated_or_reordered() {
    let failed: usize = (0..400).map(|seed| check(seed, Duration::from_secs(120))).sum();
    assert!(failed > 0, "some records are refused for good");
}

#[test]
fn batches_that_expire_leave_no_duplicates_behind() {
    let failed: usize = (0..400).map(|seed| check(seed, Duration::from_millis(200))).sum();
    assert!(failed > 0, "the time-out is short enough to be met");
}

#[test]
fn a_batch_that_overtook_a_refused_one_waits_and_costs_no_epoch() {
    let mut world = World::new(1, Duration::from_secs(120));
    world.faults = false;
    world.seal();
    world.seal();
    while let Some(sent) = world.lane.take(&world.limits, &mut world.identities, world.now) {
        world.wire.push_back(sent);
    }
    assert_eq!(world.wire.len(), 2);
    world.refuse_front(ErrorCode::NotLeaderOrFollower);
    while world.lane.depth() > 0 {
        world.step();
    }
    assert_eq!(world.broker.log.len() as u64, world.next_record);
    assert_eq!(world.identities.current().unwrap().epoch, ProducerEpoch(0));
}
