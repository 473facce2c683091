//! Tasks that end in outlets: no offset is ahead of what the other side has, and nobody waits for anybody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::super::link::TopicPartition;
use super::cluster::SharedBroker;
use super::workbench::{Workbench, partition};
use crate::outlet::{OpenOutlet, Opener, Outlet, OutletCounts, Place, Refused};
use crate::prelude::*;
use crate::processor::Headers;

/// What outlives tasks: the other side, and how it feels.
#[derive(Default)]
struct Side {
    /// Values that are safe, by the partition that they were read from.
    safe: BTreeMap<i32, Vec<String>>,
    /// Where they were read, and the how manyth of their record they are.
    places: BTreeSet<(i32, i64, u32)>,
    /// How many records it makes safe each time it is asked; `None`: all.
    appetite: Option<usize>,
    /// How many records an open outlet has room for.
    room: usize,
    /// It cannot go on.
    broken: bool,
    /// A fault: it says that all is safe when it is not.
    lies: bool,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Side>>);

impl Shared {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Side { room: usize::MAX, ..Side::default() })))
    }

    fn set(&self, set: impl FnOnce(&mut Side)) {
        set(&mut self.0.lock().unwrap());
    }

    fn safe(&self, partition: i32) -> Vec<String> {
        self.0.lock().unwrap().safe.get(&partition).cloned().unwrap_or_default()
    }
}

impl Outlet<String, String> for Shared {
    fn kind(&self) -> String {
        "side".to_owned()
    }

    fn open(&self, by: Opener) -> Box<dyn OpenOutlet<String, String>> {
        let partition = by.task.partition;
        Box::new(Open { side: self.clone(), partition, held: Vec::new(), refused: Vec::new() })
    }
}

struct Open {
    side: Shared,
    partition: i32,
    held: Vec<(String, Option<Place>)>,
    refused: Vec<Refused>,
}

impl OpenOutlet<String, String> for Open {
    fn take(&mut self, record: Record<String, String>, from: Option<Place>) -> Result<(), ProcessError> {
        if record.value.contains('!') {
            let (key, value) = (Some(record.key.into_bytes()), Some(record.value.into_bytes()));
            let (headers, why) = (Headers::default(), "too loud".to_owned());
            self.refused.push(Refused { from, key, value, timestamp: record.timestamp, headers, why });
        } else {
            self.held.push((record.value, from));
        }
        Ok(())
    }

    fn has_room(&mut self) -> Result<bool, ProcessError> {
        Ok(self.held.len() < self.side.0.lock().unwrap().room)
    }

    fn settle(&mut self) -> Result<bool, ProcessError> {
        let side = &mut *self.side.0.lock().unwrap();
        if side.broken {
            return Err(ProcessError::new("the disk is gone"));
        }
        let taken = side.appetite.unwrap_or(usize::MAX).min(self.held.len());
        for (value, from) in self.held.drain(..taken) {
            side.safe.entry(self.partition).or_default().push(value);
            side.places.extend(from.map(|place| (place.partition, place.offset, place.nth)));
        }
        Ok(self.held.is_empty() || side.lies)
    }

    fn take_refused(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }

    fn counts(&self) -> OutletCounts {
        OutletCounts::default()
    }
}

/// Each word of a line of `in` into the outlet; `other` into a topic.
fn words(into: &Shared) -> StreamsBuilder {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(Topic::<String, String>::new("in"));
    lines
        .flat_map_values(|line, out| line.split(' ').map(str::to_owned).for_each(|word| out.push(word)))
        .sink(into.clone())
        .named("side");
    builder.stream(Topic::<String, String>::new("other")).to(Topic::<String, String>::new("out"));
    builder
}

fn started(side: &Shared, lines: &[&str]) -> Workbench {
    started_with(side, lines, |_| {})
}

fn started_with(
    side: &Shared,
    lines: &[&str],
    configure: impl FnOnce(&mut super::super::WorkerConfig),
) -> Workbench {
    let mut bench = Workbench::start(words(side), configure);
    bench.assign(&[partition("in", 0), partition("other", 0)], 0).unwrap();
    for (offset, line) in lines.iter().enumerate() {
        bench.append(&partition("in", 0), 1, line);
        bench.fetch(&partition("in", 0), offset as i64);
    }
    bench
}

/// A record of the topic that has nothing to do with the outlet.
fn feed_other(bench: &mut Workbench, offset: i64) {
    bench.append(&partition("other", 0), 1, "x");
    bench.fetch(&partition("other", 0), offset);
}

#[test]
fn offsets_follow_what_is_safe_and_others_are_committed_meanwhile() {
    let side = Shared::new();
    side.set(|side| side.appetite = Some(1));
    let (reads, other) = (partition("in", 0), partition("other", 0));
    let mut bench = started(&side, &["a b", "c"]);
    feed_other(&mut bench, 0);
    bench.turn(100);
    assert_eq!((bench.committed(&reads), bench.committed(&other)), (0, 1), "one of three is safe");
    bench.append(&reads, 1, "d");
    bench.fetch(&reads, 2);
    feed_other(&mut bench, 1);
    let turn = bench.turn(110);
    assert_eq!((turn.records, bench.committed(&reads)), (1, 0), "it rests, the other goes on");
    assert!(turn.again_at <= 120, "and is looked at soon: {turn:?}");
    bench.turn(120);
    assert_eq!((bench.committed(&reads), side.safe(0)), (2, vec!["a".into(), "b".into(), "c".into()]));
    bench.turn(130);
    bench.turn(300);
    assert_eq!((bench.committed(&reads), bench.committed(&other)), (3, 2));
}

#[test]
fn without_room_a_task_rests_and_nobody_else_does() {
    let side = Shared::new();
    side.set(|side| side.room = 2);
    let mut bench = started(&side, &["a b"]);
    assert_eq!(bench.turn(10).records, 1);
    bench.append(&partition("in", 0), 1, "c");
    bench.fetch(&partition("in", 0), 1);
    feed_other(&mut bench, 0);
    let turn = bench.turn(20);
    assert_eq!((turn.records, turn.again_at), (1, 30));
    bench.turn(100);
    assert_eq!(
        (bench.committed(&partition("in", 0)), bench.turn(110).records),
        (1, 1),
        "there is room again"
    );
}

#[test]
fn a_task_that_leaves_is_waited_for_and_goes_without_a_commit_where_that_does_not_help() {
    let side = Shared::new();
    side.set(|side| side.appetite = Some(1));
    let reads = partition("in", 0);
    let mut bench = started(&side, &["a b c"]);
    bench.turn(10);
    bench.revoke(std::slice::from_ref(&reads), 20).unwrap();
    assert_eq!((bench.committed(&reads), side.safe(0).len()), (1, 3));

    side.set(|side| side.appetite = Some(0));
    bench.assign(std::slice::from_ref(&reads), 30).unwrap();
    bench.append(&reads, 1, "d");
    bench.fetch(&reads, 1);
    bench.turn(40);
    bench.revoke(std::slice::from_ref(&reads), 50).unwrap();
    assert!(bench.worker.local_tasks(0).running.len() == 1, "it has gone");
    assert_eq!((bench.committed(&reads), side.safe(0).len()), (1, 3));
    side.set(|side| side.appetite = None);
    bench.assign(std::slice::from_ref(&reads), 60).unwrap();
    bench.fetch(&reads, 1);
    bench.turn(70);
    bench.worker.shut_down(80).unwrap();
    assert_eq!((bench.committed(&reads), side.safe(0).last().map(String::as_str)), (2, Some("d")));
}

#[test]
fn what_is_refused_is_a_dead_letter_before_its_offset_is_committed() {
    let side = Shared::new();
    let mut bench = started_with(&side, &["a b! c"], |config| {
        config.errors.set(|failed| {
            let place = (failed.topic(), failed.partition(), failed.offset());
            assert_eq!(place, (Some("in"), Some(0), Some(0)));
            assert!(failed.is_produce() && failed.node() == "side", "{failed}");
            Action::DeadLetter
        });
        config.errors.dead_letters = Some("dead".into());
    });
    bench.turn(100);
    assert_eq!((bench.committed(&partition("in", 0)), side.safe(0)), (1, vec!["a".into(), "c".into()]));
    assert_eq!(bench.values("dead"), ["b!"]);
    let rows = bench.worker.config.error_counters.snapshot();
    assert_eq!((rows[0].dead_letters, rows[0].node.as_str()), (1, "side"));
}

#[test]
fn without_a_policy_what_is_refused_stops_the_task_and_so_does_an_outlet_that_cannot_go_on() {
    let said = |lines: &[&str], broken| {
        let side = Shared::new();
        side.set(|side| side.broken = broken);
        let mut bench = started(&side, lines);
        let error = bench.worker.step(100).unwrap_err().to_string();
        assert_eq!(bench.committed(&partition("in", 0)), 0);
        error
    };
    assert_eq!(said(&["a", "b!"], false), "task 0_0, outlet side: too loud");
    assert_eq!(said(&["a"], true), "task 0_0, outlet side: the disk is gone");
}

/// Runs one seed: records come, the other side is slow, tasks move, workers crash. `Err`: what is missing behind an offset.
fn run(seed: u64, lies: bool) -> Result<(), String> {
    let mut random = StdRng::seed_from_u64(seed);
    let side = Shared::new();
    side.set(|side| side.lies = lies);
    let broker = SharedBroker::default();
    let sources = [partition("in", 0), partition("in", 1)];
    let mut written = [0_i64; 2];
    let mut now = 0;
    while now < 4_000 {
        let mut bench = Workbench::at(&broker, words(&side));
        let mut next: BTreeMap<TopicPartition, i64> = BTreeMap::new();
        for _ in 0..random.random_range(1..80) {
            now += random.random_range(0..30);
            side.set(|side| {
                side.appetite = Some(random.random_range(0..4));
                side.room = random.random_range(1..6);
            });
            let which = random.random_range(0..2);
            let source = &sources[which];
            match random.random_range(0..10) {
                0..3 => {
                    bench.append(source, 1, &format!("{}a {}b", written[which], written[which]));
                    written[which] += 1;
                }
                3..5 => {
                    if let Some(offset) = next.get_mut(source).filter(|offset| **offset < written[which]) {
                        let wanted = !bench.worker.link().paused.contains(source);
                        bench.fetch(source, *offset);
                        *offset += i64::from(wanted);
                    }
                }
                5 => match next.remove(source) {
                    Some(_) => bench.revoke(std::slice::from_ref(source), now).unwrap(),
                    None => {
                        bench.assign(std::slice::from_ref(source), now).unwrap();
                        next.insert(source.clone(), bench.committed(source));
                    }
                },
                _ => drop(bench.turn(now)),
            }
            check(&side, &broker, &sources)?;
        }
    }
    Ok(())
}

/// Both words of each line below a committed offset are safe.
fn check(side: &Shared, broker: &SharedBroker, sources: &[TopicPartition; 2]) -> Result<(), String> {
    let side = side.0.lock().unwrap();
    for source in sources {
        let committed = broker.borrow().committed(source);
        for (offset, nth) in (0..committed).flat_map(|offset| [(offset, 0), (offset, 1)]) {
            if !side.places.contains(&(source.partition, offset, nth)) {
                return Err(format!("word {nth} of {source} at {offset} is lost, {committed} is committed"));
            }
        }
    }
    Ok(())
}

#[test]
fn nothing_is_lost_however_slow_the_other_side_is_and_whoever_crashes() {
    for seed in 0..150 {
        run(seed, false).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
}

#[test]
fn an_outlet_that_lies_is_caught() {
    assert!((0..150).any(|seed| run(seed, true).is_err()));
}
