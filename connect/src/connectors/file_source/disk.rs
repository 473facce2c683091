use std::io;
use std::path::{Path, PathBuf};

use super::identity::FileId;

/// What the tail needs of a file system. The tests have one that forgets, reuses inodes and truncates between two calls.
pub(super) trait Disk {
    /// An open file: it is there for as long as this is, whatever becomes of its name.
    type File;

    /// The files that the user's patterns name, each once.
    fn list(&mut self) -> Vec<Found>;

    /// The files beside `path`, whatever their names, each once.
    fn siblings(&mut self, path: &Path) -> Vec<Found>;

    /// How whatever has this name stands.
    fn look_by_name(&mut self, path: &Path) -> io::Result<Look>;

    /// Opens a file.
    fn open(&mut self, path: &Path) -> io::Result<Self::File>;

    /// How an open file stands.
    fn look(&mut self, file: &Self::File) -> io::Result<Look>;

    /// Fills the buffer from an offset on; less than it holds means that the file ends there.
    fn read_at(&mut self, file: &mut Self::File, at: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// A file by one of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) look: Look,
}

/// How a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) id: FileId,
    /// In bytes; of a compressed one `u64::MAX`, since nobody knows before it was read.
    pub(super) size: u64,
    /// Changes when the file is written to: a file rewritten to the same size differs by nothing else.
    pub(super) modified: i64,
    /// When it was made, in nanoseconds since 1970; 0 where the file system does not know.
    pub(super) born: i64,
    /// Whether it has a name still.
    pub(super) is_linked: bool,
}

impl Look {
    /// Whether nothing is ever appended: a compressed file is whole when it decompresses to its end.
    pub(super) fn is_sealed(&self) -> bool {
        self.size == u64::MAX
    }

    /// What changes when the file is written to.
    pub(super) fn state(&self) -> (u64, i64) {
        (self.size, self.modified)
    }
}
