use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use rand::RngExt;
use rand::rngs::StdRng;

use super::super::super::input::MaxIdle;
use super::super::super::link::{Committed, Event, Link, TopicPartition};
use super::super::{Worker, WorkerConfig};
use super::cluster::{
    Broker, Fault, Mood, PARTITIONS, SharedBroker, SimLink, Stored, fetched, read_changelogs,
};
use super::disk::Disk;
use super::{Quiet, counts};
use crate::prelude::*;
use crate::task::{TaskId, Unlimited};

const COMMIT_INTERVAL_MS: i64 = 50;
const MAX_BUFFERED: usize = 4;
const LARGEST_FETCH: usize = 5;
const CACHE_BYTES: usize = 600;

/// What a task of the sub-topology that counts reads.
fn repartition(combines: bool) -> &'static str {
    if combines { "app-counts-partial-repartition" } else { "app-counts-repartition" }
}

/// Processes that share the partitions of a word count, and the cluster they run on.
pub(super) struct Group {
    broker: SharedBroker,
    topology: Topology,
    fault: Fault,
    /// Whether words are counted before they are shuffled, too.
    combines: bool,
    processes: Vec<Process>,
    /// Who runs which partition.
    owners: BTreeMap<TopicPartition, usize>,
    now: i64,
    /// The most records of one partition that a task has held.
    most_buffered: usize,
    /// What crashes and losses may have counted twice.
    allowed_excess: i64,
    /// Whether processes keep copies of what others run.
    has_standbys: bool,
}

struct Process {
    worker: Worker<SimLink>,
    disk: Rc<Disk>,
    /// Where fetching stands.
    positions: HashMap<TopicPartition, i64>,
}

fn topology(combines: bool) -> Topology {
    let builder = StreamsBuilder::new();
    let words = builder
        .stream(Topic::<Option<String>, String>::new("lines"))
        .flat_map_values(|line: &String, out| line.split(' ').for_each(|word| out.push(word.to_owned())))
        .group_by(|_, word| word.clone());
    let counts = if combines { words.pre_aggregate().count("counts") } else { words.count("counts") };
    counts.to(Topic::<String, i64>::new("totals"));
    builder.build().unwrap()
}

impl Group {
    /// `threads`: the workers are threads of one process, and share its disk. Processes may keep copies of what others run.
    pub(super) fn start(
        processes: usize,
        threads: bool,
        has_standbys: bool,
        combines: bool,
        fault: Fault,
    ) -> Self {
        let (broker, topology) = (SharedBroker::default(), topology(combines));
        let mut group = Self {
            processes: Vec::new(),
            owners: BTreeMap::new(),
            broker,
            topology,
            fault,
            combines,
            now: 0,
            most_buffered: 0,
            allowed_excess: 0,
            has_standbys,
        };
        let shared: Rc<Disk> = Rc::default();
        for _ in 0..processes {
            let process = group.process(if threads { Rc::clone(&shared) } else { Rc::default() });
            group.processes.push(process);
        }
        for (nth, partition) in sources(combines).enumerate() {
            group.assign(nth % processes, vec![partition]);
        }
        group.tell_standbys(|_| true);
        group
    }

    fn process(&self, disk: Rc<Disk>) -> Process {
        let config = WorkerConfig {
            application_id: "app".into(),
            commit_interval_ms: COMMIT_INTERVAL_MS,
            purge_interval_ms: COMMIT_INTERVAL_MS,
            timestamps: crate::dsl::TimestampExtractor::default(),
            max_idle: MaxIdle::Millis(0),
            max_buffered_records: MAX_BUFFERED,
            task_timeout_ms: i64::MAX,
            cache_bytes: CACHE_BYTES,
            errors: crate::errors::Policies::default(),
            error_counters: crate::errors::ErrorCounters::default(),
        };
        let link = SimLink::new(Rc::clone(&self.broker), self.fault);
        let stores = Rc::clone(&disk);
        let open = move |task, specs: &[crate::topology::StoreSpec]| {
            Ok(specs.iter().map(|_| stores.open(task)).collect())
        };
        let worker = Worker::new(
            config,
            self.topology.clone(),
            link,
            Box::new(open),
            Box::<Quiet>::default(),
            Rc::new(Unlimited),
            self.now,
        );
        Process { worker, disk, positions: HashMap::new() }
    }

    fn assign(&mut self, index: usize, partitions: Vec<TopicPartition>) {
        let process = &mut self.processes[index];
        for partition in &partitions {
            let committed = self.broker.borrow().committed(partition);
            process.positions.insert(partition.clone(), committed);
            self.owners.insert(partition.clone(), index);
        }
        process.worker.handle(Event::Assigned(partitions), self.now).unwrap();
    }

    /// Has every process keep copies of what others run, as far as the group wants them.
    fn tell_standbys(&mut self, is_wanted: impl Fn(TaskId) -> bool) {
        (0..self.processes.len()).for_each(|index| self.tell_standbys_of(index, &is_wanted));
    }

    fn tell_standbys_of(&mut self, index: usize, is_wanted: impl Fn(TaskId) -> bool) {
        if self.has_standbys {
            let counted = repartition(self.combines);
            let runs = |task: &TaskId| self.owners[&source(counted, task.partition)] == index;
            let tasks = (0..PARTITIONS).map(counting_task).filter(|task| !runs(task) && is_wanted(*task));
            let event = Event::StandBy(tasks.collect());
            self.processes[index].worker.handle(event, self.now).unwrap();
        }
    }

    /// The group wants copies of some tasks and not of others.
    pub(super) fn change_standbys(&mut self, random: &mut StdRng) {
        let wanted = random.random_range(0..=PARTITIONS);
        self.tell_standbys(|task| task.partition < wanted);
    }

    pub(super) fn feed(&mut self, line: &str, random: &mut StdRng) {
        let partition = source("lines", random.random_range(0..PARTITIONS));
        let record = Stored { timestamp: self.now, key: None, value: Some(line.as_bytes().to_vec()) };
        self.broker.borrow_mut().log(&partition).push(record);
    }

    /// A process gets something fetched, or its turn, or the broker writes some of what it sent.
    pub(super) fn advance(&mut self, random: &mut StdRng) {
        self.now += random.random_range(0..10);
        let now = self.now;
        self.broker.borrow_mut().answer();
        let moods = [Mood::Well, Mood::Slow, Mood::Failing];
        self.broker.borrow_mut().mood = moods[random.random_range(0..moods.len())];
        let index = random.random_range(0..self.processes.len());
        let process = &mut self.processes[index];
        match random.random_range(0..5) {
            // Others share the cache, or nothing is to be processed for a while.
            4 => {
                process.worker.resize_cache(random.random_range(0..=CACHE_BYTES)).unwrap();
                process.worker.pause(random.random());
            }
            0 => process.worker.link().write_some(random),
            1 => process.fetch(&self.broker.borrow(), &self.owners, index, random, now),
            2 => process.restore(&self.broker.borrow(), random, now),
            _ => {
                process.worker.step(now).unwrap();
            }
        }
        self.most_buffered = self.most_buffered.max(self.processes[index].buffered());
    }

    /// A process wants to commit while the group settles, or has been taken for dead without knowing.
    pub(super) fn refuse_a_commit(&mut self, random: &mut StdRng) {
        self.make_commits_succeed();
        let refusal = if random.random() { Committed::Later } else { Committed::Fenced };
        self.broker.borrow_mut().refusal = Some(refusal);
        self.now += COMMIT_INTERVAL_MS;
        let index = random.random_range(0..self.processes.len());
        self.processes[index].worker.step(self.now).unwrap();
        self.broker.borrow_mut().refusal = None;
    }

    /// A process dies and comes back with what its disk has.
    pub(super) fn crash(&mut self, random: &mut StdRng) {
        let index = random.random_range(0..self.processes.len());
        self.processes[index].worker.link().write_some(random);
        self.allowed_excess += self.uncommitted(index, |_| true);
        let disk = Rc::clone(&self.processes[index].disk);
        self.processes[index] = self.process(disk);
        let owned = self.owners.iter().filter(|(_, owner)| **owner == index);
        let owned: Vec<TopicPartition> = owned.map(|(partition, _)| partition.clone()).collect();
        self.assign(index, owned);
        self.tell_standbys(|_| true);
    }

    /// A process is taken for dead: its partition goes to another one without asking.
    pub(super) fn lose(&mut self, random: &mut StdRng) {
        let (partition, from, to) = self.pick_move(random);
        self.allowed_excess += self.uncommitted(from, |owned| *owned == partition);
        // What it sent may still arrive, but not after the new owner has begun.
        self.processes[from].worker.link().write_some(random);
        self.processes[from].worker.handle(Event::Lost(vec![partition.clone()]), self.now).unwrap();
        self.processes[from].worker.link().flush().unwrap();
        self.assign(to, vec![partition]);
        self.tell_standbys(|_| true);
    }

    /// A partition moves as a rebalance moves it.
    pub(super) fn hand_over(&mut self, random: &mut StdRng) {
        let (partition, from, to) = self.pick_move(random);
        self.make_commits_succeed();
        if random.random() {
            // Its owner hears that it shall keep a copy before it has let go of the task.
            self.owners.insert(partition.clone(), to);
            self.tell_standbys_of(from, |_| true);
        }
        self.processes[from].worker.handle(Event::Revoked(vec![partition.clone()]), self.now).unwrap();
        self.assign(to, vec![partition]);
        self.tell_standbys(|_| true);
    }

    /// A partition moves while the group's coordinator cannot be told how far it has come.
    pub(super) fn hand_over_uncommitted(&mut self, random: &mut StdRng) {
        let (partition, from, to) = self.pick_move(random);
        self.broker.borrow_mut().mood = Mood::Failing;
        self.allowed_excess += self.uncommitted(from, |owned| *owned == partition);
        self.processes[from].worker.handle(Event::Revoked(vec![partition.clone()]), self.now).unwrap();
        self.assign(to, vec![partition]);
        self.tell_standbys(|_| true);
    }

    /// A thread is removed: others get its partitions. Later another one takes its place.
    pub(super) fn remove_thread(&mut self, random: &mut StdRng) {
        let index = random.random_range(0..self.processes.len());
        self.make_commits_succeed();
        self.processes[index].worker.shut_down(self.now).unwrap();
        let disk = Rc::clone(&self.processes[index].disk);
        self.processes[index] = self.process(disk);
        let owned = self.owners.iter().filter(|(_, owner)| **owner == index);
        let owned: Vec<TopicPartition> = owned.map(|(partition, _)| partition.clone()).collect();
        for partition in owned {
            self.assign((index + 1) % self.processes.len(), vec![partition]);
        }
        self.tell_standbys(|_| true);
    }

    fn make_commits_succeed(&self) {
        let mood = &mut self.broker.borrow_mut().mood;
        if *mood == Mood::Failing {
            *mood = Mood::Well;
        }
    }

    fn pick_move(&self, random: &mut StdRng) -> (TopicPartition, usize, usize) {
        let nth = random.random_range(0..self.owners.len());
        let (partition, from) = self.owners.iter().nth(nth).unwrap();
        (partition.clone(), *from, random.random_range(0..self.processes.len()))
    }

    pub(super) fn write_to_disk(&mut self, random: &mut StdRng) {
        self.processes[random.random_range(0..self.processes.len())].disk.sync();
    }

    /// Goes on without trouble until all input is counted and committed.
    pub(super) fn drain(&mut self, random: &mut StdRng) {
        self.tell_standbys(|_| true);
        self.broker.borrow_mut().mood = Mood::Well;
        self.broker.borrow_mut().answer();
        for _ in 0..600 {
            self.now += COMMIT_INTERVAL_MS;
            let now = self.now;
            for (index, process) in self.processes.iter_mut().enumerate() {
                process.worker.pause(false);
                process.fetch(&self.broker.borrow(), &self.owners, index, random, now);
                process.restore(&self.broker.borrow(), random, now);
                process.worker.step(now).unwrap();
            }
        }
        for process in &mut self.processes {
            process.worker.link().flush().unwrap();
        }
    }

    /// Words that the tasks of these partitions have processed since their last commit.
    fn uncommitted(&self, index: usize, concerned: impl Fn(&TopicPartition) -> bool) -> i64 {
        let broker = self.broker.borrow();
        let inputs = self.processes[index].worker.running.iter().flat_map(super::super::Running::offsets);
        let words = |(partition, offset): (TopicPartition, i64)| {
            let committed = broker.committed(&partition);
            let records = broker.logs.get(&partition).into_iter().flatten();
            let between = records.skip(committed as usize).take((offset - committed).max(0) as usize);
            let words = |record: &Stored| match &*partition.topic {
                "app-counts-repartition" => 1,
                "app-counts-partial-repartition" => count(record),
                _ => record.value.as_deref().unwrap_or_default().split(|byte| *byte == b' ').count() as i64,
            };
            between.map(words).sum::<i64>()
        };
        inputs.filter(|(partition, _)| concerned(partition)).map(words).sum()
    }

    pub(super) fn check(&self, truth: &BTreeMap<String, i64>) -> Result<(), String> {
        if let Some(records) = self.broker.borrow().committed_early {
            return Err(format!(
                "offsets were committed behind {records} records that nobody had acknowledged"
            ));
        }
        if let Some((partition, offset)) = &self.broker.borrow().deleted_unread {
            return Err(format!("{partition} was purged to {offset}, which is not committed"));
        }
        if self.most_buffered > MAX_BUFFERED + LARGEST_FETCH {
            return Err(format!("{} records of a partition were held", self.most_buffered));
        }
        let topic = self.totals();
        let stores = self.stored();
        let mut excess = 0;
        for (word, count) in truth {
            let (in_topic, in_store) = (topic.get(word), stores.get(word));
            if in_topic != in_store {
                return Err(format!("{word}: {in_topic:?} in the topic, {in_store:?} in the store"));
            }
            let counted = in_store.copied().unwrap_or(0);
            if counted < *count {
                return Err(format!("{word}: {counted} instead of {count}"));
            }
            excess += counted - count;
        }
        if excess > self.allowed_excess {
            return Err(format!("{excess} words too many, {} were uncommitted", self.allowed_excess));
        }
        self.check_standbys()
    }

    fn totals(&self) -> BTreeMap<String, i64> {
        let broker = self.broker.borrow();
        let logs = broker.logs.iter().filter(|(partition, _)| &*partition.topic == "totals");
        let entry = |record: &Stored| {
            let key = String::from_utf8(record.key.clone().unwrap()).unwrap();
            (key, count(record))
        };
        logs.flat_map(|(_, log)| log.iter().map(entry)).collect()
    }

    fn stored(&self) -> BTreeMap<String, i64> {
        self.running().into_values().flatten().collect()
    }

    fn running(&self) -> BTreeMap<TaskId, BTreeMap<String, i64>> {
        let local = self.processes.iter().flat_map(|process| process.worker.local_tasks(0).running);
        local.filter_map(|task| Some((task.id, counts(task.stores, "counts")?))).collect()
    }

    /// Every copy holds what the task holds that it is of.
    fn check_standbys(&self) -> Result<(), String> {
        let running = self.running();
        for process in &self.processes {
            for standby in process.worker.local_tasks(0).standbys {
                let (copy, id) = (counts(standby.stores(), "counts"), standby.id());
                let status: Vec<_> = standby.status(0).collect();
                if copy.as_ref() != running.get(&id) || status.iter().any(|store| store.lag() > 0) {
                    return Err(format!(
                        "the copy of {id}, {status:?}: {copy:?}, it itself: {:?}",
                        running.get(&id)
                    ));
                }
            }
        }
        let copies = self.processes.iter().map(|process| process.worker.local_tasks(0).standbys.len());
        let others = self.processes.len() - 1;
        let expected = if self.has_standbys { PARTITIONS as usize * others } else { 0 };
        let copies: usize = copies.sum();
        if copies == expected { Ok(()) } else { Err(format!("{copies} copies instead of {expected}")) }
    }
}

impl Process {
    /// The most records of one partition that a task holds.
    fn buffered(&self) -> usize {
        let inputs = self.worker.running.iter().flat_map(|running| running.inputs.iter());
        inputs.map(|input| input.queue.buffered_records()).max().unwrap_or(0)
    }

    fn fetch(
        &mut self,
        broker: &Broker,
        owners: &BTreeMap<TopicPartition, usize>,
        index: usize,
        random: &mut StdRng,
        now: i64,
    ) {
        for (partition, _) in owners.iter().filter(|(_, owner)| **owner == index) {
            if self.worker.link().paused.contains(partition) {
                continue;
            }
            let position = self.positions[partition];
            let Some(bytes) = broker.read(partition, position, random.random_range(1..=LARGEST_FETCH)) else {
                continue;
            };
            let next = millstream_wire::batch::BatchHeader::parse(&bytes).unwrap().next_offset().0;
            self.positions.insert(partition.clone(), next);
            self.worker.handle(Event::Fetched(fetched(partition, position, bytes)), now).unwrap();
        }
    }

    fn restore(&mut self, broker: &Broker, random: &mut StdRng, now: i64) {
        read_changelogs(&mut self.worker, broker, random.random_range(1..6), now);
    }
}

fn counting_task(partition: i32) -> TaskId {
    TaskId { subtopology: 1, partition }
}

/// The count that is in a record.
fn count(record: &Stored) -> i64 {
    i64::from_be_bytes(record.value.as_deref().unwrap().try_into().unwrap())
}

fn sources(combines: bool) -> impl Iterator<Item = TopicPartition> {
    let topics = ["lines", repartition(combines)].into_iter();
    topics.flat_map(|topic| (0..PARTITIONS).map(move |partition| source(topic, partition)))
}

fn source(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: Arc::from(topic), partition }
}
