//! The driver.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use crate::dsl::Topic;
use crate::store::backend::{KeyValueBackend, Position};
use crate::store::cache::CacheBudget;
use crate::store::memory;
use crate::store::shared::Globals;
use crate::task::{InputId, RawRecord, Task, TaskEnv, TaskId, Unlimited};
use crate::topology::{StoreSpec, TopicName, Topology};

use super::bus::{Bus, Stored};
use super::waiting::Waiting;
use super::{TestError, TestInput, TestOutput, TestableStore};

/// Bytes of cache in a test, Kafka's default.
const CACHE_BYTES: usize = 10 * 1024 * 1024;

/// Runs a topology without a broker: the same tasks as in production, one partition per topic, stores in memory. Each record
/// is processed to the end, through repartition topics too, and committed before `send` returns.
///
/// ```
/// # use millstream::prelude::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// const WORDS: Topic<Option<String>, String> = Topic::new("words");
/// const COUNTS: Topic<String, i64> = Topic::new("counts");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(WORDS).group_by(|_, word| word.clone()).count("counts").to(COUNTS);
///
/// let mut driver = TestDriver::new(&builder.build()?)?;
/// driver.input(WORDS).at(10).send_value("whale")?;
/// driver.input(WORDS).at(20).send_value("whale")?;
/// assert_eq!(driver.output(COUNTS).drain(), [record("whale", 1).at(10), record("whale", 2).at(20)]);
/// # Ok(()) }
/// ```
pub struct TestDriver {
    tasks: Vec<Task>,
    /// Which input of which task reads a topic.
    readers: HashMap<TopicName, (usize, InputId)>,
    /// The next offset of each topic that is read.
    offsets: HashMap<TopicName, i64>,
    bus: Bus,
    /// Milliseconds; moved only by the test.
    wall_clock: i64,
}

impl TestDriver {
    /// A driver with empty stores, its clock at 0.
    ///
    /// # Errors
    /// A processor's `init` failed.
    pub fn new(topology: &Topology) -> Result<Self, TestError> {
        Self::with_stores(topology, |_, spec| Ok(memory::open(spec)))
    }

    /// A driver over stores of the caller's choice, RocksDB for one.
    ///
    /// # Errors
    /// What `open` returns.
    pub fn with_stores(
        topology: &Topology,
        mut open: impl FnMut(TaskId, &StoreSpec) -> Result<Box<dyn KeyValueBackend>, TestError>,
    ) -> Result<Self, TestError> {
        let mut bus = Bus::default();
        let cache = Rc::new(CacheBudget::new(CACHE_BYTES));
        let (mut tasks, mut readers) = (Vec::new(), HashMap::new());
        let mut globals = Globals::default();
        for part in topology.globals().iter().chain(topology.subtopologies()) {
            let id = TaskId { subtopology: part.id, partition: 0 };
            let mut backends =
                part.stores.iter().map(|spec| open(id, spec)).collect::<Result<Vec<_>, _>>()?;
            if topology.globals().iter().any(|global| global.id == part.id) {
                backends = globals.share(part, backends);
            }
            let inputs = part.sources.iter().enumerate();
            readers.extend(inputs.map(|(index, topic)| (topic.clone(), (tasks.len(), InputId(index)))));
            let env = TaskEnv { backends, sink: &mut bus, cache: Rc::clone(&cache) };
            let mut task = Task::with_globals(topology, id, env, &globals);
            task.init(0, Rc::new(Unlimited), &mut bus)?;
            tasks.push(task);
        }
        Ok(Self { tasks, readers, offsets: HashMap::new(), bus, wall_clock: 0 })
    }

    /// A topic to write to.
    pub fn input<K, V>(&mut self, topic: Topic<K, V>) -> TestInput<'_, K, V> {
        let timestamp = self.wall_clock;
        TestInput::new(self, topic, timestamp)
    }

    /// A topic to read from.
    pub fn output<K, V>(&mut self, topic: Topic<K, V>) -> TestOutput<'_, K, V> {
        TestOutput::new(self.bus.output(topic.name()), topic)
    }

    /// The state of a store, by its typed name: a [`TestStore`](super::TestStore) of a key-value store, a
    /// [`TestWindowStore`](super::TestWindowStore) of a window store.
    ///
    /// # Errors
    /// The topology has no such store, or one of other types.
    pub fn store<S: TestableStore>(&self, store: S) -> Result<S::Opened, TestError> {
        let found = self.tasks.iter().find_map(|task| store.open(task));
        found.ok_or_else(|| TestError::UnknownStore(store.store_name().to_owned()))
    }

    /// The clock of the test, in milliseconds: the time of records sent without one.
    pub fn wall_clock(&self) -> i64 {
        self.wall_clock
    }

    /// Moves the clock on, and processes what follows from the punctuations that are due then. As on a machine that was busy
    /// for so long, intervals that are skipped end in one call; a test that wants every call moves the clock in steps.
    ///
    /// # Errors
    /// A punctuation failed, or a node that it reached.
    pub fn advance_wall_clock(&mut self, by: Duration) -> Result<(), TestError> {
        self.wall_clock = self.wall_clock.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        for task in &mut self.tasks {
            task.punctuate(self.wall_clock, &mut self.bus)?;
            commit(task, &mut self.bus)?;
        }
        let mut waiting = Waiting::default();
        self.deliver(&mut waiting);
        self.work_off(waiting)
    }

    /// Ends the tasks: what their processors do when they are closed. Dropping a driver does not do it.
    ///
    /// # Errors
    /// A processor panicked.
    pub fn close(mut self) -> Result<(), TestError> {
        for task in &mut self.tasks {
            task.close()?;
        }
        Ok(())
    }

    /// Records dropped because a key or value was missing.
    pub fn dropped_records(&self) -> u64 {
        self.tasks.iter().map(Task::dropped_records).sum()
    }

    /// Which input of which task reads a topic, by its name or by a pattern.
    fn reader(&mut self, topic: &TopicName) -> Option<(usize, InputId)> {
        if let Some(known) = self.readers.get(topic) {
            return Some(*known);
        }
        let matching = |(source, _): &(&TopicName, _)| matches!(source, TopicName::Matching(pattern) if !topic.is_internal() && pattern.matches(topic.as_str()));
        let (_, (task, input)) = self.readers.iter().find(matching)?;
        let (task, input) = (*task, self.tasks[*task].input_for(*input, topic.as_str()));
        self.readers.insert(topic.clone(), (task, input));
        Some((task, input))
    }

    /// Processes one record of `topic` and all that follows from it.
    pub(super) fn pipe(&mut self, topic: TopicName, record: Stored) -> Result<(), TestError> {
        if self.reader(&topic).is_none() {
            return Err(TestError::UnknownTopic(topic.to_string()));
        }
        let mut waiting = Waiting::default();
        waiting.push(topic, record);
        self.work_off(waiting)
    }

    /// Processes all that waits and all that follows from it.
    fn work_off(&mut self, mut waiting: Waiting) -> Result<(), TestError> {
        while let Some((topic, record)) = waiting.pop() {
            self.step(&topic, &record)?;
            self.deliver(&mut waiting);
        }
        Ok(())
    }

    /// Processes one record and commits.
    fn step(&mut self, topic: &TopicName, record: &Stored) -> Result<(), TestError> {
        let (task, input) = self.readers[topic];
        let next = self.offsets.entry(topic.clone()).or_default();
        let offset = *next;
        *next += 1;
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let record =
            RawRecord { offset, timestamp: record.timestamp, key, value, headers: record.headers.clone() };
        let task = &mut self.tasks[task];
        task.process(input, record, &mut self.bus)?;
        commit(task, &mut self.bus)
    }

    /// Sorts what was sent: back to the tasks that read it, and to where the test can see it.
    fn deliver(&mut self, waiting: &mut Waiting) {
        while let Some((handle, record)) = self.bus.sent.pop_front() {
            let topic = self.bus.name(handle).clone();
            if self.reader(&topic).is_some() {
                waiting.push(topic.clone(), record.clone());
            }
            self.bus.output(topic.as_str()).push_back(record);
        }
    }
}

fn commit(task: &mut Task, bus: &mut Bus) -> Result<(), TestError> {
    task.flush(bus)?;
    task.write(|_| Position::Unchanged)?;
    Ok(())
}
