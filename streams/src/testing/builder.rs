//! A driver in the making.

use std::collections::HashMap;
use std::rc::Rc;

use super::bus::Bus;
use super::driver::Reading;
use super::widths::Widths;
use super::{TestDriver, TestError};
use crate::dsl::TimestampExtractor;
use crate::errors::{Action, ErrorCounters, Failed, Policies, Retries};
use crate::outlet::Captured;
use crate::store::backend::KeyValueBackend;
use crate::store::cache::CacheBudget;
use crate::store::memory;
use crate::store::shared::Globals;
use crate::task::{InputId, Task, TaskEnv, TaskId, Unlimited};
use crate::topology::{StoreSpec, Subtopology, Topology};

/// Bytes of cache in a test, Kafka's default.
const CACHE_BYTES: usize = 10 * 1024 * 1024;

/// Says how a [`TestDriver`] is to be: made by [`TestDriver::builder`].
#[must_use = "a driver is there when it is built"]
pub struct TestDriverBuilder<'t> {
    topology: &'t Topology,
    widths: Widths,
    timestamps: TimestampExtractor,
    wall_clock: i64,
    errors: Policies,
    commits_by_hand: bool,
    real_outlets: bool,
    open: Box<OpenStore<'t>>,
}

/// Opens the bytes of a task's store.
type OpenStore<'t> = dyn FnMut(TaskId, &StoreSpec) -> Result<Box<dyn KeyValueBackend>, TestError> + 't;

impl<'t> TestDriverBuilder<'t> {
    pub(super) fn new(topology: &'t Topology) -> Self {
        Self {
            topology,
            widths: Widths::default(),
            timestamps: TimestampExtractor::default(),
            wall_clock: 0,
            errors: Policies::default(),
            commits_by_hand: false,
            real_outlets: false,
            open: Box::new(|_, spec| Ok(memory::open(spec))),
        }
    }

    /// How many partitions every topic of the program's has, at least one. Repartition topics and changelogs get as many as
    /// they would have on a cluster. A test that says nothing of partitions has one a topic, repartition topics too.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.widths.set_default(partitions);
        self
    }

    /// How many partitions one topic has, by its name; others have one, or what [`partitions`](Self::partitions) says.
    pub fn partitions_of(mut self, topic: &str, partitions: u32) -> Self {
        self.widths.set(topic, partitions);
        self
    }

    /// Where the times of records come from for sources that say nothing of it, as `default.timestamp.extractor`.
    pub fn default_timestamps(mut self, extractor: TimestampExtractor) -> Self {
        self.timestamps = extractor;
        self
    }

    /// What the clock of the test says at first, in milliseconds; without it 0.
    pub fn wall_clock(mut self, now: i64) -> Self {
        self.wall_clock = now;
        self
    }

    /// Decides what becomes of records that fail, as [`on_error`](crate::runtime::AppBuilder::on_error) of an application; see
    /// [`errors`](crate::errors). A record that is to be tried again is so at once: a test waits for no pauses.
    pub fn on_error(mut self, policy: impl Fn(&Failed<'_>) -> Action + Send + Sync + 'static) -> Self {
        self.errors.set(policy);
        self
    }

    /// Names the topic that takes the records for which a policy says [`Action::DeadLetter`]; it is read as any
    /// [`output`](TestDriver::output).
    pub fn dead_letters(mut self, topic: &str) -> Self {
        self.errors.dead_letters = Some(topic.into());
        self
    }

    /// How often a record is tried again for which a policy says [`Action::Retry`].
    pub fn retries(mut self, retries: Retries) -> Self {
        self.errors.retries = retries;
        self
    }

    /// Leaves the commits to the test, which [`commit`](TestDriver::commit)s when it wants to: what waits for a commit in an
    /// application, cached updates and what is [combined before a shuffle](crate::KGroupedStream::pre_aggregate), waits here too.
    pub fn commits_by_hand(mut self) -> Self {
        self.commits_by_hand = true;
        self
    }

    /// Has records written to the [outlets](crate::outlet) that the topology names, and each commit wait for them. Without it they
    /// are kept for [`outlet`](TestDriver::outlet).
    pub fn real_outlets(mut self) -> Self {
        self.real_outlets = true;
        self
    }

    /// Keeps the stores elsewhere than in memory, in RocksDB for one.
    pub fn stores(
        mut self,
        open: impl FnMut(TaskId, &StoreSpec) -> Result<Box<dyn KeyValueBackend>, TestError> + 't,
    ) -> Self {
        self.open = Box::new(open);
        self
    }

    /// Makes the tasks, their stores empty.
    ///
    /// # Errors
    /// Topics that meet in one task have different numbers of partitions, a store does not open, or a processor's `init`
    /// failed.
    pub fn build(mut self) -> Result<TestDriver, TestError> {
        self.widths.settle(self.topology)?;
        let mut driver = TestDriver {
            tasks: Vec::new(),
            readings: HashMap::new(),
            readers: HashMap::new(),
            bus: Bus::new(self.widths.clone(), (!self.real_outlets).then(Captured::default)),
            wall_clock: self.wall_clock,
            errors: ErrorCounters::default(),
            backlog: None,
            commits_by_hand: self.commits_by_hand,
        };
        let cache = Rc::new(CacheBudget::new(CACHE_BYTES));
        let mut globals = Globals::default();
        for part in self.topology.globals() {
            self.add_tasks(&mut driver, part, 1, &cache, &mut globals)?;
        }
        for part in self.topology.subtopologies() {
            let tasks = self.widths.tasks(part);
            self.add_tasks(&mut driver, part, tasks, &cache, &mut globals)?;
        }
        Ok(driver)
    }

    fn add_tasks(
        &mut self,
        driver: &mut TestDriver,
        part: &Subtopology,
        count: i32,
        cache: &Rc<CacheBudget>,
        globals: &mut Globals,
    ) -> Result<(), TestError> {
        let is_global = self.topology.globals().iter().any(|global| global.id == part.id);
        for (index, topic) in part.sources.iter().enumerate() {
            let reading = Reading { first_task: driver.tasks.len(), is_global, input: InputId(index) };
            driver.readings.insert(topic.clone(), reading);
        }
        for partition in 0..count {
            let id = TaskId { subtopology: part.id, partition };
            let backends = part.stores.iter().map(|spec| (self.open)(id, spec));
            let mut backends = backends.collect::<Result<Vec<_>, _>>()?;
            if is_global {
                backends = globals.share(part, backends);
            }
            let env = TaskEnv { backends, sink: &mut driver.bus, cache: Rc::clone(cache) };
            let mut task = Task::with_globals(self.topology, id, env, globals);
            task.extract_timestamps(self.timestamps);
            let policies = if is_global { self.errors.of_global() } else { self.errors.clone() };
            task.handle_errors(policies, driver.errors.clone());
            task.init(driver.wall_clock, Rc::new(Unlimited), &mut driver.bus)?;
            driver.tasks.push(task);
        }
        Ok(())
    }
}
