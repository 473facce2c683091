use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::super::disk::{Disk, Found, Look};
use super::super::family::GZIP;
use super::super::identity::FileId;

/// A file system that gives the inode of the last deleted file to the next new one, as ext4 does.
#[derive(Default)]
pub(super) struct World {
    pub(super) names: BTreeMap<PathBuf, u64>,
    inodes: BTreeMap<u64, Inode>,
    free: Vec<u64>,
    ticks: i64,
}

#[derive(Default)]
struct Inode {
    bytes: Vec<u8>,
    born: i64,
    modified: i64,
    links: usize,
    open: usize,
}

impl World {
    pub(super) fn create(&mut self, path: &Path, bytes: &[u8]) -> u64 {
        let fresh = self.inodes.len() as u64 + 1;
        let inode = self.free.pop().unwrap_or(fresh);
        let born = self.tick();
        let made = Inode { bytes: bytes.to_vec(), born, modified: born, links: 1, open: 0 };
        self.inodes.insert(inode, made);
        assert_eq!(self.names.insert(path.to_owned(), inode), None, "{path:?} is there already");
        inode
    }

    pub(super) fn append(&mut self, inode: u64, bytes: &[u8]) {
        let modified = self.tick();
        let file = self.inodes.get_mut(&inode).unwrap();
        file.bytes.extend_from_slice(bytes);
        file.modified = modified;
    }

    pub(super) fn truncate(&mut self, inode: u64) {
        let modified = self.tick();
        let file = self.inodes.get_mut(&inode).unwrap();
        file.bytes.clear();
        file.modified = modified;
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) {
        let inode = self.names.remove(from).unwrap();
        assert_eq!(self.names.insert(to.to_owned(), inode), None, "{to:?} is there already");
    }

    pub(super) fn unlink(&mut self, path: &Path) {
        let inode = self.names.remove(path).unwrap();
        self.inodes.get_mut(&inode).unwrap().links -= 1;
        self.free_if_unused(inode);
    }

    /// A program other than the tail opens a file.
    pub(super) fn hold(&mut self, inode: u64) {
        self.inodes.get_mut(&inode).unwrap().open += 1;
    }

    pub(super) fn release(&mut self, inode: u64) {
        self.inodes.get_mut(&inode).unwrap().open -= 1;
        self.free_if_unused(inode);
    }

    pub(super) fn bytes(&self, inode: u64) -> &[u8] {
        &self.inodes[&inode].bytes
    }

    fn free_if_unused(&mut self, inode: u64) {
        let file = &self.inodes[&inode];
        if file.links == 0 && file.open == 0 {
            self.inodes.get_mut(&inode).unwrap().bytes.clear();
            self.free.push(inode);
        }
    }

    fn tick(&mut self) -> i64 {
        self.ticks += 1;
        self.ticks
    }

    fn look(&self, inode: u64, is_sealed: bool) -> Look {
        let file = &self.inodes[&inode];
        let size = if is_sealed { u64::MAX } else { file.bytes.len() as u64 };
        let id = FileId { device: 1, inode };
        Look { id, size, modified: file.modified, born: file.born, is_linked: file.links > 0 }
    }

    fn found(&self, wanted: impl Fn(&Path) -> bool) -> Vec<Found> {
        let wanted = self.names.iter().filter(|(path, _)| wanted(path));
        wanted
            .map(|(path, inode)| Found { path: path.clone(), look: self.look(*inode, is_sealed(path)) })
            .collect()
    }
}

/// What is compressed is sealed; here its bytes are those it would decompress to.
fn is_sealed(path: &Path) -> bool {
    path.to_string_lossy().ends_with(GZIP)
}

/// The world as the tail sees it: between any two of its calls something may happen.
#[derive(Clone)]
pub(super) struct SimulatedDisk {
    pub(super) world: Rc<RefCell<World>>,
    /// Called before each look at the world.
    pub(super) meanwhile: Rc<dyn Fn(&mut World)>,
    /// What the user's patterns name.
    pub(super) pattern: fn(&Path) -> bool,
    /// Whether nothing can be read of any file, as where a disk or the way to it has failed for a while.
    pub(super) is_broken: Rc<Cell<bool>>,
}

impl SimulatedDisk {
    fn world(&self) -> std::cell::RefMut<'_, World> {
        let mut world = self.world.borrow_mut();
        (self.meanwhile)(&mut world);
        world
    }
}

pub(super) struct SimulatedFile {
    inode: u64,
    is_sealed: bool,
    world: Rc<RefCell<World>>,
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        self.world.borrow_mut().release(self.inode);
    }
}

impl Disk for SimulatedDisk {
    type File = SimulatedFile;

    fn list(&mut self) -> Vec<Found> {
        self.world().found(self.pattern)
    }

    fn siblings(&mut self, path: &Path) -> Vec<Found> {
        self.world().found(|other| other.parent() == path.parent())
    }

    fn look_by_name(&mut self, path: &Path) -> io::Result<Look> {
        let world = self.world();
        let inode = *world.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(world.look(inode, is_sealed(path)))
    }

    fn open(&mut self, path: &Path) -> io::Result<SimulatedFile> {
        let mut world = self.world();
        let inode = *world.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        world.hold(inode);
        Ok(SimulatedFile { inode, is_sealed: is_sealed(path), world: self.world.clone() })
    }

    fn look(&mut self, file: &SimulatedFile) -> io::Result<Look> {
        Ok(self.world().look(file.inode, file.is_sealed))
    }

    fn read_at(&mut self, file: &mut SimulatedFile, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_broken.get() {
            return Err(io::Error::other("input/output error"));
        }
        let world = self.world();
        let rest = world.bytes(file.inode).get(at as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }
}
