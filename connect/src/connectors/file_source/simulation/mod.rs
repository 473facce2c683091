//! The tail against a simulated file system: what rotates, truncates, copies, compresses and deletes does so between any two of
//! the tail's calls, inodes come again at once, and the tail crashes and knows only what was acknowledged.

mod world;
mod writer;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::rc::Rc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Settings;
use super::identity::FileId;
use super::mark::Mark;
use super::tailer::Tailer;
use super::tracked::{Event, Out};
use crate::connectors::events::Events;
use world::{SimulatedDisk, World};
use writer::Writer;

const SEEDS: u64 = 300;
const STEPS: usize = 400;
/// Less than a line's length more than the shortest that works, so that every block ends in the middle of something.
const BLOCK: usize = 700;

/// What a program knows after a crash, and what is on its way.
#[derive(Default)]
struct Topic {
    lines: Vec<String>,
    positions: BTreeMap<FileId, Mark>,
    on_its_way: VecDeque<Batch>,
    /// Which line was said to be where, whether it was acknowledged or not.
    places: HashMap<String, String>,
}

type Batch = (Vec<String>, BTreeMap<FileId, Option<Mark>>);

impl Topic {
    fn acknowledge(&mut self) {
        let Some((lines, positions)) = self.on_its_way.pop_front() else { return };
        self.lines.extend(lines);
        for (id, mark) in positions {
            match mark {
                Some(mark) => drop(self.positions.insert(id, mark)),
                None => drop(self.positions.remove(&id)),
            }
        }
    }

    /// No place is that of two lines.
    fn note(&mut self, places: Vec<(String, String)>) -> Result<(), String> {
        for (place, line) in places {
            if let Some(other) =
                self.places.insert(place.clone(), line.clone()).filter(|other| *other != line)
            {
                return Err(format!("{other:?} and {line:?} are both at {place}"));
            }
        }
        Ok(())
    }

    /// No line was at two places, however often it was read.
    fn check_places(&self) -> Result<(), String> {
        let mut by_line: HashMap<&str, &str> = HashMap::new();
        for (place, line) in &self.places {
            if let Some(other) = by_line.insert(line, place) {
                return Err(format!("{line:?} was at {other} and at {place}"));
            }
        }
        Ok(())
    }
}

struct Room {
    lines: Vec<String>,
    places: Vec<(String, String)>,
    left: usize,
}

impl Out for Room {
    fn take(&mut self, event: &Event<'_>) -> bool {
        let line = String::from_utf8_lossy(event.bytes).into_owned();
        self.places.push((event.place.text("host", event.bytes), line.clone()));
        self.lines.push(line);
        self.left -= 1;
        self.left > 0
    }

    fn is_full(&self) -> bool {
        self.left == 0
    }
}

fn settings() -> Settings {
    let events = Events { start: None, max_bytes: 300 };
    let (scan_ms, look_ms, settle_ms, rotate_wait_ms) = (50, 10, 100, 500);
    Settings { events, scan_ms, look_ms, settle_ms, rotate_wait_ms, max_open: 3, from_end: false }
}

/// What is varied between seeds.
#[derive(Clone, Copy)]
struct Scene {
    /// Whether the patterns name rotated files too.
    sees_rotated: bool,
    crashes: bool,
}

/// Runs one seed to its end; `Err` says what was wrong.
fn run(seed: u64, scene: Scene) -> Result<(), String> {
    let random = Rc::new(RefCell::new(StdRng::seed_from_u64(seed)));
    let world = Rc::new(RefCell::new(World::default()));
    let writers: Vec<_> =
        ["/l/app.log", "/l/web.log"].iter().map(|path| Writer::new(path, &mut world.borrow_mut())).collect();
    let writers = Rc::new(RefCell::new(writers));
    let meanwhile = {
        let (random, writers) = (random.clone(), writers.clone());
        move |world: &mut World| {
            let mut random = random.borrow_mut();
            if random.random_ratio(1, 12) {
                let which = random.random_range(0..2);
                writers.borrow_mut()[which].go_on(world, &mut random);
            }
        }
    };
    let pattern: fn(&Path) -> bool =
        if scene.sees_rotated { |_| true } else { |path| path.to_string_lossy().ends_with(".log") };
    let disk = SimulatedDisk {
        world: world.clone(),
        meanwhile: Rc::new(meanwhile),
        pattern,
        is_broken: Rc::default(),
    };
    let mut topic = Topic::default();
    let start = |topic: &Topic| {
        Tailer::with_block(disk.clone(), settings(), topic.positions.clone(), HashMap::new(), BLOCK)
    };
    let mut tail = start(&topic);
    let mut now_ms = 0;
    for step in 0..STEPS + 200 {
        let is_over = step >= STEPS;
        let choice = random.borrow_mut().random_range(0..100);
        match choice {
            0..25 if !is_over => {
                let which = random.borrow_mut().random_range(0..2);
                let mut world = world.borrow_mut();
                writers.borrow_mut()[which].plan(
                    &topic,
                    scene.sees_rotated,
                    &mut world,
                    &mut random.borrow_mut(),
                );
            }
            25..40 => topic.acknowledge(),
            40..43 if scene.crashes && !is_over => {
                topic.on_its_way.clear();
                tail = start(&topic);
            }
            _ => {
                now_ms += 20;
                let left = random.borrow_mut().random_range(1..40);
                let mut room = Room { lines: Vec::new(), places: Vec::new(), left };
                tail.turn(now_ms, &mut room);
                topic.note(room.places)?;
                topic.on_its_way.push_back((room.lines, tail.take_news()));
            }
        }
    }
    while !topic.on_its_way.is_empty() {
        topic.acknowledge();
    }
    for writer in &*writers.borrow() {
        writer.check(&topic.lines)?;
    }
    // A copy of a file that was never stored is a file of its own.
    if scene.sees_rotated { Ok(()) } else { topic.check_places() }
}

fn all(scene: Scene) {
    for seed in 0..SEEDS {
        if let Err(wrong) = run(seed, scene) {
            panic!("seed {seed}: {wrong}");
        }
    }
}

#[test]
fn every_line_comes_once_where_rotated_files_are_not_named() {
    all(Scene { sees_rotated: false, crashes: false });
}

#[test]
fn every_line_comes_once_where_rotated_files_are_named_too() {
    all(Scene { sees_rotated: true, crashes: false });
}

#[test]
fn every_line_comes_once_in_spite_of_crashes() {
    all(Scene { sees_rotated: false, crashes: true });
    all(Scene { sees_rotated: true, crashes: true });
}

/// Of what is sealed, nothing else brings another read: it does not grow, and has no end that could be settled.
#[test]
fn what_could_not_be_read_is_read_when_it_can_be() {
    for path in ["/l/app.log", "/l/app.log.gz"] {
        let world = Rc::new(RefCell::new(World::default()));
        world.borrow_mut().create(Path::new(path), b"one\ntwo\n");
        let is_broken = Rc::new(Cell::new(false));
        let disk = SimulatedDisk {
            world: world.clone(),
            meanwhile: Rc::new(|_: &mut World| {}),
            pattern: |_| true,
            is_broken: is_broken.clone(),
        };
        let mut tail = Tailer::with_block(disk, settings(), BTreeMap::new(), HashMap::new(), BLOCK);
        let mut read = |now_ms: u64, left: usize| {
            let mut room = Room { lines: Vec::new(), places: Vec::new(), left };
            tail.turn(now_ms, &mut room);
            room.lines
        };
        assert_eq!(read(0, 1), ["one"], "{path}");
        is_broken.set(true);
        for now_ms in (10..1_000).step_by(10) {
            assert_eq!(read(now_ms, 9), [""; 0], "{path}");
        }
        is_broken.set(false);
        let later: Vec<String> = (1_000..1_200).step_by(10).flat_map(|now_ms| read(now_ms, 9)).collect();
        assert_eq!(later, ["two"], "{path}");
    }
}
