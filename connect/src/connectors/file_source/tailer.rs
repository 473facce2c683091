use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};

use super::Settings;
use super::disk::{Disk, Found};
use super::identity::FileId;
use super::mark::Mark;
use super::place::Birth;
use super::rescue::{Kin, Orphan};
use super::tracked::{Out, Role, Step, Tracked};

/// Follows the files that a user's patterns name. It has no clock and no thread: what it finds depends on the disk and the time given.
///
/// It keeps nothing of a file but its [`Mark`]: a line that is not complete is read again when the file has grown.
pub(super) struct Tailer<D: Disk> {
    pub(super) disk: D,
    pub(super) settings: Settings,
    pub(super) files: BTreeMap<FileId, Tracked<D::File>>,
    /// Those that have something to read, in turns.
    ready: VecDeque<FileId>,
    /// What was being read and is not where it was.
    pub(super) orphans: Vec<Orphan>,
    /// How far files were read, of those where that has changed since it was last asked for. `None`: the file is no more.
    news: BTreeMap<FileId, Option<Mark>>,
    /// How far files were read when the program last ran, of those that were not met again yet.
    stored: BTreeMap<FileId, Mark>,
    /// Positions by path, as Kafka's connector stores them and its REST API alters them.
    named: HashMap<String, u64>,
    /// The paths of those that were used: they count once.
    used: Vec<String>,
    /// Whether files met now were there before anything was read.
    is_first: bool,
    /// Files that were complained of.
    complaints: HashSet<PathBuf>,
    next_scan_ms: u64,
    next_look_ms: u64,
    /// A block; as long as the longest line needed.
    buffer: Vec<u8>,
}

/// How many files are complained of before there is silence.
const MAX_COMPLAINTS: usize = 1_000;
/// How much is read at once.
const BLOCK: usize = 256 << 10;

impl<D: Disk> Tailer<D> {
    pub(super) fn new(
        disk: D,
        settings: Settings,
        stored: BTreeMap<FileId, Mark>,
        named: HashMap<String, u64>,
    ) -> Self {
        Self::with_block(disk, settings, stored, named, BLOCK)
    }

    pub(super) fn with_block(
        disk: D,
        settings: Settings,
        stored: BTreeMap<FileId, Mark>,
        named: HashMap<String, u64>,
        block: usize,
    ) -> Self {
        Self {
            disk,
            is_first: settings.from_end && stored.is_empty() && named.is_empty(),
            settings,
            files: BTreeMap::new(),
            ready: VecDeque::new(),
            orphans: Vec::new(),
            news: BTreeMap::new(),
            stored,
            named,
            used: Vec::new(),
            complaints: HashSet::new(),
            next_scan_ms: 0,
            next_look_ms: 0,
            buffer: vec![0; block],
        }
    }

    /// Hands over what there is to read, until there is no room for more. Returns when to come again.
    pub(super) fn turn(&mut self, now_ms: u64, out: &mut impl Out) -> u64 {
        if now_ms >= self.next_scan_ms {
            self.next_scan_ms = now_ms + self.settings.scan_ms;
            self.scan(now_ms);
        }
        if now_ms >= self.next_look_ms {
            self.next_look_ms = now_ms + self.settings.look_ms;
            self.look(now_ms);
        }
        while !out.is_full() {
            let Some(id) = self.ready.pop_front() else { return self.next_look_ms.min(self.next_scan_ms) };
            self.read(id, now_ms, out);
        }
        now_ms
    }

    /// Whether every file has been read to its end.
    pub(super) fn is_at_end(&self) -> bool {
        self.ready.is_empty() && self.files.values().all(Tracked::is_at_end)
    }

    /// How far files were read, as far as that changed since this was last asked. Counts when the events until now are safe.
    pub(super) fn take_news(&mut self) -> BTreeMap<FileId, Option<Mark>> {
        std::mem::take(&mut self.news)
    }

    /// The paths whose positions were used since this was last asked.
    pub(super) fn take_used(&mut self) -> Vec<String> {
        std::mem::take(&mut self.used)
    }

    /// Looks up the patterns: files come, move and go.
    fn scan(&mut self, now_ms: u64) {
        let found = self.disk.list();
        let newcomers = self.meet(&found);
        self.part(now_ms);
        let newcomers: Vec<Found> =
            newcomers.into_iter().filter(|found| !self.go_on(found, now_ms)).collect();
        // What was stored and is not under its identity any more is looked for by its content.
        for (id, mark) in std::mem::take(&mut self.stored) {
            self.orphans.push(Orphan::new(id, mark, now_ms));
        }
        self.resolve(now_ms);
        for found in newcomers {
            if !self.files.contains_key(&found.look.id) {
                self.decide(&found, now_ms);
            }
        }
        self.recheck_copies(now_ms);
        self.is_first = false;
    }

    /// Recognises the files that are known. Returns the others.
    fn meet(&mut self, found: &[Found]) -> Vec<Found> {
        self.files.values_mut().for_each(|tracked| tracked.is_listed = false);
        let by_path: HashMap<&Path, &Found> = found.iter().map(|one| (one.path.as_path(), one)).collect();
        let mut newcomers = Vec::new();
        for one in found {
            let Some(tracked) = self.files.get_mut(&one.look.id) else {
                newcomers.push(one.clone());
                continue;
            };
            tracked.is_listed = true;
            tracked.try_again();
            if tracked.path != one.path {
                tracked.is_moved = true;
                tracked.path.clone_from(&one.path);
            }
        }
        for tracked in self.files.values_mut().filter(|tracked| tracked.is_moved || !tracked.is_listed) {
            tracked.is_moved = true;
            let successor = by_path.get(Path::new(&*tracked.label));
            tracked.is_replaced |=
                successor.is_some_and(|one| one.look.size > 0 && one.look.id != tracked.look.id);
        }
        newcomers
    }

    /// Lets go of those that are closed or not read, and have gone.
    fn part(&mut self, now_ms: u64) {
        let gone = |tracked: &Tracked<D::File>| {
            !tracked.is_listed && (tracked.file.is_none() || tracked.role != Role::Read)
        };
        let ids: Vec<FileId> = self.files.iter().filter(|(_, one)| gone(one)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(tracked) = self.files.remove(&id)
                && tracked.role == Role::Read
            {
                self.orphans.push(Orphan::new(id, tracked.mark, now_ms));
            }
        }
    }

    /// Goes on with a file that was being read when the program last ran. Returns whether it did.
    fn go_on(&mut self, found: &Found, now_ms: u64) -> bool {
        let path = found.path.to_string_lossy();
        if let Some(position) = self.named.remove(path.as_ref()) {
            self.used.push(path.into_owned());
            return self.go_on_from(found, position, now_ms).unwrap_or(false);
        }
        let Some(mark) = self.stored.remove(&found.look.id) else { return false };
        let Some(mut file) = self.open(found) else {
            self.stored.insert(found.look.id, mark);
            return true;
        };
        if mark.proves() && mark.fits(&mut self.disk, &mut file).unwrap_or(false) {
            let is_moved = Path::new(&mark.path) != found.path;
            self.track(found, file, mark, now_ms).is_moved = is_moved;
            return true;
        }
        self.orphans.push(Orphan::new(found.look.id, mark, now_ms));
        false
    }

    /// Goes on from a position without proof. Returns whether the file has it.
    fn go_on_from(&mut self, found: &Found, position: u64, now_ms: u64) -> io::Result<bool> {
        self.stored.remove(&found.look.id);
        let Some(mut file) = self.open(found) else { return Ok(false) };
        if position > found.look.size {
            return Ok(false);
        }
        let (path, birth) = (found.path.to_string_lossy(), Birth::of(&found.look));
        let mark = Mark::take(&mut self.disk, &mut file, &path, birth, position)?;
        self.track(found, file, mark, now_ms);
        Ok(true)
    }

    /// What becomes of a file that nobody knows: it is another's copy, or it is read.
    pub(super) fn decide(&mut self, found: &Found, now_ms: u64) {
        // An empty file shows no content: it may be the beginning of a copy. The next scan finds it again.
        if found.look.size == 0 {
            return;
        }
        let Some(mut file) = self.open(found) else { return };
        let (path, birth) = (found.path.to_string_lossy().into_owned(), Birth::of(&found.look));
        match self.kin(found, &mut file, now_ms) {
            // Looked at again with the next scan, if it was not found to be what another was.
            Err(why) => tracing::debug!(path, %why, "a file cannot be compared"),
            Ok(_) if self.files.contains_key(&found.look.id) => {}
            Ok(Kin::GoesOn(mark)) => {
                let tracked = self.track(found, file, mark, now_ms);
                (tracked.is_moved, tracked.is_replaced) = (true, true);
            }
            Ok(Kin::CopyOf(original)) => {
                self.track(found, file, Mark::beginning(&path, birth), now_ms).role = Role::CopyOf(original);
                self.news.remove(&found.look.id);
            }
            Ok(Kin::None) => {
                let start = if self.is_first { self.last_line(&mut file, found.look.size) } else { Ok(0) };
                let mark = start.and_then(|start| Mark::take(&mut self.disk, &mut file, &path, birth, start));
                let mark = mark.unwrap_or_else(|_| Mark::beginning(&path, birth));
                self.track(found, file, mark, now_ms);
            }
        }
    }

    /// Where the line begins with which a file ends; looked for in its last block.
    fn last_line(&mut self, file: &mut D::File, size: u64) -> io::Result<u64> {
        let from = size.saturating_sub(self.buffer.len() as u64);
        let read = self.disk.read_at(file, from, &mut self.buffer)?;
        Ok(from + memchr::memrchr(b'\n', &self.buffer[..read]).map_or(0, |end| end as u64 + 1))
    }

    /// Knows a file from now on.
    pub(super) fn track(
        &mut self,
        found: &Found,
        file: D::File,
        mark: Mark,
        now_ms: u64,
    ) -> &mut Tracked<D::File> {
        self.news.insert(found.look.id, Some(mark.clone()));
        let tracked = Tracked::new(found.path.clone(), file, mark, found.look, now_ms);
        // At once, for what is to be read next is what was lost sight of.
        self.next_look_ms = now_ms;
        self.files.entry(found.look.id).insert_entry(tracked).into_mut()
    }

    /// Opens what was found, if it is there still.
    pub(super) fn open(&mut self, found: &Found) -> Option<D::File> {
        self.make_room();
        let opened = self.disk.open(&found.path).and_then(|file| Ok((self.disk.look(&file)?.id, file)));
        match opened {
            Ok((id, file)) => (id == found.look.id).then_some(file),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => {
                self.complain(&found.path, &why);
                None
            }
        }
    }

    /// Says once of a file that it cannot be read.
    fn complain(&mut self, path: &Path, why: &io::Error) {
        if self.complaints.len() < MAX_COMPLAINTS && self.complaints.insert(path.to_owned()) {
            tracing::warn!(path = %path.display(), %why, "a file cannot be read; it is tried again");
        }
    }

    /// Closes the file that has not changed for longest, where there are too many: it is opened again when it changes.
    fn make_room(&mut self) {
        let open = self.files.values().filter(|tracked| tracked.file.is_some()).count();
        if open < self.settings.max_open {
            return;
        }
        let can_be_opened_again =
            |tracked: &&mut Tracked<D::File>| tracked.file.is_some() && tracked.is_listed;
        let idle = self.files.values_mut().filter(can_be_opened_again);
        if let Some(tracked) = idle.min_by_key(|tracked| (tracked.is_ready, tracked.changed_ms)) {
            tracked.file = None;
        }
    }

    /// Looks at the files that are known, for what has grown and what is over.
    fn look(&mut self, now_ms: u64) {
        let mut done = Vec::new();
        for (id, tracked) in &mut self.files {
            let look = match &tracked.file {
                Some(file) => self.disk.look(file),
                None => self.disk.look_by_name(&tracked.path),
            };
            let Ok(look) = look else { continue };
            if look.id == *id && tracked.looked(look, &self.settings, now_ms) && !tracked.is_ready {
                tracked.is_ready = true;
                self.ready.push_back(*id);
            }
            if tracked.is_done(&self.settings, now_ms) {
                done.push(*id);
            }
        }
        for id in done {
            self.forget(id);
        }
    }

    /// A file is over, and its position with it.
    pub(super) fn forget(&mut self, id: FileId) {
        if let Some(tracked) = self.files.remove(&id) {
            self.news.insert(id, None);
            self.release_copies(id, &tracked.mark);
        }
    }

    /// How far a file was read has changed.
    pub(super) fn tell(&mut self, id: FileId, mark: Option<Mark>) {
        self.news.insert(id, mark);
    }

    /// Says of a file that is not known any more that its position is void.
    pub(super) fn bury(&mut self, id: FileId) {
        if !self.files.contains_key(&id) {
            self.news.insert(id, None);
        }
    }

    /// Reads a block of a file.
    fn read(&mut self, id: FileId, now_ms: u64, out: &mut impl Out) {
        if let Some(tracked) = self.files.get_mut(&id) {
            tracked.is_ready = false;
        }
        if !self.reopen(id) {
            return;
        }
        let Some(tracked) = self.files.get_mut(&id) else { return };
        let before = tracked.mark.position;
        if !tracked.is_proven && !tracked.mark.proves() {
            // Nothing proves that it is the same, and nothing was read of it.
            return self.rewritten(id, true, now_ms);
        }
        let step = tracked.read(&mut self.disk, &mut self.buffer, &self.settings, now_ms, out);
        if tracked.mark.position != before {
            self.news.insert(id, Some(tracked.mark.clone()));
        }
        match step {
            Ok(Step::End) => {}
            Ok(Step::More) => {
                tracked.is_ready = true;
                self.ready.push_back(id);
            }
            Ok(Step::Rewritten) => self.rewritten(id, false, now_ms),
            Err(why) => {
                tracked.failed();
                let path = tracked.path.clone();
                self.complain(&path, &why);
            }
        }
    }

    /// Opens a known file that was closed. `false`: it is not there; the next scan finds out where it is.
    pub(super) fn reopen(&mut self, id: FileId) -> bool {
        let Some(tracked) = self.files.get(&id) else { return false };
        if tracked.file.is_some() {
            return true;
        }
        let found = Found { path: tracked.path.clone(), look: tracked.look };
        let file = self.open(&Found { look: super::disk::Look { id, ..found.look }, ..found });
        let Some(tracked) = self.files.get_mut(&id) else { return false };
        tracked.file = file;
        tracked.is_proven = false;
        tracked.file.is_some()
    }

    /// A file is not the one that was read so far: it was truncated, or another has its inode. `is_found`: what it was goes on elsewhere.
    pub(super) fn rewritten(&mut self, id: FileId, is_found: bool, now_ms: u64) {
        let Some(tracked) = self.files.get_mut(&id) else { return };
        let is_truncated = tracked.is_proven;
        let old = tracked.restart();
        self.news.insert(id, Some(tracked.mark.clone()));
        let found = Found { path: tracked.path.clone(), look: tracked.look };
        if !is_truncated {
            self.files.remove(&id);
            self.news.insert(id, None);
        }
        if !self.release_copies(id, &old) && !is_found {
            self.orphans.push(Orphan::new(id, old, now_ms));
        }
        self.resolve(now_ms);
        self.next_look_ms = now_ms;
        if !is_truncated && !self.files.contains_key(&id) {
            self.decide(&found, now_ms);
        }
    }
}
