//! The driver.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::dsl::Topic;
use crate::errors::{ErrorCounters, NodeErrors};
use crate::metrics::TaskMetrics;
use crate::store::backend::Position;
use crate::task::{InputId, RawRecord, RecordSink, Task};
use crate::topology::{TopicName, Topology};

use super::bus::{Bus, Place, Stored};
use super::input::Written;
use super::waiting::Waiting;
use super::{TestDriverBuilder, TestError, TestInput, TestOutput, TestableStore};

/// A test that waits longer for a real outlet waits in vain.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);
const SETTLE_PAUSE: Duration = Duration::from_millis(1);

/// Runs a topology without a broker: the same tasks as in production, stores in memory. Each record is processed to the end,
/// through repartition topics too, and committed before `send` returns.
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
///
/// # Several partitions
///
/// [`new`](Self::new) gives every topic one partition, [`builder`](Self::builder) as many as a test wants. There is a task for
/// each partition of a sub-topology then; records go to the partition that is asked for, that a partitioner chooses or that
/// the hash of the key gives, records without a key to each partition in turn.
///
/// The order is always the same: among the records that wait, the one with the smallest timestamp at the head of its
/// partition is next; where those are equal, the order is that of Kafka's `TopologyTestDriver`. The tasks are called in the
/// order of their ids when the [wall clock](Self::advance_wall_clock) moves.
///
/// ```
/// # use millstream::prelude::*;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # const WORDS: Topic<Option<String>, String> = Topic::new("words");
/// # const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
/// # let builder = StreamsBuilder::new();
/// # let _counts = builder.stream(WORDS).group_by(|_, word| word.clone()).count(COUNTS);
/// let mut driver = TestDriver::builder(&builder.build()?).partitions(3).build()?;
/// driver.input(WORDS).partition(0).send_value("whale")?;
/// driver.input(WORDS).partition(2).send_value("whale")?; // counted by the same task
/// assert_eq!(driver.store(COUNTS)?.get("whale")?, Some(2));
/// # Ok(()) }
/// ```
pub struct TestDriver {
    /// Those of one part stand together, in the order of their partitions.
    pub(super) tasks: Vec<Task>,
    /// What reads a topic.
    pub(super) readings: HashMap<TopicName, Reading>,
    /// Which input of which task reads a partition, found once.
    pub(super) readers: HashMap<Place, Option<(usize, InputId)>>,
    pub(super) bus: Bus,
    /// Milliseconds; moved only by the test.
    pub(super) wall_clock: i64,
    pub(super) errors: ErrorCounters,
    /// How many records wait behind each that is processed; `None`: nobody knows.
    pub(super) backlog: Option<u64>,
    /// Whether nothing is committed but by [`commit`](TestDriver::commit).
    pub(super) commits_by_hand: bool,
}

/// What reads a topic: an input of one task a partition, or of one task for all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) first_task: usize,
    pub(super) is_global: bool,
    pub(super) input: InputId,
}

impl TestDriver {
    /// A driver with empty stores and one partition a topic, its clock at 0.
    ///
    /// # Errors
    /// A processor's `init` failed, or a repartition topic has a number of partitions that does not fit.
    pub fn new(topology: &Topology) -> Result<Self, TestError> {
        Self::builder(topology).build()
    }

    /// A driver with partitions, stores or a clock of the test's choice.
    pub fn builder(topology: &Topology) -> TestDriverBuilder<'_> {
        TestDriverBuilder::new(topology)
    }

    /// A topic to write to.
    pub fn input<K, V>(&mut self, topic: Topic<K, V>) -> TestInput<'_, K, V> {
        let timestamp = self.wall_clock;
        TestInput::new(self, topic, timestamp)
    }

    /// A topic to read from, all its partitions in the order in which records came.
    pub fn output<K, V>(&mut self, topic: Topic<K, V>) -> TestOutput<'_, K, V> {
        TestOutput::new(self.bus.output(topic.name()), topic)
    }

    /// The state of a store, by its typed name: a [`TestStore`](super::TestStore) of a key-value store, a
    /// [`TestWindowStore`](super::TestWindowStore) of a window store.
    ///
    /// # Errors
    /// The topology has no such store, or one of other types.
    pub fn store<S: TestableStore>(&self, store: S) -> Result<S::Opened, TestError> {
        store.open(&self.tasks).ok_or_else(|| TestError::UnknownStore(store.store_name().to_owned()))
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
            if !self.commits_by_hand {
                commit(task, &mut self.bus, self.wall_clock)?;
            }
        }
        let mut waiting = Waiting::default();
        self.deliver(&mut waiting);
        self.work_off(waiting)
    }

    /// Commits all tasks as `commit.interval.ms` does in an application, and processes what follows from that, until nothing more
    /// does. Without [`commits_by_hand`](TestDriverBuilder::commits_by_hand) each record is committed on its way.
    ///
    /// # Errors
    /// A node failed that was told of what had waited.
    pub fn commit(&mut self) -> Result<(), TestError> {
        loop {
            for task in &mut self.tasks {
                commit(task, &mut self.bus, self.wall_clock)?;
            }
            let mut waiting = Waiting::default();
            self.deliver(&mut waiting);
            if waiting.is_empty() {
                return Ok(());
            }
            self.work_off(waiting)?;
        }
    }

    /// Says how many records wait for each task from now on, behind the one that it processes: what a task is told that
    /// [sheds](crate::KStream::shed). Without it that is not known.
    pub fn set_backlog(&mut self, records: u64) {
        self.backlog = Some(records);
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

    /// What has failed so far, by task, stage and node.
    pub fn errors(&self) -> Vec<NodeErrors> {
        self.errors.snapshot()
    }

    /// What has passed the tasks, in the order of their ids: how many records each node took, for one.
    pub fn metrics(&self) -> Vec<TaskMetrics> {
        self.tasks.iter().map(Task::metrics).collect()
    }

    /// Records dropped because a key or value was missing, and those that a policy let go.
    pub fn dropped_records(&self) -> u64 {
        self.tasks.iter().map(Task::dropped_records).sum()
    }

    /// Which input of which task reads a partition, by its topic's name or by a pattern.
    fn reader(&mut self, place: Place) -> Option<(usize, InputId)> {
        if let Some(known) = self.readers.get(&place) {
            return *known;
        }
        let topic = self.bus.name(place.topic).clone();
        let matching = |source: &TopicName| matches!(source, TopicName::Matching(pattern) if !topic.is_internal() && pattern.matches(topic.as_str()));
        let reading = self.readings.get(&topic).copied();
        let reading = reading.or_else(|| {
            let mut readings = self.readings.iter();
            readings.find(|(source, _)| matching(source)).map(|(_, reading)| *reading)
        });
        let reader = reading.map(|Reading { first_task, is_global, input }| {
            let task = if is_global { first_task } else { first_task + place.partition as usize };
            (task, self.tasks[task].input_for(input, topic.as_str()))
        });
        self.readers.insert(place, reader);
        reader
    }

    /// Processes one record of `topic` and all that follows from it.
    pub(super) fn pipe(&mut self, topic: &TopicName, written: Written) -> Result<(), TestError> {
        let Written { partition: wanted, partitioned, key, value, timestamp, headers } = written;
        let handle = self.bus.topic(topic);
        let hashed = key.as_deref().map(|key| &key[..partitioned.min(key.len())]);
        let Some(place) = self.bus.place(handle, wanted, hashed) else {
            let partition = wanted.unwrap_or_default();
            return Err(TestError::UnknownPartition { topic: topic.to_string(), partition });
        };
        if self.reader(place).is_none() {
            return Err(TestError::UnknownTopic(topic.to_string()));
        }
        let (partition, offset) = (place.partition, self.bus.take_offset(place));
        let mut waiting = Waiting::default();
        waiting.push(place, Stored { partition, offset, key, value, timestamp, headers });
        self.work_off(waiting)
    }

    /// Processes all that waits and all that follows from it.
    fn work_off(&mut self, mut waiting: Waiting) -> Result<(), TestError> {
        while let Some((place, record)) = waiting.pop() {
            self.step(place, &record)?;
            self.deliver(&mut waiting);
        }
        Ok(())
    }

    /// Processes one record and commits, unless the test does.
    fn step(&mut self, place: Place, record: &Stored) -> Result<(), TestError> {
        let Some((task, input)) = self.reader(place) else { return Ok(()) };
        let Stored { offset, timestamp, headers, .. } = record;
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let record =
            RawRecord { offset: *offset, timestamp: *timestamp, key, value, headers: headers.clone() };
        let task = &mut self.tasks[task];
        loop {
            if let Some(backlog) = self.backlog {
                task.set_backlog(backlog.saturating_add(1));
            }
            match task.process(input, record.clone(), &mut self.bus) {
                Err(_) if task.retry_at().is_some() => {}
                processed => break processed?,
            }
        }
        if self.commits_by_hand { Ok(()) } else { commit(task, &mut self.bus, self.wall_clock) }
    }

    /// Sorts what was sent: back to the tasks that read it, and to where the test can see it.
    fn deliver(&mut self, waiting: &mut Waiting) {
        while let Some((topic, record)) = self.bus.sent.pop_front() {
            let place = Place { topic, partition: record.partition };
            if self.reader(place).is_some() {
                waiting.push(place, record.clone());
            }
            self.bus.show(topic, record);
        }
    }
}

fn commit(task: &mut Task, bus: &mut Bus, now: i64) -> Result<(), TestError> {
    task.flush(bus)?;
    task.end_turn(now);
    settle(task, bus)?;
    task.write(|_| Position::Unchanged)?;
    Ok(())
}

/// Waits for the outlets of a task.
fn settle(task: &mut Task, bus: &mut Bus) -> Result<(), TestError> {
    let deadline = Instant::now() + SETTLES_WITHIN;
    while !task.settle(bus)? {
        if Instant::now() >= deadline {
            return Err(TestError::Unsettled(task.id(), SETTLES_WITHIN));
        }
        thread::sleep(SETTLE_PAUSE);
    }
    Ok(())
}
