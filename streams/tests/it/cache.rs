//! The write-back cache: whatever its size and whenever it is flushed, the state is the same to a reader, to the changelog and
//! to the nodes below.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::rc::Rc;

use millstream::prelude::*;
use millstream::processor::Headers;
use millstream::store::backend::{Direction, Position};
use millstream::store::cache::CacheBudget;
use millstream::store::memory::MemoryBackend;
use millstream::task::{InputId, RawRecord, RecordSink, SinkError, Task, TaskEnv, TaskId, TopicHandle};
use millstream::topology::TopicName;
use proptest::prelude::*;

const SUMS: KeyValueStore<u8, i64> = KeyValueStore::new("sums");

/// The last value of each key that was sent to each topic, as a compacted topic keeps it, and how many were sent.
#[derive(Default)]
struct Compacted {
    topics: Vec<String>,
    last: BTreeMap<(String, u8), Option<i64>>,
    sent: usize,
}

impl Compacted {
    fn table(&self, topic: &str) -> BTreeMap<u8, i64> {
        let of_topic = self.last.iter().filter(|((name, _), _)| name == topic);
        of_topic.filter_map(|((_, key), value)| Some((*key, (*value)?))).collect()
    }
}

impl RecordSink for Compacted {
    fn topic(&mut self, name: &TopicName) -> TopicHandle {
        self.topics.push(name.to_string());
        TopicHandle(self.topics.len() as u32 - 1)
    }

    fn send(
        &mut self,
        topic: TopicHandle,
        _partition: Option<i32>,
        _timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        _headers: &Headers,
    ) -> Result<(), SinkError> {
        let value = value.map(|value| i64::from_be_bytes(value.try_into().unwrap()));
        self.last.insert((self.topics[topic.0 as usize].clone(), key.unwrap()[0]), value);
        self.sent += 1;
        Ok(())
    }
}

/// What happens to the task.
#[derive(Debug, Clone)]
enum Step {
    Add(u8, i64),
    Flush,
    Write,
    Read(u8, Bound<u8>, bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bound = prop_oneof![
        Just(Bound::Unbounded),
        (0_u8..12).prop_map(Bound::Included),
        (0_u8..12).prop_map(Bound::Excluded)
    ];
    let step = prop_oneof![
        6 => (0_u8..12, -2_i64..3).prop_map(|(key, n)| Step::Add(key, n)),
        1 => Just(Step::Flush),
        1 => Just(Step::Write),
        2 => (0_u8..12, bound, any::<bool>()).prop_map(|(key, to, reverse)| Step::Read(key, to, reverse)),
    ];
    proptest::collection::vec(step, 0..80)
}

/// Sums by key; a sum of zero removes the key.
fn topology(store: KeyValueStore<u8, i64>) -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream(Topic::<u8, i64>::new("in")).group_by_key();
    let sums = grouped.aggregate(
        store,
        || Some(0),
        |_, n, sum: &mut Option<i64>| {
            *sum = sum.map(|sum| sum + n).filter(|sum| *sum != 0);
        },
    );
    sums.to(Topic::new("out"));
    builder.build().unwrap()
}

fn task(topology: &Topology, cache_bytes: usize, sink: &mut Compacted) -> Task {
    let cache = Rc::new(CacheBudget::new(cache_bytes));
    let env = TaskEnv { backends: vec![Box::new(MemoryBackend::new())], sink, cache };
    Task::new(topology, TaskId { subtopology: 0, partition: 0 }, env)
}

fn add(task: &mut Task, sink: &mut Compacted, key: u8, n: i64) {
    let (key, value) = ([key], n.to_be_bytes());
    let (key, value) = (Some(&key[..]), Some(&value[..]));
    let record = RawRecord { offset: 0, timestamp: 0, key, value, headers: Headers::default() };
    task.process(InputId(0), record, sink).unwrap();
}

fn read(task: &Task, to: Bound<u8>, direction: Direction) -> Vec<(u8, i64)> {
    let store = task.store::<u8, i64>("sums").unwrap();
    let mut entries = Vec::new();
    let visit = |key, value, _| {
        entries.push((key, value));
        ControlFlow::Continue(())
    };
    store.borrow().range(Bound::Unbounded, to.as_ref(), direction, visit).unwrap();
    entries
}

fn check(steps: &[Step], cache_bytes: usize, store: KeyValueStore<u8, i64>) {
    let mut sink = Compacted::default();
    let topology = topology(store);
    let mut task = task(&topology, cache_bytes, &mut sink);
    let mut model = BTreeMap::<u8, i64>::new();
    for step in steps {
        match step {
            Step::Add(key, n) => {
                add(&mut task, &mut sink, *key, *n);
                *model.entry(*key).or_default() += n;
                model.retain(|_, sum| *sum != 0);
            }
            Step::Flush => task.flush(&mut sink).unwrap(),
            Step::Write => task.write(|_| Position::Unchanged).unwrap(),
            Step::Read(key, to, reverse) => {
                let store = task.store::<u8, i64>("sums").unwrap();
                let value = store.borrow().get(key).unwrap().map(|(value, _)| value);
                assert_eq!(value, model.get(key).copied());
                let mut expected: Vec<_> =
                    model.range((Bound::Unbounded, *to)).map(|(k, v)| (*k, *v)).collect();
                let direction = if *reverse { Direction::Reverse } else { Direction::Forward };
                if *reverse {
                    expected.reverse();
                }
                assert_eq!(read(&task, *to, direction), expected);
            }
        }
    }
    task.flush(&mut sink).unwrap();
    task.write(|_| Position::Unchanged).unwrap();
    assert_eq!(sink.table("sums-changelog"), model);
    assert_eq!(sink.table("out"), model);
    assert_eq!(read(&task, Bound::Unbounded, Direction::Forward), model.into_iter().collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn state_does_not_depend_on_the_cache(steps in steps(), cache_bytes in prop_oneof![Just(0), 100_usize..2_000, Just(1 << 20)]) {
        check(&steps, cache_bytes, SUMS);
        check(&steps, cache_bytes, SUMS.uncached());
    }
}

#[test]
fn a_cache_merges_the_updates_between_two_flushes() {
    let mut sink = Compacted::default();
    let topology = topology(SUMS);
    let mut task = task(&topology, 1 << 20, &mut sink);
    (0..100).for_each(|_| add(&mut task, &mut sink, 1, 1));
    assert_eq!(sink.sent, 0);
    task.flush(&mut sink).unwrap();
    assert_eq!(sink.sent, 2, "one to the changelog, one to the topic");
}

#[test]
fn without_a_cache_every_update_is_forwarded() {
    let mut sink = Compacted::default();
    let topology = topology(SUMS.uncached());
    let mut task = task(&topology, 1 << 20, &mut sink);
    (0..100).for_each(|_| add(&mut task, &mut sink, 1, 1));
    assert_eq!(sink.sent, 100);
}

#[test]
fn a_key_that_came_and_went_between_two_flushes_is_no_news() {
    let mut sink = Compacted::default();
    let topology = topology(SUMS);
    let mut task = task(&topology, 1 << 20, &mut sink);
    add(&mut task, &mut sink, 1, 1);
    add(&mut task, &mut sink, 1, -1);
    task.flush(&mut sink).unwrap();
    assert_eq!(sink.sent, 0);
}

/// The values sent to one topic, whatever they are.
#[derive(Default)]
struct Values(Vec<String>, Vec<Vec<u8>>);

impl RecordSink for Values {
    fn topic(&mut self, name: &TopicName) -> TopicHandle {
        self.0.push(name.to_string());
        TopicHandle(self.0.len() as u32 - 1)
    }

    fn send(
        &mut self,
        topic: TopicHandle,
        _partition: Option<i32>,
        _timestamp: i64,
        _key: Option<&[u8]>,
        value: Option<&[u8]>,
        _headers: &Headers,
    ) -> Result<(), SinkError> {
        if self.0[topic.0 as usize] == "by-parity-repartition" {
            self.1.push(value.unwrap().to_vec());
        }
        Ok(())
    }
}

/// The updates that go into the groups of a table, of two flushes with updates of one key to 2, to 4 and 6.
fn regrouped(store: KeyValueStore<u8, i64>) -> Vec<Vec<u8>> {
    let builder = StreamsBuilder::new();
    let by_parity = builder.table_in(Topic::new("in"), store).group_by(|_, n| (n % 2, *n)).named("by-parity");
    let _counts = by_parity.count("counts");
    let topology = builder.build().unwrap();
    let mut sink = Values::default();
    let cache = Rc::new(CacheBudget::new(1 << 20));
    let env = TaskEnv { backends: vec![Box::new(MemoryBackend::new())], sink: &mut sink, cache };
    let mut task = Task::new(&topology, TaskId { subtopology: 0, partition: 0 }, env);
    for values in [&[2_i64][..], &[4, 6]] {
        for value in values {
            let (key, value) = ([1], value.to_be_bytes());
            let (key, value) = (Some(&key[..]), Some(&value[..]));
            let record = RawRecord { offset: 0, timestamp: 0, key, value, headers: Headers::default() };
            task.process(InputId(0), record, &mut sink).unwrap();
        }
        task.flush(&mut sink).unwrap();
    }
    sink.1
}

/// As it is written: the length of the new value, the new one, the old one, 2 for both.
fn both(new: i64, old: i64) -> Vec<u8> {
    [&[16][..], &new.to_be_bytes(), &old.to_be_bytes(), &[2]].concat()
}

#[test]
fn the_old_value_is_the_one_that_was_told_last() {
    let first = [&2_i64.to_be_bytes()[..], &[1]].concat();
    assert_eq!(regrouped(SUMS), [first.clone(), both(6, 2)]);
    assert_eq!(regrouped(SUMS.uncached()), [first, both(4, 2), both(6, 4)]);
}

#[test]
fn a_cache_keeps_to_its_budget() {
    let mut sink = Compacted::default();
    let topology = topology(SUMS);
    let cache = Rc::new(CacheBudget::new(4_000));
    let env =
        TaskEnv { backends: vec![Box::new(MemoryBackend::new())], sink: &mut sink, cache: Rc::clone(&cache) };
    let mut task = Task::new(&topology, TaskId { subtopology: 0, partition: 0 }, env);
    for key in 0..=255 {
        add(&mut task, &mut sink, key, 1);
        assert!(cache.used() <= 4_000, "{} bytes", cache.used());
    }
    assert!(cache.used() > 1_000, "what was used last stays: {} bytes", cache.used());
    assert_eq!(read(&task, Bound::Unbounded, Direction::Forward).len(), 256);
    drop(task);
    assert_eq!(cache.used(), 0);
}
