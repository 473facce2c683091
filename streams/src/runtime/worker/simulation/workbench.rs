use std::cell::RefCell;
use std::rc::Rc;

use super::super::super::input::MaxIdle;
use super::super::super::link::{Event, GroupOffset, Link, TopicPartition};
use super::super::super::offset_metadata::OffsetMetadata;
use super::super::{Arrival, OpenStores, Round, Worker, WorkerConfig, WorkerError};
use super::Quiet;
use super::cluster::{Fault, SharedBroker, SimLink, Stored, fetched, read_changelogs};
use crate::prelude::*;
use crate::store::memory::MemoryBackend;
use crate::task::{TaskId, Unlimited};
use crate::topology::Optimization;

/// One worker whose tasks, clock and broker are the test's.
pub(super) struct Workbench {
    pub(super) worker: Worker<SimLink>,
    pub(super) broker: SharedBroker,
    /// The tasks that came from elsewhere, or back.
    pub(super) arrivals: Rc<RefCell<Vec<Arrival>>>,
    /// The tasks that have said where their state stood when they went.
    pub(super) closed: Rc<RefCell<Vec<TaskId>>>,
}

pub(super) fn partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.into(), partition }
}

/// Stores in memory, which are gone when a task closes.
pub(super) fn in_memory() -> OpenStores {
    Box::new(|_, specs| Ok(specs.iter().map(|_| Box::new(MemoryBackend::new()) as Box<_>).collect()))
}

impl Workbench {
    pub(super) fn start(builder: StreamsBuilder, configure: impl FnOnce(&mut WorkerConfig)) -> Self {
        Self::new(builder, in_memory(), Fault::None, configure)
    }

    /// One that finds what others have left with a broker.
    pub(super) fn at(broker: &SharedBroker, builder: StreamsBuilder) -> Self {
        Self::of(Rc::clone(broker), builder, in_memory(), Fault::None, |_| {})
    }

    /// One whose link makes a mistake.
    pub(super) fn with_fault(
        builder: StreamsBuilder,
        fault: Fault,
        configure: impl FnOnce(&mut WorkerConfig),
    ) -> Self {
        Self::new(builder, in_memory(), fault, configure)
    }

    pub(super) fn with_stores(
        builder: StreamsBuilder,
        open: OpenStores,
        configure: impl FnOnce(&mut WorkerConfig),
    ) -> Self {
        Self::new(builder, open, Fault::None, configure)
    }

    fn new(
        builder: StreamsBuilder,
        open: OpenStores,
        fault: Fault,
        configure: impl FnOnce(&mut WorkerConfig),
    ) -> Self {
        Self::of(SharedBroker::default(), builder, open, fault, configure)
    }

    fn of(
        broker: SharedBroker,
        builder: StreamsBuilder,
        open: OpenStores,
        fault: Fault,
        configure: impl FnOnce(&mut WorkerConfig),
    ) -> Self {
        let mut config = WorkerConfig {
            application_id: "app".into(),
            commit_interval_ms: 100,
            purge_interval_ms: i64::MAX,
            timestamps: crate::dsl::TimestampExtractor::default(),
            max_idle: MaxIdle::Millis(0),
            max_buffered_records: 4,
            task_timeout_ms: 1_000,
            cache_bytes: 1 << 20,
            errors: crate::errors::Policies::default(),
            error_counters: crate::errors::ErrorCounters::default(),
        };
        configure(&mut config);
        let link = SimLink::new(Rc::clone(&broker), fault);
        let (topology, quiet) = (builder.build().unwrap().optimized(Optimization::ALL), Quiet::default());
        let (arrivals, closed) = (Rc::clone(&quiet.arrivals), Rc::clone(&quiet.closed));
        let worker = Worker::new(config, topology, link, open, Box::new(quiet), Rc::new(Unlimited), 0);
        Self { worker, broker, arrivals, closed }
    }

    pub(super) fn assign(&mut self, partitions: &[TopicPartition], now: i64) -> Result<(), WorkerError> {
        self.worker.handle(Event::Assigned(partitions.to_vec()), now)
    }

    pub(super) fn revoke(&mut self, partitions: &[TopicPartition], now: i64) -> Result<(), WorkerError> {
        self.worker.handle(Event::Revoked(partitions.to_vec()), now)
    }

    /// Appends a record to a source.
    pub(super) fn append(&mut self, source: &TopicPartition, timestamp: i64, value: &str) {
        let record = Stored { timestamp, key: Some(b"k".to_vec()), value: Some(value.into()) };
        self.broker.borrow_mut().log(source).push(record);
    }

    /// Has the worker get one record of a source, unless it does not want any.
    pub(super) fn fetch(&mut self, source: &TopicPartition, offset: i64) {
        if self.worker.link().paused.contains(source) {
            return;
        }
        let bytes = self.broker.borrow().read(source, offset, 1).unwrap();
        self.worker.link().positions.insert(source.clone(), offset + 1);
        self.worker.handle(Event::Fetched(fetched(source, offset, bytes)), 0).unwrap();
    }

    /// Has the worker get what is there of the changelogs that it reads.
    pub(super) fn read_changelogs(&mut self, now: i64) {
        read_changelogs(&mut self.worker, &self.broker.borrow(), usize::MAX, now);
    }

    /// A fetch of a source has found nothing at this offset, or its answer has not been told of yet.
    pub(super) fn ask_at(&mut self, source: &TopicPartition, offset: i64) {
        self.worker.link().positions.insert(source.clone(), offset);
    }

    pub(super) fn turn(&mut self, now: i64) -> Round {
        self.worker.step(now).unwrap()
    }

    pub(super) fn committed(&self, source: &TopicPartition) -> i64 {
        self.broker.borrow().committed(source)
    }

    /// The group has processed everything before `offset`.
    pub(super) fn commit(&mut self, source: &TopicPartition, offset: i64) {
        let committed = GroupOffset { offset, metadata: OffsetMetadata::default() };
        self.broker.borrow_mut().committed.insert(source.clone(), committed);
    }

    /// What has been written to a topic, partition by partition.
    pub(super) fn values(&mut self, topic: &str) -> Vec<String> {
        Link::flush(self.worker.link()).unwrap();
        let broker = self.broker.borrow();
        let records = broker.logs.iter().filter(|(log, _)| *log.topic == *topic).flat_map(|(_, log)| log);
        records.map(|record| String::from_utf8(record.value.clone().unwrap()).unwrap()).collect()
    }
}
