use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::rngs::StdRng;

use super::super::identity::Print;
use super::Topic;
use super::world::World;

/// How many rotated files are kept.
const KEEP: usize = 3;

/// A program that logs, and the rotation of its file.
pub(super) struct Writer {
    path: PathBuf,
    inode: u64,
    /// How many lines were written.
    written: usize,
    /// What happens next, one at a time, whenever the tail looks away.
    plan: VecDeque<Event>,
    /// Of each file, by what follows `.log`: the number of the last line in it.
    last_lines: HashMap<String, usize>,
    /// Lines of files so short that a copy is not told from another file.
    short: Vec<std::ops::Range<usize>>,
    /// The first line in the current file.
    first: usize,
}

enum Event {
    Append(Vec<u8>),
    /// `app.log.1` becomes `app.log.2` and so on.
    Shift,
    Rename,
    /// The writer opens the file of its name, having written to the renamed one until now.
    Reopen,
    CopyHalf,
    CopyRest,
    Truncate,
    Compress,
}

impl Writer {
    pub(super) fn new(path: &str, world: &mut World) -> Self {
        let path = PathBuf::from(path);
        let inode = world.create(&path, b"");
        world.hold(inode);
        let (plan, last_lines, short) = (VecDeque::new(), HashMap::new(), Vec::new());
        Self { path, inode, written: 0, plan, last_lines, short, first: 0 }
    }

    fn line(&self, number: usize) -> String {
        let padding = "x".repeat(number * 7 % 40);
        format!("{} {number} {padding}", self.path.display())
    }

    fn rotated(&self, number: usize) -> PathBuf {
        PathBuf::from(format!("{}.{number}", self.path.display()))
    }

    /// Thinks of something to do next.
    pub(super) fn plan(&mut self, topic: &Topic, sees_rotated: bool, world: &mut World, random: &mut StdRng) {
        if !self.plan.is_empty() {
            self.go_on(world, random);
            return;
        }
        if random.random_ratio(4, 5) {
            return self.append(random);
        }
        // What the tail never saw under a name that it looks for it cannot find later.
        let was_met = topic.lines.contains(&self.line(self.first));
        if self.oldest_is_read(topic) && (sees_rotated || was_met) {
            self.rotate(random);
        }
    }

    fn append(&mut self, random: &mut StdRng) {
        let lines = random.random_range(1..12);
        let text: String =
            (self.written..self.written + lines).map(|number| self.line(number) + "\n").collect();
        self.written += lines;
        let cut = random.random_range(0..=text.len());
        self.plan.push_back(Event::Append(text.as_bytes()[..cut].to_vec()));
        self.plan.push_back(Event::Append(text.as_bytes()[cut..].to_vec()));
    }

    /// Whether all is in the topic of the file that the next rotation deletes.
    fn oldest_is_read(&self, topic: &Topic) -> bool {
        let has = |last: &usize| topic.lines.contains(&self.line(*last));
        [format!(".{KEEP}"), format!(".{KEEP}.gz")]
            .iter()
            .all(|name| self.last_lines.get(name).is_none_or(has))
    }

    fn rotate(&mut self, random: &mut StdRng) {
        self.plan.push_back(Event::Shift);
        if random.random_bool(0.5) {
            self.plan.extend([Event::CopyHalf, Event::CopyRest, Event::Truncate]);
        } else {
            self.plan.push_back(Event::Rename);
            if random.random_bool(0.5) {
                self.append(random);
            }
            self.plan.push_back(Event::Reopen);
        }
        if random.random_bool(0.3) {
            self.plan.push_back(Event::Compress);
        }
        self.append(random);
    }

    /// Does what is next.
    pub(super) fn go_on(&mut self, world: &mut World, _random: &mut StdRng) {
        let first = self.rotated(1);
        match self.plan.pop_front() {
            None => {}
            Some(Event::Append(bytes)) => world.append(self.inode, &bytes),
            Some(Event::Shift) => self.shift(world),
            Some(Event::Rename) => {
                world.rename(&self.path, &first);
                world.create(&self.path, b"");
            }
            Some(Event::Reopen) => {
                self.ended(world);
                world.release(self.inode);
                self.inode = world.names[&self.path];
                world.hold(self.inode);
            }
            Some(Event::CopyHalf) => {
                let bytes = world.bytes(self.inode).to_vec();
                world.create(&first, &bytes[..bytes.len() / 2]);
            }
            Some(Event::CopyRest) => {
                let bytes = world.bytes(self.inode).to_vec();
                let copy = world.names[&first];
                world.append(copy, &bytes[bytes.len() / 2..]);
            }
            Some(Event::Truncate) => {
                self.ended(world);
                world.truncate(self.inode);
            }
            Some(Event::Compress) => {
                let name = PathBuf::from(format!("{}.gz", first.display()));
                let bytes = world.bytes(world.names[&first]).to_vec();
                world.create(&name, &bytes);
                world.unlink(&first);
                if let Some(last) = self.last_lines.remove(".1") {
                    self.last_lines.insert(".1.gz".to_owned(), last);
                }
            }
        }
    }

    /// The current file gets no more.
    fn ended(&mut self, world: &World) {
        let last_line = world.bytes(self.inode).split(|byte| *byte == b'\n').rev().nth(1);
        let number =
            last_line.and_then(|line| std::str::from_utf8(line).ok()?.split(' ').nth(1)?.parse().ok());
        let Some(number) = number else { return };
        self.last_lines.insert(".1".to_owned(), number);
        // Half of it is what a copy in the making shows.
        if world.bytes(self.inode).len() < 2 * Print::HEAD as usize {
            self.short.push(self.first..number + 1);
        }
        self.first = number + 1;
    }

    fn shift(&mut self, world: &mut World) {
        for gzip in ["", ".gz"] {
            for number in (1..=KEEP).rev() {
                let name = |number| format!(".{number}{gzip}");
                let path = |number| PathBuf::from(format!("{}{}", self.path.display(), name(number)));
                if !world.names.contains_key(Path::new(&path(number))) {
                    continue;
                }
                let last = self.last_lines.remove(&name(number));
                if number == KEEP {
                    world.unlink(&path(number));
                } else {
                    world.rename(&path(number), &path(number + 1));
                    last.map(|last| self.last_lines.insert(name(number + 1), last));
                }
            }
        }
    }

    /// Whether every line that is in a file came once, and those of a file in order.
    pub(super) fn check(&self, lines: &[String]) -> Result<(), String> {
        let planned: usize = self
            .plan
            .iter()
            .map(|event| match event {
                Event::Append(bytes) => bytes.iter().filter(|byte| **byte == b'\n').count(),
                _ => 0,
            })
            .sum();
        let own = format!("{} ", self.path.display());
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for line in lines.iter().filter(|line| line.starts_with(&own)) {
            *counts.entry(line).or_default() += 1;
        }
        for number in 0..self.written - planned {
            let line = self.line(number);
            let may_double = self.short.iter().any(|range| range.contains(&number));
            match counts.remove(line.as_str()) {
                Some(1) => {}
                Some(_) if may_double => {}
                other => return Err(format!("{line:?} came {} times", other.unwrap_or(0))),
            }
        }
        counts.into_keys().next().map_or(Ok(()), |other| Err(format!("nobody wrote {other:?}")))
    }
}
