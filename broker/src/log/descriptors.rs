use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashMap;
use millstream_wire::ids::Offset;
use parking_lot::Mutex;

use super::index::{Index, OffsetEntry, TimeEntry};
use super::names::FileKind;
use crate::storage::{Access, Storage, StoredFile};

/// Sealed segments whose files are kept open, all partitions together; each takes three descriptors.
pub(super) const MAX_OPEN_SEALED_SEGMENTS: usize = 256;

/// Identifies a sealed segment for as long as the process lives. A segment that the cleaner rewrote is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct SegmentId(u64);

impl SegmentId {
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The files of a sealed segment. A file that was deleted lives as long as someone holds this.
#[derive(Debug)]
pub(super) struct OpenSegment {
    pub(super) log: Arc<dyn StoredFile>,
    pub(super) offsets: Index<OffsetEntry>,
    pub(super) times: Index<TimeEntry>,
}

impl OpenSegment {
    pub(super) fn open(storage: &dyn Storage, dir: &Path, base: Offset) -> io::Result<Self> {
        let open = |kind: FileKind| storage.open(&kind.path(dir, base), Access::Read);
        Ok(Self {
            log: open(FileKind::Log)?,
            offsets: Index::in_file(open(FileKind::OffsetIndex)?)?,
            times: Index::in_file(open(FileKind::TimeIndex)?)?,
        })
    }

    /// Whether the index files consist of whole entries.
    pub(super) fn is_whole(&self) -> io::Result<bool> {
        Ok(self.offsets.is_whole()? && self.times.is_whole()?)
    }

    /// Where a batch begins that lies at or before `base + relative`.
    pub(super) fn position_of(&self, relative: u32) -> io::Result<u64> {
        let entry = self.offsets.floor(|entry| entry.relative <= relative)?;
        Ok(entry.map_or(0, |entry| u64::from(entry.position)))
    }
}

/// The open files of sealed segments, least recently used ones closed first. Shared by all partitions.
#[derive(Debug, Default)]
pub(super) struct Descriptors {
    cache: Mutex<Cache>,
}

#[derive(Debug, Default)]
struct Cache {
    open: HashMap<SegmentId, (Arc<OpenSegment>, u64)>,
    /// Counts uses, so that the order of last uses is known.
    clock: u64,
}

impl Descriptors {
    /// The open files of `id`, opened by `open` if they are not. The caller holds the lock of their log, so that nobody
    /// else opens or forgets them meanwhile; other partitions' files are to be had while a disk is slow to open these.
    pub(super) fn get(
        &self,
        id: SegmentId,
        open: impl FnOnce() -> io::Result<OpenSegment>,
    ) -> io::Result<Arc<OpenSegment>> {
        if let Some(segment) = self.cache.lock().find(id) {
            return Ok(segment);
        }
        let segment = Arc::new(open()?);
        self.cache.lock().insert(id, Arc::clone(&segment));
        Ok(segment)
    }

    /// Closes the files of a segment that is gone.
    pub(super) fn forget(&self, id: SegmentId) {
        self.cache.lock().open.remove(&id);
    }
}

impl Cache {
    fn find(&mut self, id: SegmentId) -> Option<Arc<OpenSegment>> {
        self.clock += 1;
        let (segment, used) = self.open.get_mut(&id)?;
        *used = self.clock;
        Some(Arc::clone(segment))
    }

    fn insert(&mut self, id: SegmentId, segment: Arc<OpenSegment>) {
        if self.open.len() >= MAX_OPEN_SEALED_SEGMENTS {
            self.close_least_recent();
        }
        self.open.insert(id, (segment, self.clock));
    }

    fn close_least_recent(&mut self) {
        if let Some(id) = self.open.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id) {
            self.open.remove(&id);
        }
    }
}
