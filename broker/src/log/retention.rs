//! Removing what is too old, too much, or below the log start (Kafka: `UnifiedLog.deleteOldSegments`).

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use millstream_wire::ids::Offset;

use super::Partition;
use super::names::{DELETED, FileKind, SEGMENT_FILES};
use super::segment::Sealed;
use super::state::Log;

/// A file that has lost its name and waits to be removed.
#[derive(Debug)]
pub(super) struct Doomed {
    path: PathBuf,
    /// When `file.delete.delay.ms` is over, in ms since 1970.
    due_ms: i64,
}

impl Partition {
    /// Removes the segments that retention does not keep, and the files whose delay is over.
    pub(super) fn retain(self: &Arc<Self>, now_ms: i64) -> io::Result<()> {
        let _no_cleaning = self.tidying.lock();
        let keep_from = {
            let log = &mut *self.log.lock();
            if self.is_deleted() {
                return Ok(());
            }
            log.remove_doomed(now_ms)?;
            let Some(keep_from) = log.retained_from(now_ms)? else { return Ok(()) };
            if log.active.as_ref().is_some_and(|active| active.base < keep_from) {
                log.roll()?;
            }
            keep_from
        };
        // The new active segment must be on disk before the old ones go: it alone says where the log ends.
        self.flush()?;
        self.remove_before(keep_from, now_ms)
    }

    /// Begins a new segment at the log end, so that what lies before it can be [dropped](Self::drop_before). The
    /// segment has a durable name when the directory was synced.
    pub(crate) fn begin_segment(&self) -> io::Result<()> {
        let log = &mut *self.log.lock();
        if log.active.as_ref().is_some_and(|active| active.size > 0) { log.roll() } else { Ok(()) }
    }

    /// Removes the segments that lie wholly below `offset`. Their records must be durable elsewhere, and so must be the
    /// name of the segment at `offset`: it alone says where the log goes on.
    pub(crate) fn drop_before(&self, offset: Offset, now_ms: i64) -> io::Result<()> {
        let _no_cleaning = self.tidying.lock();
        self.remove_before(offset, now_ms)
    }

    fn remove_before(&self, keep_from: Offset, now_ms: i64) -> io::Result<()> {
        while self.remove_first(keep_from, now_ms)? {
            // One after the other, or a crash could leave a hole: the second gone, the first still there.
            self.shared.storage.sync_dir(&self.dir)?;
        }
        Ok(())
    }

    /// Takes the first segment out of the log if it lies below `keep_from`.
    fn remove_first(&self, keep_from: Offset, now_ms: i64) -> io::Result<bool> {
        let log = &mut *self.log.lock();
        let removed = !self.is_deleted() && log.remove_first(keep_from, now_ms)?;
        self.publish(log);
        Ok(removed)
    }
}

impl Log {
    /// The base of the first segment to keep; `None` if all are kept. The log end if none is.
    fn retained_from(&self, now_ms: i64) -> io::Result<Option<Offset>> {
        let mut surplus = match self.config.retention_bytes {
            bound if bound >= 0 && self.config.cleanup.delete => self.size() as i64 - bound,
            _ => 0,
        };
        let mut keep_from = None;
        for (base, segment) in &self.sealed {
            let end = self.segment_after(*base).unwrap_or(self.end);
            surplus -= segment.size as i64;
            let largest = || segment.largest_timestamp(&*self.open(segment)?);
            let doomed = end <= self.start || surplus >= 0 || self.is_expired(largest, now_ms)?;
            if !doomed || end > self.high_watermark.offset {
                return Ok(keep_from);
            }
            keep_from = Some(end);
        }
        let Some(active) = self.active.as_ref().filter(|active| active.size > 0) else {
            return Ok(keep_from);
        };
        surplus -= active.size as i64;
        let doomed = surplus >= 0 || self.is_expired(|| Ok(active.largest_timestamp), now_ms)?;
        let readable = self.end <= self.high_watermark.offset;
        Ok(if doomed && readable { Some(self.end) } else { keep_from })
    }

    /// Segments whose records carry no time do not expire by it.
    fn is_expired(&self, largest: impl FnOnce() -> io::Result<i64>, now_ms: i64) -> io::Result<bool> {
        if !self.config.cleanup.delete || self.config.retention_ms < 0 {
            return Ok(false);
        }
        let largest = largest()?;
        Ok(largest >= 0 && now_ms.saturating_sub(largest) > self.config.retention_ms)
    }

    /// Bytes of all segments.
    pub(super) fn size(&self) -> u64 {
        let sealed: u64 = self.sealed.values().map(|segment| segment.size).sum();
        sealed + self.active.as_ref().map_or(0, |active| active.size)
    }

    fn remove_first(&mut self, keep_from: Offset, now_ms: i64) -> io::Result<bool> {
        let Some((_, segment)) = self.sealed.first_key_value().filter(|(base, _)| **base < keep_from) else {
            return Ok(false);
        };
        let segment = Arc::clone(segment);
        let start = self.segment_after(segment.base).unwrap_or(self.end);
        tracing::info!(dir = %self.home.dir.display(), base = %segment.base, "removing a segment");
        self.doom(&segment, now_ms)?;
        self.sealed.remove(&segment.base);
        self.start = self.start.max(start);
        self.epochs.cut_start(self.start);
        self.write_epochs()?;
        Ok(true)
    }

    /// Renames the files of a segment, so that the next start does not take them for part of the log.
    fn doom(&mut self, segment: &Sealed, now_ms: i64) -> io::Result<()> {
        let due_ms = now_ms.saturating_add(self.config.file_delete_delay_ms);
        for kind in SEGMENT_FILES.into_iter().chain([FileKind::Snapshot]) {
            let path = kind.path(&self.home.dir, segment.base);
            let doomed = path.with_added_extension(DELETED);
            match self.home.storage.rename(&path, &doomed) {
                Ok(()) => self.doomed.push(Doomed { path: doomed, due_ms }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.home.descriptors.forget(segment.id);
        Ok(())
    }

    /// Removes the files whose delay is over.
    fn remove_doomed(&mut self, now_ms: i64) -> io::Result<()> {
        let due = self.doomed.extract_if(.., |doomed| doomed.due_ms <= now_ms);
        for doomed in due {
            self.home.storage.remove_file(&doomed.path)?;
        }
        Ok(())
    }
}
