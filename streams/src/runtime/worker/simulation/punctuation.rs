//! Processors that are called on time by a worker whose clock is the test's.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use super::super::super::input::MaxIdle;
use super::super::super::link::{Event, Link, TopicPartition};
use super::super::{Worker, WorkerConfig};
use super::Quiet;
use super::cluster::{Fault, SharedBroker, SimLink, Stored, fetched};
use crate::prelude::*;
use crate::store::memory::MemoryBackend;
use crate::task::TimeBudget;

const IN: Topic<String, String> = Topic::new("in");

/// Counts its calls into a store, and forwards nothing but the time.
#[derive(Stores)]
struct Clocked {
    #[store("calls")]
    calls: Open<KeyValueStore<String, i64>>,
}

impl Processor<String, String> for Clocked {
    type Out = (String, String);

    fn init(&mut self, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        for _ in 0..2 {
            cx.schedule(PunctuationKind::WallClock, Duration::from_millis(100));
        }
        Ok(())
    }

    fn process(
        &mut self,
        record: Record<String, String>,
        cx: &mut Context<Self::Out>,
    ) -> Result<(), ProcessError> {
        if record.value == "commit" {
            cx.request_commit();
        }
        Ok(())
    }

    fn punctuate(&mut self, at: Punctuation, cx: &mut Context<Self::Out>) -> Result<(), ProcessError> {
        let calls = self.calls.get(&"calls".to_owned())?.unwrap_or(0);
        self.calls.put(&"calls".to_owned(), calls + 1)?;
        cx.forward(Record::new(cx.is_out_of_time().to_string(), String::new(), at.time));
        Ok(())
    }
}

/// A budget that the test spends.
#[derive(Debug, Default)]
struct Scripted(Cell<bool>);

impl TimeBudget for Scripted {
    fn begin(&self) {}

    fn is_spent(&self) -> bool {
        self.0.get()
    }
}

struct Bench {
    worker: Worker<SimLink>,
    broker: SharedBroker,
    budget: Rc<Scripted>,
}

impl Bench {
    fn start() -> Self {
        let builder = StreamsBuilder::new();
        builder.stream(IN).process(Clocked::open).to(Topic::<String, String>::new("out"));
        let config = WorkerConfig {
            application_id: "app".into(),
            commit_interval_ms: 30_000,
            purge_interval_ms: i64::MAX,
            timestamps: crate::dsl::TimestampExtractor::default(),
            max_idle: MaxIdle::Millis(0),
            max_buffered_records: 4,
            task_timeout_ms: 1_000,
            cache_bytes: 1 << 20,
            errors: crate::errors::Policies::default(),
            error_counters: crate::errors::ErrorCounters::default(),
        };
        let (broker, budget) = (SharedBroker::default(), Rc::new(Scripted::default()));
        let link = SimLink::new(Rc::clone(&broker), Fault::None);
        let open = |_, specs: &[crate::topology::StoreSpec]| {
            Ok(specs.iter().map(|_| Box::new(MemoryBackend::new()) as Box<_>).collect())
        };
        let topology = builder.build().unwrap();
        let given = Rc::clone(&budget) as Rc<dyn TimeBudget>;
        let mut worker =
            Worker::new(config, topology, link, Box::new(open), Box::<Quiet>::default(), given, 1_000);
        worker.handle(Event::Assigned(vec![partition("in")]), 1_000).unwrap();
        Self { worker, broker, budget }
    }

    /// A turn at `now`; returns when the next is wanted.
    fn turn(&mut self, now: i64) -> i64 {
        self.worker.step(now).unwrap().again_at
    }

    /// What has been written to a topic, whatever the partition: keys and times.
    fn written(&mut self, topic: &str) -> Vec<(String, i64)> {
        Link::flush(self.worker.link()).unwrap();
        let broker = self.broker.borrow();
        let records = broker.logs.iter().filter(|(log, _)| *log.topic == *topic).flat_map(|(_, log)| log);
        let key = |record: &Stored| String::from_utf8(record.key.clone().unwrap()).unwrap();
        records.map(|record| (key(record), record.timestamp)).collect()
    }

    fn feed(&mut self, value: &str) {
        let source = partition("in");
        let record = Stored { timestamp: 0, key: Some(b"k".to_vec()), value: Some(value.into()) };
        self.broker.borrow_mut().log(&source).push(record);
        let offset = self.broker.borrow_mut().log(&source).len() as i64 - 1;
        let bytes = self.broker.borrow().read(&source, offset, 1).unwrap();
        self.worker.handle(Event::Fetched(fetched(&source, offset, bytes)), 0).unwrap();
    }
}

fn partition(topic: &str) -> TopicPartition {
    TopicPartition { topic: topic.into(), partition: 0 }
}

#[test]
fn the_wall_clock_is_followed_while_the_input_is_silent() {
    let mut bench = Bench::start();
    assert_eq!(bench.turn(1_000), 1_100);
    assert_eq!(bench.turn(1_099), 1_100);
    assert_eq!(bench.written("out"), []);
    assert_eq!(bench.turn(1_350), 1_400);
    let twice = [("false".to_owned(), 1_350), ("false".to_owned(), 1_350)];
    assert_eq!(bench.written("out"), twice);
    // What a punctuation has put into a store is committed although no record came.
    assert_eq!(bench.written("app-calls-changelog"), []);
    bench.turn(31_000);
    assert_eq!(bench.written("app-calls-changelog"), [("calls".to_owned(), 31_000)]);
}

#[test]
fn nothing_punctuates_while_the_worker_is_paused() {
    let mut bench = Bench::start();
    bench.worker.pause(true);
    assert_eq!(bench.turn(1_350), i64::MAX);
    assert_eq!(bench.written("out"), []);
    bench.worker.pause(false);
    assert_eq!(bench.turn(1_360), 1_400);
    assert_eq!(bench.written("out").len(), 2);
}

#[test]
fn a_spent_budget_leaves_the_rest_to_the_next_turn() {
    let mut bench = Bench::start();
    bench.budget.0.set(true);
    assert!(bench.turn(1_100) <= 1_100);
    assert_eq!(bench.written("out"), [("true".to_owned(), 1_100)]);
    assert_eq!(bench.turn(1_101), 1_200);
    assert_eq!(bench.written("out").len(), 2);
}

#[test]
fn a_processor_can_have_a_commit_before_its_time() {
    let mut bench = Bench::start();
    bench.turn(1_100);
    bench.feed("wait");
    bench.turn(1_101);
    assert_eq!(bench.broker.borrow().committed(&partition("in")), 0);
    bench.feed("commit");
    bench.turn(1_102);
    assert_eq!(bench.broker.borrow().committed(&partition("in")), 2);
    assert_eq!(bench.written("app-calls-changelog"), [("calls".to_owned(), 1_100)]);
}
