use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::disk::{Disk, Found, Look};
use super::family::GZIP;
use super::gzip::GzipFile;
use super::identity::FileId;
use super::pattern;

/// How many files of a directory are looked at to find a rotated one.
const MAX_SIBLINGS: usize = 10_000;

/// The file system of this machine.
pub(super) struct LocalDisk {
    patterns: Vec<String>,
    /// What the patterns name and cannot be followed, which the log was told.
    told: BTreeSet<PathBuf>,
}

/// An open file.
pub(super) enum LocalFile {
    Plain(File),
    Gzip(Box<GzipFile>),
}

impl LocalDisk {
    pub(super) fn new(patterns: Vec<String>) -> Self {
        Self { patterns, told: BTreeSet::new() }
    }

    /// What the patterns name, and what of it cannot be followed, and why.
    pub(super) fn paths(&self) -> (Vec<PathBuf>, BTreeMap<PathBuf, String>) {
        let (mut paths, mut unfit) = (Vec::new(), BTreeMap::new());
        for named in self.patterns.iter().flat_map(|pattern| pattern::paths(pattern)) {
            match named {
                Ok(path) => paths.push(path),
                Err((path, why)) => {
                    unfit.insert(path, why.to_string());
                }
            }
        }
        (paths, unfit)
    }

    /// Each once, until it can be followed.
    fn tell(&mut self, unfit: BTreeMap<PathBuf, String>) {
        for (path, why) in unfit.iter().filter(|(path, _)| !self.told.contains(*path)) {
            tracing::warn!(path = %path.display(), why, "what is to be followed cannot be; it is looked at again");
        }
        self.told = unfit.into_keys().collect();
    }
}

impl Disk for LocalDisk {
    type File = LocalFile;

    fn list(&mut self) -> Vec<Found> {
        let (paths, unfit) = self.paths();
        self.tell(unfit);
        once_each(paths.into_iter())
    }

    fn siblings(&mut self, path: &Path) -> Vec<Found> {
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
        once_each(entries.take(MAX_SIBLINGS).map(|entry| entry.path()))
    }

    fn look_by_name(&mut self, path: &Path) -> io::Result<Look> {
        Ok(look(&fs::metadata(path)?, is_gzip(path)))
    }

    fn open(&mut self, path: &Path) -> io::Result<LocalFile> {
        let file = File::open(path)?;
        Ok(if is_gzip(path) {
            LocalFile::Gzip(Box::new(GzipFile::new(file)?))
        } else {
            LocalFile::Plain(file)
        })
    }

    fn look(&mut self, file: &LocalFile) -> io::Result<Look> {
        match file {
            LocalFile::Plain(file) => Ok(look(&file.metadata()?, false)),
            LocalFile::Gzip(file) => Ok(look(&file.metadata()?, true)),
        }
    }

    fn read_at(&mut self, file: &mut LocalFile, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let file = match file {
            LocalFile::Plain(file) => file,
            LocalFile::Gzip(file) => return file.read_at(at, buffer),
        };
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read_at(&mut buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(why) => return Err(why),
            }
        }
        Ok(filled)
    }
}

/// The regular files among some paths, each by the first of its names.
fn once_each(paths: impl Iterator<Item = PathBuf>) -> Vec<Found> {
    let mut files: BTreeMap<FileId, Found> = BTreeMap::new();
    for path in paths {
        let Some(metadata) = fs::metadata(&path).ok().filter(Metadata::is_file) else { continue };
        let look = look(&metadata, is_gzip(&path));
        let first = files.entry(look.id).or_insert_with(|| Found { path: path.clone(), look });
        if path < first.path {
            first.path = path;
        }
    }
    let mut found: Vec<Found> = files.into_values().collect();
    // A rotated file's name begins with that of the file it was.
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn is_gzip(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(GZIP.as_bytes())
}

fn look(metadata: &Metadata, is_gzip: bool) -> Look {
    let made = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    Look {
        id: FileId { device: metadata.dev(), inode: metadata.ino() },
        size: if is_gzip { u64::MAX } else { metadata.len() },
        modified: metadata.mtime().wrapping_mul(1_000_000_000).wrapping_add(metadata.mtime_nsec()),
        born: made.map_or(0, |made| i64::try_from(made.as_nanos()).unwrap_or(i64::MAX)),
        is_linked: metadata.nlink() > 0,
    }
}
