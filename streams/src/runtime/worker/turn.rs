//! Processing: a bounded number of records from each task in turn.

use millstream_wire::batch::{BatchError, Record as WireRecord};

use super::super::input::{Input, RunError, TaskInputs, Wait};
use super::super::link::{FetchedRange, Link, TopicPartition};
use super::outlets::LOOK_MS;
use super::{Running, Worker, WorkerError};
use crate::processor::Headers;
use crate::task::{At, Failure, RawRecord, Task, TaskError};

/// Records that a task processes before the next task, a commit or a query gets its turn: a few milliseconds.
const RECORDS_PER_TURN: usize = 4_096;

/// The same of a task that ends in outlets: so many may come after one has run out of room.
const RECORDS_PER_TURN_INTO_OUTLETS: usize = 256;

/// Bytes of one partition that may wait; above it the partition is not fetched.
const MAX_BUFFERED_BYTES: usize = 8 << 20;

/// What a round of turns came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    /// Records processed.
    pub(crate) records: usize,
    /// When (ms) a task wants another turn although nothing arrives; `i64::MAX`: never.
    pub(crate) again_at: i64,
}

impl<L: Link> Worker<L> {
    /// Gives every task a turn, unless they are paused, and commits when that is due.
    pub(crate) fn step(&mut self, now: i64) -> Result<Round, WorkerError> {
        let mut round = Round { records: 0, again_at: self.proceed(now)? };
        let at_work = if self.paused { 0 } else { self.running.len() };
        let mut since = self.elapsed();
        round.again_at = round.again_at.min(self.look_at_outlets(now)?);
        for nth in 0..at_work {
            let index = (self.turn + nth) % self.running.len();
            if !self.running[index].may_go_on()? {
                round.again_at = round.again_at.min(now + LOOK_MS);
                continue;
            }
            let turn = self.take_turn(index, now)?;
            if self.punctuate(index, now)? || turn.records > 0 {
                since = self.turn_ended(index, since);
            }
            round.again_at = round.again_at.min(self.running[index].task.next_punctuation());
            round.records += turn.records;
            round.again_at = round.again_at.min(turn.again_at);
        }
        self.turn = self.turn.wrapping_add(1);
        if round.records > 0 {
            self.observer.processed(round.records);
        }
        round.again_at = round.again_at.min(self.keep_up(now)?);
        if self.commit_due().is_some_and(|due| due <= now) {
            self.commit(now)?;
        }
        // Also one that has just failed is due again.
        round.again_at = round.again_at.min(self.commit_due().unwrap_or(i64::MAX));
        self.publish_in_time();
        Ok(round)
    }

    /// Calls what is due in a task although no record is there for it. Returns whether anything was.
    fn punctuate(&mut self, index: usize, now: i64) -> Result<bool, WorkerError> {
        let Self { running, link, .. } = self;
        let Running { task, uncommitted, commit_requested, .. } = &mut running[index];
        let any = task.punctuate(now, link)?;
        *uncommitted |= any;
        *commit_requested |= task.take_commit_request();
        Ok(any)
    }

    fn take_turn(&mut self, index: usize, now: i64) -> Result<Round, WorkerError> {
        let Self { running, link, config, .. } = self;
        let Running { task, inputs, uncommitted, .. } = &mut running[index];
        if let Some(again_at) = task.retry_at().filter(|again_at| *again_at > now) {
            return Ok(Round { records: 0, again_at });
        }
        let wait = inputs.wait(now, config.max_idle, |input| link.lag(&input.topic, input.partition));
        match wait.map_err(|(index, error)| at_input(task, inputs, index, error))? {
            Wait::Empty => return Ok(Round { records: 0, again_at: i64::MAX }),
            Wait::Until(again_at) => return Ok(Round { records: 0, again_at }),
            Wait::Ready => {}
        }
        task.set_wall_clock(now);
        if task.watches_load() {
            let beyond = |input: &Input| link.lag(&input.topic, input.partition).unwrap_or(0);
            let waiting =
                inputs.iter().map(|input| input.queue.waiting_records() + beyond(input).unsigned_abs());
            task.set_backlog(waiting.sum());
        }
        let limit = if task.has_outlets() { RECORDS_PER_TURN_INTO_OUTLETS } else { RECORDS_PER_TURN };
        let ran = inputs.run(limit, |input, record| task.process(input, raw(&record), link));
        let (records, again_at) = match (ran, task.retry_at()) {
            (Ok(records), _) => (records, i64::MAX),
            // How far it came before is in the queue; what failed is still at its head.
            (Err((_, RunError::Process { passed, .. })), Some(again_at)) => {
                *uncommitted = true;
                (passed, again_at)
            }
            (Err((index, error)), _) => return Err(at_input(task, inputs, index, error)),
        };
        *uncommitted |= records > 0;
        task.end_turn(now);
        for input in inputs.iter_mut().filter(|input| input.paused) {
            if input.queue.buffered_records() <= config.max_buffered_records
                && input.queue.buffered_bytes() <= MAX_BUFFERED_BYTES
            {
                input.paused = false;
                link.pause(&TopicPartition { topic: input.topic.clone(), partition: input.partition }, false);
            }
        }
        Ok(Round { records, again_at })
    }

    /// Queues fetched records. A range of a partition that has moved away since is dropped: its new owner fetches it.
    pub(super) fn buffer(&mut self, range: FetchedRange) {
        let Self { running, link, config, .. } = self;
        let FetchedRange { source, offset, bytes } = range;
        for Running { inputs, .. } in running {
            let Some(input) = inputs.push(&source.topic, source.partition, offset, bytes.clone()) else {
                continue;
            };
            let full = input.queue.buffered_records() > config.max_buffered_records
                || input.queue.buffered_bytes() > MAX_BUFFERED_BYTES;
            if full && !input.paused {
                input.paused = true;
                link.pause(&source, true);
            }
            return;
        }
    }
}

/// A record of a batch as a task takes it.
#[inline]
pub(crate) fn raw<'a>(record: &WireRecord<'a>) -> RawRecord<'a> {
    let headers = if record.headers.is_empty() { Headers::default() } else { headers(record) };
    RawRecord {
        offset: record.offset.0,
        timestamp: record.timestamp,
        key: record.key,
        value: record.value,
        headers,
    }
}

fn headers(record: &WireRecord<'_>) -> Headers {
    let mut headers = Headers::default();
    for header in record.headers.iter() {
        headers.push(header.name(), header.value.map(<[u8]>::to_vec));
    }
    headers
}

/// Names the record at which a run ended; a task that failed has named it already.
fn at_input(task: &Task, inputs: &TaskInputs, index: usize, error: RunError<TaskError>) -> WorkerError {
    let (offset, error) = match error {
        RunError::Process { error, .. } => return error.into(),
        RunError::Batch(offset, error) => (offset, error),
    };
    let input = inputs.get(index);
    let source = TopicPartition { topic: input.topic.clone(), partition: input.partition };
    at_source(task, &source, offset, &error)
}

/// Names the place where a source's bytes are no records.
pub(crate) fn at_source(
    task: &Task,
    source: &TopicPartition,
    offset: i64,
    error: &BatchError,
) -> WorkerError {
    let (topic, partition) = (source.topic.to_string(), source.partition);
    let at = At::Record { topic, partition, offset, node: "source".to_owned() };
    TaskError { task: task.id(), at: Box::new(at), failure: Failure::Batch(error.to_string()) }.into()
}
