//! A storage in memory that forgets, at a crash, what was not synced, and fails where a test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, ThreadId};

use parking_lot::{Condvar, Mutex};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Access, Entry, Space, Storage, StoredFile};

/// What a power cut does to bytes that were written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// The process dies, the kernel lives: everything written is still there.
    Process,
    /// Everything that was not synced is gone.
    Power,
    /// Any of the unsynced names survive, and a prefix of a file's unsynced bytes, its last ones possibly garbage.
    Torn,
}

/// Cloning shares the disk.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedStorage {
    disk: Arc<Mutex<Disk>>,
    /// Woken when what hangs need not hang any more.
    released: Arc<Condvar>,
}

#[derive(Debug)]
struct Disk {
    rng: StdRng,
    dirs: BTreeMap<PathBuf, Dir>,
    files: BTreeMap<u64, File>,
    /// Directories that were renamed or removed, and may come back at a crash.
    ghosts: Vec<Ghost>,
    next_file: u64,
    /// Raised by a crash; handles of an earlier life no longer work.
    life: u64,
    locked: BTreeSet<PathBuf>,
    /// Bytes that may still be written; `None` for an endless disk.
    space: Option<u64>,
    /// Changes that still succeed before everything fails; `None` for all of them.
    changes_left: Option<u32>,
    /// Files whose path contains this fail with EIO at sync.
    broken_sync: Option<String>,
    /// Files whose path contains this fail with EIO at read.
    broken_read: Option<String>,
    /// Files whose path contains this are not cached from this position on.
    cold: Option<(String, u64)>,
    cold_reads: Vec<ThreadId>,
    /// Syncs of files whose path contains this hang.
    held_sync: Option<String>,
    /// Reads of files whose path contains this hang.
    held_read: Option<String>,
    /// Reads that have begun to hang.
    hung_reads: usize,
}

#[derive(Debug, Default)]
struct Dir {
    live: BTreeMap<String, u64>,
    durable: BTreeMap<String, u64>,
    /// What leads from `durable` to `live`. POSIX promises no order, so a crash keeps any of it.
    pending: Vec<Change>,
    /// Whether the parent knows this directory durably.
    is_durable: bool,
}

/// A directory under a durable name that it no longer has.
#[derive(Debug)]
struct Ghost {
    path: PathBuf,
    durable: BTreeMap<String, u64>,
    /// What it is called now.
    renamed: Option<PathBuf>,
    /// Whether its files were removed: any of them may be gone.
    is_emptied: bool,
}

#[derive(Clone, Debug)]
enum Change {
    Insert(String, u64),
    Rename(String, String),
    Remove(String),
}

#[derive(Debug, Default)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
}

fn apply(names: &mut BTreeMap<String, u64>, change: &Change) {
    match change {
        Change::Insert(name, file) => {
            names.insert(name.clone(), *file);
        }
        Change::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Change::Remove(name) => {
            names.remove(name);
        }
    }
}

fn split(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().and_then(OsStr::to_str).unwrap().to_owned();
    (path.parent().unwrap().to_owned(), name)
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, path.display().to_string())
}

fn eio() -> io::Error {
    io::Error::from_raw_os_error(libc::EIO)
}

impl SimulatedStorage {
    pub(crate) fn new(seed: u64) -> Self {
        let disk = Disk {
            rng: StdRng::seed_from_u64(seed),
            dirs: BTreeMap::from([(PathBuf::from("/"), Dir { is_durable: true, ..Dir::default() })]),
            files: BTreeMap::new(),
            ghosts: Vec::new(),
            next_file: 1,
            life: 0,
            locked: BTreeSet::new(),
            space: None,
            changes_left: None,
            broken_sync: None,
            broken_read: None,
            cold: None,
            cold_reads: Vec::new(),
            held_sync: None,
            held_read: None,
            hung_reads: 0,
        };
        Self { disk: Arc::new(Mutex::new(disk)), released: Arc::default() }
    }

    /// Ends the life of every handle and applies what `crash` does to unsynced changes.
    pub(crate) fn crash(&self, crash: Crash) {
        let disk = &mut *self.disk.lock();
        disk.life += 1;
        disk.locked.clear();
        disk.changes_left = None;
        disk.held_sync = None;
        disk.held_read = None;
        self.released.notify_all();
        if crash == Crash::Process {
            return;
        }
        disk.crash_names(crash);
        disk.crash_bytes(crash);
    }

    pub(crate) fn set_space(&self, bytes: Option<u64>) {
        self.disk.lock().space = bytes;
    }

    /// Lets this many changes (writes, names, syncs) succeed and fails all that follow, until the next crash.
    pub(crate) fn fail_after(&self, changes: u32) {
        self.disk.lock().changes_left = Some(changes);
    }

    /// How many of these are left.
    pub(crate) fn changes_left(&self) -> u32 {
        self.disk.lock().changes_left.unwrap_or(u32::MAX)
    }

    pub(crate) fn break_sync(&self, path_part: Option<&str>) {
        self.disk.lock().broken_sync = path_part.map(str::to_owned);
    }

    pub(crate) fn break_read(&self, path_part: Option<&str>) {
        self.disk.lock().broken_read = path_part.map(str::to_owned);
    }

    /// Lets syncs of these files hang until told otherwise, as a disk does that has lost its controller.
    pub(crate) fn hold_sync(&self, path_part: Option<&str>) {
        self.disk.lock().held_sync = path_part.map(str::to_owned);
        self.released.notify_all();
    }

    /// The same of reads.
    pub(crate) fn hold_read(&self, path_part: Option<&str>) {
        self.disk.lock().held_read = path_part.map(str::to_owned);
        self.released.notify_all();
    }

    /// How many reads have hung so far.
    pub(crate) fn hung_reads(&self) -> usize {
        self.disk.lock().hung_reads
    }

    /// Drops these files from the page cache: their bytes from `position` on have to come from the disk, each time.
    pub(crate) fn make_cold(&self, path_part: &str, position: u64) {
        self.disk.lock().cold = Some((path_part.to_owned(), position));
    }

    /// The threads that have waited for cold bytes, once for each time.
    pub(crate) fn cold_reads(&self) -> Vec<ThreadId> {
        self.disk.lock().cold_reads.clone()
    }

    /// Changes the bytes of a file behind the back of who has it open, durably.
    pub(crate) fn damage(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let disk = &mut *self.disk.lock();
        let id = disk.find(path).unwrap();
        let file = disk.files.get_mut(&id).unwrap();
        change(&mut file.live);
        file.durable.clone_from(&file.live);
    }
}

impl Disk {
    fn crash_names(&mut self, crash: Crash) {
        let lost: Vec<_> =
            self.dirs.iter().filter(|(_, dir)| !dir.is_durable).map(|(path, _)| path.clone()).collect();
        self.dirs.retain(|path, _| !lost.iter().any(|lost| path.starts_with(lost)));
        for dir in self.dirs.values_mut() {
            for change in std::mem::take(&mut dir.pending) {
                if crash == Crash::Torn && self.rng.random() {
                    apply(&mut dir.durable, &change);
                }
            }
            dir.live = dir.durable.clone();
        }
        for mut ghost in std::mem::take(&mut self.ghosts) {
            if self.dirs.contains_key(&ghost.path) || crash == Crash::Torn && self.rng.random() {
                continue;
            }
            if crash == Crash::Torn && ghost.is_emptied {
                ghost.durable.retain(|_, _| self.rng.random());
            }
            let live = ghost.durable.clone();
            let dir = Dir { live, durable: ghost.durable, pending: Vec::new(), is_durable: true };
            self.dirs.insert(ghost.path, dir);
        }
    }

    fn haunt(&mut self, path: &Path, renamed: Option<&Path>) {
        if let Some(dir) = self.dirs.get(path).filter(|dir| dir.is_durable) {
            let durable = dir.durable.clone();
            let renamed_to = renamed.map(Path::to_owned);
            let is_emptied = renamed.is_none();
            self.ghosts.push(Ghost { path: path.to_owned(), durable, renamed: renamed_to, is_emptied });
        }
    }

    fn crash_bytes(&mut self, crash: Crash) {
        for file in self.files.values_mut() {
            let same =
                file.live.iter().zip(&file.durable).take_while(|(live, durable)| live == durable).count();
            let mut after = file.durable.clone();
            if crash == Crash::Torn && same == file.durable.len() && file.live.len() > same {
                let kept = self.rng.random_range(same..=file.live.len());
                after = file.live[..kept].to_vec();
                if kept > same && self.rng.random_bool(0.3) {
                    let garbage = self.rng.random_range(same..kept);
                    after[garbage..].fill(0);
                }
            }
            file.live.clone_from(&after);
            file.durable = after;
        }
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        let (dir, name) = split(path);
        let dir = self.dirs.get(&dir).ok_or_else(|| not_found(path))?;
        dir.live.get(&name).copied().ok_or_else(|| not_found(path))
    }

    fn change(&mut self, dir: &Path, change: Change) -> io::Result<()> {
        let dir = self.dirs.get_mut(dir).ok_or_else(|| not_found(dir))?;
        apply(&mut dir.live, &change);
        dir.pending.push(change);
        Ok(())
    }

    /// Counts a change that is about to be made.
    fn begin_change(&mut self) -> io::Result<()> {
        match &mut self.changes_left {
            Some(0) => Err(eio()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn has_dir(&self, path: &Path) -> bool {
        self.dirs.contains_key(path)
    }
}

impl Storage for SimulatedStorage {
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>> {
        let disk = &mut *self.disk.lock();
        if access == Access::Create {
            disk.begin_change()?;
        }
        let id = match (disk.find(path), access) {
            (Ok(id), Access::Read | Access::Write) => id,
            (Ok(id), Access::Create) => {
                disk.files.get_mut(&id).unwrap().live.clear();
                id
            }
            (Err(error), Access::Read | Access::Write) => return Err(error),
            (Err(_), Access::Create) => {
                let id = disk.next_file;
                disk.next_file += 1;
                disk.files.insert(id, File::default());
                let (dir, name) = split(path);
                disk.change(&dir, Change::Insert(name, id))?;
                id
            }
        };
        let (handle, released) = (Arc::clone(&self.disk), Arc::clone(&self.released));
        Ok(Arc::new(Handle { disk: handle, released, id, life: disk.life, path: path.to_owned() }))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        disk.begin_change()?;
        let missing: Vec<_> =
            path.ancestors().filter(|path| !disk.has_dir(path)).map(Path::to_owned).collect();
        for path in missing {
            disk.dirs.insert(path, Dir::default());
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>> {
        let disk = self.disk.lock();
        let files = disk.dirs.get(dir).ok_or_else(|| not_found(dir))?.live.keys();
        let dirs = disk.dirs.keys().filter(|path| path.parent() == Some(dir)).map(|path| split(path).1);
        let files = files.map(|name| Entry { name: name.clone(), is_dir: false });
        Ok(files.chain(dirs.map(|name| Entry { name, is_dir: true })).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        disk.begin_change()?;
        if disk.has_dir(from) {
            disk.haunt(from, Some(to));
        }
        if let Some(mut dir) = disk.dirs.remove(from) {
            dir.is_durable = false;
            disk.dirs.insert(to.to_owned(), dir);
            return Ok(());
        }
        disk.find(from)?;
        let ((dir, from), (_, to)) = (split(from), split(to));
        disk.change(&dir, Change::Rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        disk.find(path)?;
        disk.begin_change()?;
        let (dir, name) = split(path);
        disk.change(&dir, Change::Remove(name))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        disk.begin_change()?;
        disk.haunt(path, None);
        for ghost in disk.ghosts.iter_mut().filter(|ghost| ghost.renamed.as_deref() == Some(path)) {
            ghost.is_emptied = true;
        }
        disk.dirs.retain(|dir, _| !dir.starts_with(path));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let disk = &mut *self.disk.lock();
        disk.begin_change()?;
        let dir = disk.dirs.get_mut(path).ok_or_else(|| not_found(path))?;
        dir.pending.clear();
        dir.durable = dir.live.clone();
        for (_, child) in disk.dirs.iter_mut().filter(|(child, _)| child.parent() == Some(path)) {
            child.is_durable = true;
        }
        disk.ghosts.retain(|ghost| ghost.path.parent() != Some(path));
        Ok(())
    }

    fn space(&self, _dir: &Path) -> io::Result<Space> {
        const TOTAL: u64 = 1 << 40;
        Ok(Space { total: TOTAL, usable: self.disk.lock().space.unwrap_or(TOTAL) })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>> {
        let mut disk = self.disk.lock();
        if !disk.locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(LockGuard { disk: Arc::clone(&self.disk), path: path.to_owned(), life: disk.life }))
    }
}

struct LockGuard {
    disk: Arc<Mutex<Disk>>,
    path: PathBuf,
    life: u64,
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        let mut disk = self.disk.lock();
        if disk.life == self.life {
            disk.locked.remove(&self.path);
        }
    }
}

#[derive(Debug)]
struct Handle {
    disk: Arc<Mutex<Disk>>,
    released: Arc<Condvar>,
    id: u64,
    life: u64,
    path: PathBuf,
}

impl Handle {
    fn with<T>(&self, act: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        let disk = &mut *self.disk.lock();
        if disk.life != self.life {
            return Err(io::Error::other("this process has crashed"));
        }
        act(disk)
    }

    /// Waits while reads of this file hang.
    fn hang(&self) {
        let disk = &mut self.disk.lock();
        if self.breaks(&disk.held_read) {
            disk.hung_reads += 1;
            self.released.wait_while(disk, |disk| self.breaks(&disk.held_read));
        }
    }

    fn is_cold(&self, disk: &Disk, end: u64) -> bool {
        let Some((part, from)) = &disk.cold else { return false };
        end > *from && self.path.to_string_lossy().contains(part)
    }

    fn breaks(&self, part: &Option<String>) -> bool {
        part.as_ref().is_some_and(|part| self.path.to_string_lossy().contains(part))
    }
}

impl StoredFile for Handle {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.hang();
        self.with(|disk| {
            if self.breaks(&disk.broken_read) {
                return Err(eio());
            }
            let content = &disk.files[&self.id].live;
            let from = content.len().min(position as usize);
            let read = buf.len().min(content.len() - from);
            buf[..read].copy_from_slice(&content[from..from + read]);
            if self.is_cold(disk, (from + read) as u64) {
                disk.cold_reads.push(thread::current().id());
            }
            Ok(read)
        })
    }

    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        if self.with(|disk| Ok(self.is_cold(disk, position + buf.len() as u64)))? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.read_at(buf, position)
    }

    fn write_all_at(&self, parts: &[&[u8]], position: u64) -> io::Result<()> {
        self.with(|disk| {
            disk.begin_change()?;
            let bytes = parts.concat();
            let fits = disk.space.map_or(bytes.len(), |space| bytes.len().min(space as usize));
            if let Some(space) = &mut disk.space {
                *space -= fits as u64;
            }
            let content = &mut disk.files.get_mut(&self.id).unwrap().live;
            let end = position as usize + fits;
            content.resize(content.len().max(end), 0);
            content[position as usize..end].copy_from_slice(&bytes[..fits]);
            if fits < bytes.len() { Err(io::Error::from_raw_os_error(libc::ENOSPC)) } else { Ok(()) }
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.released.wait_while(&mut self.disk.lock(), |disk| self.breaks(&disk.held_sync));
        self.with(|disk| {
            if self.breaks(&disk.broken_sync) {
                return Err(eio());
            }
            disk.begin_change()?;
            let file = disk.files.get_mut(&self.id).unwrap();
            file.durable.clone_from(&file.live);
            Ok(())
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.with(|disk| {
            disk.begin_change()?;
            disk.files.get_mut(&self.id).unwrap().live.resize(len as usize, 0);
            Ok(())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|disk| Ok(disk.files[&self.id].live.len() as u64))
    }

    fn descriptor(&self) -> Option<&std::fs::File> {
        None
    }
}
