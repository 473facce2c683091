//! Indexes that are missing or do not agree with their log are made anew from its batch headers.

use std::io;
use std::path::Path;
use std::sync::Arc;

use millstream_wire::ids::Offset;

use super::descriptors::OpenSegment;
use super::names::FileKind;
use super::scan::Headers;
use super::segment::{Active, Sealed};
use super::state::Log;
use crate::storage::{Access, Storage};

/// Opens the files of a sealed segment, its indexes checked as far as one look tells.
pub(super) fn open_checked(
    storage: &dyn Storage,
    dir: &Path,
    segment: &Sealed,
    interval: u32,
) -> io::Result<OpenSegment> {
    let reason = match OpenSegment::open(storage, dir, segment.base) {
        Ok(open) => match disagreement(&open, segment, interval)? {
            None => return Ok(open),
            Some(reason) => reason.to_owned(),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => error.to_string(),
        Err(error) => return Err(error),
    };
    tracing::warn!(dir = %dir.display(), base = %segment.base, reason, "making the indexes of a segment anew");
    rebuild(storage, dir, segment, interval)?;
    OpenSegment::open(storage, dir, segment.base)
}

/// Writes the indexes of a sealed segment from the headers of its batches.
fn rebuild(storage: &dyn Storage, dir: &Path, segment: &Sealed, interval: u32) -> io::Result<()> {
    let file = storage.open(&FileKind::Log.path(dir, segment.base), Access::Read)?;
    let mut active = Active::new(segment.base, Arc::clone(&file));
    let mut headers = Headers::new(file, 0, segment.size);
    while let Some((_, header)) = headers.next()? {
        active.note(&header, interval);
    }
    active.write_indexes(storage, dir, None)?;
    Ok(())
}

/// What shows that the indexes are not those of the log; `None` if nothing does.
fn disagreement(open: &OpenSegment, segment: &Sealed, interval: u32) -> io::Result<Option<&'static str>> {
    if !open.is_whole()? {
        return Ok(Some("an index ends in the middle of an entry"));
    }
    let last = open.offsets.last()?;
    let from = last.map_or(0, |entry| u64::from(entry.position));
    let mut headers = Headers::new(Arc::clone(&open.log), from, segment.size);
    let mut first = true;
    loop {
        let (position, header) = match headers.next() {
            Ok(Some(next)) => next,
            Ok(None) if first && segment.size > 0 => {
                return Ok(Some("the offset index is longer than the log"));
            }
            Ok(None) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData && first && from > 0 => {
                return Ok(Some("the offset index points into the middle of a batch"));
            }
            Err(error) => return Err(error),
        };
        if let Some(entry) = last.filter(|_| first) {
            let indexed = Offset(segment.base.0 + i64::from(entry.relative));
            if !(header.base_offset..=header.last_offset()).contains(&indexed) {
                return Ok(Some("the offset index points at another batch"));
            }
        }
        if !first && position - from > u64::from(interval) + u64::from(u32::from(last.is_none())) {
            return Ok(Some("the offset index is shorter than the log"));
        }
        first = false;
    }
}

impl Log {
    /// Makes the indexes of a segment anew that a read found to be wrong. Returns whether there was a chance.
    pub(super) fn reindex(&self, base: Offset) -> io::Result<bool> {
        let Some(segment) = self.sealed.get(&base) else { return Ok(false) };
        tracing::warn!(dir = %self.home.dir.display(), %base, "an index led astray; making it anew");
        self.home.descriptors.forget(segment.id);
        rebuild(&*self.home.storage, &self.home.dir, segment, self.config.index_interval_bytes)?;
        Ok(true)
    }
}
