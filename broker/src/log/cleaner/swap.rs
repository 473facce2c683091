//! How a rewritten segment takes the place of the old ones, so that a crash leaves the old state or the new one.
//!
//! 1. The new files are written as `.cleaned` and synced. A crash: they are removed at the next start.
//! 2. They are renamed to `.swap`, the log last, and the directory is synced. From here on the new state wins.
//! 3. The old files go, but for the log that has the new one's name. The directory is synced.
//! 4. `.swap` is renamed away, the log last, replacing the old log.
//!
//! A start that finds a `.log.swap` does steps 3 and 4, so nothing hangs on when the last one is durable. Old segments that the new one outlived completely do not
//! overlap it and may survive a crash in step 3: their records are in order, only compacted less.

use std::io;
use std::path::Path;
use std::sync::Arc;

use millstream_wire::ids::Offset;

use super::super::names::{FileKind, SEGMENT_FILES, SWAP};
use super::super::scan::Headers;
use crate::storage::{Access, Storage};

/// Completes the swaps that a crash interrupted.
pub(in crate::log) fn finish_swaps(storage: &dyn Storage, dir: &Path) -> io::Result<()> {
    let entries = storage.list(dir)?;
    let swapped = |name: &str| FileKind::of_name(name.strip_suffix(".swap")?);
    let finished = entries.iter().filter_map(|entry| swapped(&entry.name));
    for (_, base) in finished.clone().filter(|(kind, _)| *kind == FileKind::Log) {
        let end = end_of(storage, dir, base)?;
        let covered: Vec<Offset> = entries
            .iter()
            .filter_map(|entry| FileKind::of_name(&entry.name))
            .filter(|(kind, old)| *kind == FileKind::Log && *old > base && *old < end)
            .map(|(_, old)| old)
            .collect();
        replace(storage, dir, base, &covered)?;
    }
    // Indexes whose log was never renamed: the swap did not begin.
    for (kind, base) in finished.filter(|(kind, _)| *kind != FileKind::Log) {
        remove(storage, &kind.path(dir, base).with_added_extension(SWAP))?;
    }
    Ok(())
}

/// Steps 3 and 4: `covered` are the bases of the old segments behind the one that has the new one's name.
pub(super) fn replace(storage: &dyn Storage, dir: &Path, base: Offset, covered: &[Offset]) -> io::Result<()> {
    for old in covered {
        for kind in SEGMENT_FILES.into_iter().chain([FileKind::Snapshot]) {
            remove(storage, &kind.path(dir, *old))?;
        }
    }
    remove(storage, &FileKind::OffsetIndex.path(dir, base))?;
    remove(storage, &FileKind::TimeIndex.path(dir, base))?;
    storage.sync_dir(dir)?;
    rename(storage, dir, base)
}

/// Step 4.
fn rename(storage: &dyn Storage, dir: &Path, base: Offset) -> io::Result<()> {
    for kind in SEGMENT_FILES {
        let path = kind.path(dir, base);
        match storage.rename(&path.with_added_extension(SWAP), &path) {
            // After a crash in this loop the indexes may have been renamed before.
            Err(error) if error.kind() == io::ErrorKind::NotFound && kind != FileKind::Log => {}
            result => result?,
        }
    }
    Ok(())
}

fn end_of(storage: &dyn Storage, dir: &Path, base: Offset) -> io::Result<Offset> {
    let file = storage.open(&FileKind::Log.path(dir, base).with_added_extension(SWAP), Access::Read)?;
    let mut headers = Headers::new(Arc::clone(&file), 0, file.len()?);
    let mut end = base;
    while let Some((_, header)) = headers.next()? {
        end = header.next_offset();
    }
    Ok(end)
}

fn remove(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    match storage.remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
