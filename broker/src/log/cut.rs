use std::io;
use std::path::Path;
use std::sync::Arc;

use millstream_wire::ids::Offset;

use super::checkpoint::Checkpoint;
use super::logs::{LOCK_FILE, RECOVERY_POINTS_FILE};
use super::names::FileKind;
use super::recovery::remove_segment_files;
use super::scan::Headers;
use super::{LogError, TopicPartition};
use crate::storage::{Access, Storage};

/// Gives up the records of a partition from `at` on: what brings a partition back that recovery left offline.
/// The broker must not run. Returns the new log end, which is below `at` if that lies within a batch.
///
/// # Errors
/// When a broker has the directory, the partition is not there, or its files cannot be changed.
pub fn cut(
    storage: Arc<dyn Storage>,
    data_dir: &Path,
    partition: &TopicPartition,
    at: Offset,
) -> Result<Offset, LogError> {
    let lock_path = data_dir.join(LOCK_FILE);
    let _lock = storage.lock(&lock_path).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => LogError::Locked(data_dir.to_owned()),
        _ => LogError::io("lock", &lock_path)(error),
    })?;
    let dir = data_dir.join(partition.to_string());
    let end = cut_files(&*storage, &dir, at).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => LogError::NoSuchPartition(dir.display().to_string()),
        _ => LogError::io("cut", &dir)(error),
    })?;
    let points = Checkpoint::open(Arc::clone(&storage), data_dir.join(RECOVERY_POINTS_FILE))?;
    points.update(|points| {
        if let Some(point) = points.get_mut(partition) {
            *point = end.min(*point);
        }
    })?;
    Ok(end)
}

fn cut_files(storage: &dyn Storage, dir: &Path, at: Offset) -> io::Result<Offset> {
    let names = storage.list(dir)?;
    let mut bases: Vec<Offset> = names
        .iter()
        .filter_map(|entry| FileKind::of_name(&entry.name))
        .filter(|(kind, _)| *kind == FileKind::Log)
        .map(|(_, base)| base)
        .collect();
    bases.sort_unstable();
    let kept = bases.partition_point(|base| *base <= at).max(1);
    let base = *bases.get(kept - 1).ok_or(io::ErrorKind::NotFound)?;
    // The newest first: a crash half-way leaves a log without a hole.
    for later in bases[kept..].iter().rev() {
        remove_segment_files(storage, dir, *later)?;
    }
    let file = storage.open(&FileKind::Log.path(dir, base), Access::Write)?;
    let (end, position) = boundary(Headers::new(Arc::clone(&file), 0, file.len()?), base, at);
    file.set_len(position)?;
    file.sync()?;
    for (kind, offset) in names.iter().filter_map(|entry| FileKind::of_name(&entry.name)) {
        let stale = match kind {
            FileKind::Snapshot => offset > end,
            FileKind::OffsetIndex | FileKind::TimeIndex => offset == base,
            FileKind::Log => false,
        };
        if stale {
            match storage.remove_file(&kind.path(dir, offset)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    storage.sync_dir(dir)?;
    Ok(end)
}

/// The last batch boundary at or below `at` that can be reached, as offset and position.
fn boundary(mut headers: Headers, base: Offset, at: Offset) -> (Offset, u64) {
    let (mut end, mut position) = (base, 0);
    while let Ok(Some((start, header))) = headers.next() {
        if header.last_offset() >= at {
            break;
        }
        end = header.next_offset();
        position = start + header.total_len() as u64;
    }
    (end, position)
}
