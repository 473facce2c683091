//! Files and directories as the log needs them: positional reads and writes, and every sync explicit.
//!
//! The trait exists so that the tests of the log run over a storage that forgets what was not synced
//! (`simulated`): a missing fsync is then a failing test, not a lost record at the first power cut.

mod disk;
#[cfg(test)]
pub(crate) mod simulated;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use disk::DiskStorage;

/// A file system, reduced to what the log does with one.
///
/// A new, renamed or removed name survives a power cut only after [`Storage::sync_dir`] of its directory,
/// bytes only after [`StoredFile::sync`] of their file.
pub trait Storage: Send + Sync + Debug {
    /// Opens an existing file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn StoredFile>>;
    /// Makes a directory and its missing parents; an existing one is no error.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The names in a directory, in no particular order.
    fn list(&self, dir: &Path) -> io::Result<Vec<Entry>>;
    /// Renames a file or a directory, replacing a file that has the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes the name of a file; whoever has it open reads on.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory with everything in it.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// The room in the file system that holds `dir`.
    fn space(&self, dir: &Path) -> io::Result<Space>;
    /// Takes the exclusive lock `path` until the guard is dropped; `WouldBlock` if another process has it.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Send + Sync>>;

    /// The whole content of a small file. `limit` bounds what is read (bytes): a longer file is `InvalidData`.
    fn read_small(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let file = self.open(path, Access::Read)?;
        let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
        if len > limit {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("longer than {limit} bytes")));
        }
        let mut content = vec![0; len];
        let read = file.read_at(&mut content, 0)?;
        content.truncate(read);
        Ok(content)
    }

    /// Replaces a file as a whole and durably: after a crash it holds the old content or the new, never a mix.
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let temporary = path.with_added_extension("tmp");
        let file = self.open(&temporary, Access::Create)?;
        file.write_all_at(&[content], 0)?;
        file.sync()?;
        self.rename(&temporary, path)?;
        self.sync_dir(path.parent().unwrap_or(Path::new("/")))
    }
}

/// An open file. Positions and lengths are bytes; there is no cursor, so readers share one descriptor.
pub trait StoredFile: Send + Sync + Debug {
    /// Reads until `buf` is full or the file ends; the count says which.
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize>;
    /// As [`read_at`](Self::read_at), but `WouldBlock` where bytes would have to come from the disk first.
    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes `parts` one after the other from `position` on, with one system call where the kernel takes it whole.
    fn write_all_at(&self, parts: &[&[u8]], position: u64) -> io::Result<()>;
    /// Makes the content (not the name) durable.
    fn sync(&self) -> io::Result<()>;
    /// Cuts or extends the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// One of the two reads.
    fn read_within(&self, reach: Reach, buf: &mut [u8], position: u64) -> io::Result<usize> {
        match reach {
            Reach::Cache => self.read_cached(buf, position),
            Reach::Disk => self.read_at(buf, position),
        }
    }
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether nothing was written yet.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// The descriptor for `sendfile`; `None` where the bytes are not in a file of the kernel's.
    fn descriptor(&self) -> Option<&std::fs::File>;
}

/// How far down a read may go for its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// What is in memory; the rest is `WouldBlock`. For threads that others wait for.
    Cache,
    /// To the disk, for as long as that takes.
    Disk,
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// For reading and writing; an existing file loses its content.
    Create,
}

/// Room in a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// All of it, used or not.
    pub total: u64,
    /// What this process may still write.
    pub usable: u64,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without its directory. Names that are not UTF-8 are not ours and are not listed.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
}
