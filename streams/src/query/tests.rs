//! Views of stores over tasks of this thread, against a `BTreeMap`: whatever of it lies in the cache, in the backend, or in both.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::executor::block_on;
use futures::future::{Either, select};
use proptest::prelude::*;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::owners::Owners;
use super::{Peers, Query, QueryError, QueryableStore, StoreView};
use crate::prelude::*;
use crate::processor::Headers;
use crate::runtime::Mailboxes;
use crate::runtime::{Host, Hosts, KnownHosts, LocalTask, LocalTasks, Mail, Role, TopicPartition, mailbox};
use crate::store::backend;
use crate::store::cache::CacheBudget;
use crate::store::memory;
use crate::task::{InputId, Nowhere, RawRecord, Task, TaskEnv, TaskId};

const SUMS: KeyValueStore<String, i64> = KeyValueStore::new("sums");
const COUNTS: WindowStore<String, i64> = WindowStore::new("counts").retention(Duration::from_secs(3_600));
/// Milliseconds of a window; they hop by half of it.
const SIZE: i64 = 10;

/// Owners of nothing yet.
pub(super) fn owners(topology: Topology) -> Owners {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    Owners {
        threads: Arc::default(),
        global: Arc::default(),
        topology,
        known_hosts: KnownHosts::new(Uuid::nil(), String::new()),
        peers: Peers::new("app"),
        runtime: RUNTIME.handle().clone(),
    }
}

/// Two tasks that sum up and count by key, and what asks them.
struct Tasks {
    tasks: [Task; 2],
    owners: Owners,
    inbox: mpsc::Receiver<Mail>,
    offset: i64,
}

impl Tasks {
    fn new() -> Self {
        Self::beside(|_| {})
    }

    /// With something else in the topology.
    fn beside(draw: impl Fn(&StreamsBuilder)) -> Self {
        let builder = StreamsBuilder::new();
        let grouped = builder.stream(Topic::<String, i64>::new("in")).group_by_key();
        let sum = |_: &String, n: i64, sum: &mut Option<i64>| {
            *sum = Some(sum.unwrap_or_default() + n).filter(|sum| *sum != 0);
        };
        let _sums = grouped.aggregate(SUMS, || None, sum);
        let windows =
            TimeWindows::of(millis(SIZE as u64)).advance_by(millis(SIZE as u64 / 2)).grace(secs(60));
        let _counts = grouped.windowed_by(windows).count(COUNTS);
        draw(&builder);
        let topology = builder.build().unwrap();
        let task = |partition| {
            let backends = topology.subtopologies()[0].stores.iter().map(memory::open).collect();
            let cache = Rc::new(CacheBudget::new(1 << 20));
            let env = TaskEnv { backends, sink: &mut Nowhere, cache };
            Task::new(&topology, TaskId { subtopology: 0, partition }, env)
        };
        let (sender, inbox) = mailbox();
        let owners = Owners { threads: Arc::new(Mailboxes::of(sender)), ..owners(topology.clone()) };
        Self { tasks: [task(0), task(1)], owners, inbox, offset: 0 }
    }

    fn add(&mut self, key: &str, n: i64, timestamp: i64) {
        self.offset += 1;
        let value = n.to_be_bytes();
        let (key, value) = (Some(key.as_bytes()), Some(&value[..]));
        let record = RawRecord { offset: self.offset, timestamp, key, value, headers: Headers::default() };
        let task = &mut self.tasks[key.map_or(0, <[u8]>::len) % 2];
        task.process(InputId(0), record, &mut Nowhere).unwrap();
    }

    fn view<S: QueryableStore>(&self, store: S) -> S::View {
        store.open(self.owners.clone()).unwrap()
    }

    /// Has a query answered by the tasks, of which `restoring` are not ready.
    fn ask<T: 'static>(&mut self, restoring: Vec<TaskId>, query: Query<T>) -> Result<T, QueryError> {
        let Self { tasks, inbox, offset, .. } = self;
        block_on(async {
            let mut query = query;
            loop {
                match select(&mut query, std::pin::pin!(inbox.recv())).await {
                    Either::Left((answer, _)) => return answer,
                    Either::Right((mail, _)) => {
                        let Some(Mail::Query(asked)) = mail else { panic!("no query") };
                        let local = |task: usize| LocalTask {
                            id: tasks[task].id(),
                            stores: tasks[task].stores(),
                            position: Box::new(|| vec![(TopicPartition::new("in", 0), *offset)]),
                        };
                        let running = (0..tasks.len()).map(local).collect();
                        asked(&LocalTasks {
                            now: 0,
                            running,
                            restoring: restoring.clone(),
                            standbys: Vec::new(),
                            settled: true,
                        });
                    }
                }
            }
        })
    }

    fn answer<T: 'static>(&mut self, query: Query<T>) -> T {
        self.ask(Vec::new(), query).unwrap()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Add(String, i64, i64),
    Flush,
    Write,
    Range(Bound<String>, Bound<String>, bool, usize),
    Prefix(String, usize),
    Windows(String, Bound<i64>, Bound<i64>, bool, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || "[a-cé]{0,3}";
    fn bound<T: std::fmt::Debug + Clone + 'static>(
        value: impl Strategy<Value = T> + 'static,
    ) -> impl Strategy<Value = Bound<T>> {
        let kind = prop_oneof![Just(0), Just(1), Just(2)];
        (kind, value).prop_map(|(kind, value)| match kind {
            0 => Bound::Unbounded,
            1 => Bound::Included(value),
            _ => Bound::Excluded(value),
        })
    }
    let limit = || prop_oneof![3 => 0_usize..6, 1 => Just(usize::MAX)];
    let step = prop_oneof![
        8 => (key(), -1_i64..3, 0_i64..60).prop_map(|(key, n, time)| Step::Add(key, n, time)),
        1 => Just(Step::Flush),
        1 => Just(Step::Write),
        2 => (bound(key()), bound(key()), any::<bool>(), limit())
            .prop_map(|(from, to, reverse, limit)| Step::Range(from, to, reverse, limit)),
        1 => (key(), limit()).prop_map(|(key, limit)| Step::Prefix(key, limit)),
        2 => (key(), bound(0_i64..60), bound(0_i64..60), any::<bool>(), limit())
            .prop_map(|(key, from, to, reverse, limit)| Step::Windows(key, from, to, reverse, limit)),
    ];
    proptest::collection::vec(step, 0..60)
}

/// As [`BTreeMap::range`], which panics where no key can be.
fn between<T: Ord>(value: &T, from: &Bound<T>, to: &Bound<T>) -> bool {
    let above = match from {
        Bound::Included(from) => value >= from,
        Bound::Excluded(from) => value > from,
        Bound::Unbounded => true,
    };
    let below = match to {
        Bound::Included(to) => value <= to,
        Bound::Excluded(to) => value < to,
        Bound::Unbounded => true,
    };
    above && below
}

fn in_order<T>(found: impl DoubleEndedIterator<Item = T>, reverse: bool, limit: usize) -> Vec<T> {
    if reverse { found.rev().take(limit).collect() } else { found.take(limit).collect() }
}

fn check(steps: Vec<Step>) {
    let mut tasks = Tasks::new();
    let (sums, counts) = (tasks.view(SUMS), tasks.view(COUNTS));
    let (mut sum, mut count) = (BTreeMap::<String, i64>::new(), BTreeMap::<(i64, String), i64>::new());
    for step in steps {
        match step {
            Step::Add(key, n, time) => {
                tasks.add(&key, n, time);
                let last = time / (SIZE / 2) * (SIZE / 2);
                for start in [last - SIZE / 2, last].into_iter().filter(|start| *start >= 0) {
                    *count.entry((start, key.clone())).or_default() += 1;
                }
                *sum.entry(key).or_default() += n;
                sum.retain(|_, sum| *sum != 0);
            }
            Step::Flush => tasks.tasks.iter_mut().for_each(|task| task.flush(&mut Nowhere).unwrap()),
            Step::Write => {
                tasks.tasks.iter_mut().for_each(|task| task.write(|_| backend::Position::Unchanged).unwrap());
            }
            Step::Range(from, to, reverse, limit) => {
                let expected = sum.iter().filter(|(key, _)| between(*key, &from, &to));
                let expected = in_order(expected.map(|(key, sum)| (key.clone(), *sum)), reverse, limit);
                let bounds = (from, to);
                let found =
                    if reverse { sums.reverse_range(bounds, limit) } else { sums.range(bounds, limit) };
                assert_eq!(tasks.answer(found), expected);
            }
            Step::Prefix(prefix, limit) => {
                let expected = sum.iter().filter(|(key, _)| key.starts_with(&prefix));
                let expected = in_order(expected.map(|(key, sum)| (key.clone(), *sum)), false, limit);
                assert_eq!(tasks.answer(sums.prefix(&prefix, limit)), expected);
                assert_eq!(tasks.answer(sums.get(&prefix)), sum.get(&prefix).copied());
            }
            Step::Windows(key, from, to, reverse, limit) => {
                let spanned = || count.iter().filter(|((start, _), _)| between(start, &from, &to));
                let all = spanned()
                    .map(|((start, key), count)| (windowed(key.clone(), *start..*start + SIZE), *count));
                let starts = (from, to);
                let found = match reverse {
                    true => counts.reverse_fetch_all(starts, limit),
                    false => counts.fetch_all(starts, limit),
                };
                assert_eq!(tasks.answer(found), in_order(all, reverse, limit));
                let of_key = spanned().filter(|((_, of), _)| *of == key);
                let of_key = of_key.map(|((start, _), count)| (Window::of_size(*start, SIZE), *count));
                let found =
                    if reverse { counts.reverse_fetch(&key, starts) } else { counts.fetch(&key, starts) };
                assert_eq!(tasks.answer(found), in_order(of_key, reverse, usize::MAX));
            }
        }
    }
    assert_eq!(tasks.answer(sums.all()), in_order(sum.clone().into_iter(), false, usize::MAX));
    assert_eq!(tasks.answer(sums.reverse_all()), in_order(sum.into_iter(), true, usize::MAX));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn views_are_what_a_map_is(steps in steps()) {
        check(steps);
    }
}

#[test]
fn what_is_longer_than_a_chunk_comes_in_several() {
    let mut tasks = Tasks::new();
    let keys: BTreeSet<String> = (0..2_500).map(|n| n.to_string()).collect();
    keys.iter().for_each(|key| tasks.add(key, 1, 0));
    (0..3_000).for_each(|n| tasks.add("often", 1, n * SIZE));
    let (sums, counts) = (tasks.view(SUMS), tasks.view(COUNTS));
    let found = tasks.answer(sums.range(.."9".to_owned(), usize::MAX));
    let expected: Vec<String> = keys.iter().filter(|key| key.as_str() < "9").cloned().collect();
    assert_eq!(found.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), expected);
    let some = tasks.answer(counts.of_key("often", &(15..), false, 2));
    assert_eq!(some.iter().map(|(window, _)| window.start).collect::<Vec<_>>(), [15, 20]);
    let windows = tasks.answer(counts.reverse_fetch("often", ..));
    assert!(windows.len() == 2 * 3_000 - 1 && windows.is_sorted_by_key(|(window, _)| -window.start));
}

#[test]
fn a_position_comes_with_the_answer_and_none_while_a_task_restores() {
    let mut tasks = Tasks::new();
    tasks.add("a", 3, 0);
    let sums = tasks.view(SUMS);
    let query = sums.get("a");
    let detailed =
        Query::new(async move { query.answer().await.map(|answer| answer.clone().map(|_| answer)) });
    let answer = tasks.answer(detailed);
    assert_eq!((answer.value, answer.position.of("in", 0)), (Some(3), Some(1)));
    let restoring = TaskId { subtopology: 0, partition: 2 };
    let failed = tasks.ask(vec![restoring], sums.get("a")).unwrap_err();
    assert_eq!(failed.code(), "rebalancing");
}

#[test]
fn mistakes_are_told_when_a_store_is_opened() {
    let tasks = Tasks::new();
    let open = |name: &'static str| KeyValueStore::<String, i64>::new(name).open(tasks.owners.clone());
    let unknown = open("sum").err().unwrap();
    assert!(unknown.code() == "unknown_store" && unknown.to_string().contains("\"sums\"?"), "{unknown}");
    let other: Result<StoreView<i64, i64>, _> = KeyValueStore::new("sums").open(tasks.owners.clone());
    let other = other.err().unwrap().to_string();
    assert!(other.contains("keys alloc::string::String and values i64, not keys i64"), "{other}");
    assert_eq!(open("counts").err().unwrap().code(), "other_types");
}

/// A process that has both tasks in this role.
fn process(id: Uuid, endpoint: String, role: Role) -> Host {
    let tasks = [0, 1].map(|partition| (TaskId { subtopology: 0, partition }, role));
    Host { process: id, endpoint, tasks: tasks.into() }
}

#[test]
fn a_copy_is_asked_in_time_where_the_owner_hangs() {
    let mut tasks = Tasks::new();
    tasks.add("a", 3, 0);
    // It takes connections, and never says anything.
    let hanging = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let owner = process(Uuid::from_u128(1), hanging.local_addr().unwrap().to_string(), Role::Active);
    let hosts = vec![owner, process(Uuid::nil(), String::new(), Role::Standby)];
    tasks.owners.known_hosts.learn(Hosts { widths: [(0, 2)].into(), hosts, ..Hosts::default() });
    let sums = tasks.view(SUMS).routed().timeout(Duration::from_secs(2)).stale_ok(0);
    assert_eq!(tasks.answer(sums.all()), [("a".to_owned(), 3)]);
}

/// Which of these keys, which lie where their lengths say, a routed view finds one by one; where topics differ in width, by what is
/// known of those that the stores are made of.
fn found(mut tasks: Tasks, uneven: Option<&[i32]>) -> Vec<&'static str> {
    let keys = ["a", "b", "c", "d", "e", "f"];
    keys.iter().for_each(|key| tasks.add(key, 1, 0));
    let hosts = vec![process(Uuid::nil(), String::new(), Role::Active)];
    let uneven = uneven.map(|widths| (0, widths.to_vec())).into_iter().collect();
    tasks.owners.known_hosts.learn(Hosts { widths: [(0, 2)].into(), uneven, hosts });
    let (sums, counts) = (tasks.view(SUMS).routed(), tasks.view(COUNTS).routed());
    let found = keys.into_iter().filter(|key| tasks.answer(sums.get(*key)).is_some());
    let found: Vec<_> = found.collect();
    let windows = keys.into_iter().filter(|key| tasks.answer(counts.get(*key, 0)).is_some());
    assert_eq!(windows.collect::<Vec<_>>(), found);
    found
}

#[test]
fn a_key_is_looked_for_everywhere_where_its_hash_does_not_say_where_it_is() {
    let all = ["a", "b", "c", "d", "e", "f"];
    assert_ne!(found(Tasks::new(), None), all, "the hash says otherwise");
    assert_eq!(found(Tasks::new(), Some(&[0, 0])), all);
    assert_eq!(found(Tasks::new(), Some(&[2, 2])), found(Tasks::new(), None));
    let chosen = |topic: &'static str| {
        Tasks::beside(move |builder| {
            let raw = builder.stream(Topic::<String, i64>::new("raw"));
            raw.to(Topic::new(topic)).partitioned_by(|key, _, _| key.len() as i32 % 2);
        })
    };
    assert_eq!(found(chosen("in"), None), all);
    assert_ne!(found(chosen("elsewhere"), None), all, "that is another topic");
    let repartitioned = StreamsBuilder::new();
    let raw = repartitioned.stream(Topic::<String, i64>::new("raw"));
    let by_length =
        Repartitioned::from("by-length").partitioned_by(|key: &String, _: &i64, _| key.len() as i32);
    let _sums = raw.repartition(by_length).group_by_key().count(KeyValueStore::<String, i64>::new("sums"));
    let topology = repartitioned.build().unwrap();
    assert_eq!([0, 1].map(|part| topology.is_scattered(part)), [false, true]);
}

#[test]
fn what_goes_out_as_json_ends_for_its_size_and_says_so() {
    let mut tasks = Tasks::new();
    let keys: Vec<String> = ('a'..='l').map(|first| format!("{first}{}", "x".repeat(1 << 20))).collect();
    keys.iter().for_each(|key| tasks.add(key, 1, 0));
    let view = tasks.view(SUMS);
    let mut first_letters = |view: StoreView<String, i64>, after: Option<&String>| {
        let after = after.map(|key| key.clone().into_bytes());
        let query = view.entries(Ok((super::store::with_prefix(b""), after)), false, 100);
        let query = Query::new(async move {
            let answer = query.answer().await?;
            Ok(answer.clone().map(|entries| (entries, answer.cut)))
        });
        let (entries, cut) = tasks.answer(query);
        (entries.into_iter().map(|(key, _)| key[..1].to_owned()).collect::<String>(), cut)
    };
    assert_eq!(first_letters(view.clone(), None), ("abcdefghijkl".to_owned(), false));
    assert_eq!(first_letters(view.if_stale(None), None), ("abcdefgh".to_owned(), true));
    assert_eq!(first_letters(view.if_stale(None), keys.get(7)), ("ijkl".to_owned(), false));
}
