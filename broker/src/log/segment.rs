//! A segment: a file of batches with its two indexes. The last one of a log is active, the others are sealed.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use millstream_wire::batch::BatchHeader;
use millstream_wire::ids::Offset;

use super::descriptors::{OpenSegment, SegmentId};
use super::index::{self, Index, OffsetEntry, TimeEntry};
use super::names::FileKind;
use super::scan::Headers;
use crate::storage::{Access, Storage, StoredFile};

/// A segment that no longer grows. The cleaner replaces it by another, it never changes.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) id: SegmentId,
    pub(super) base: Offset,
    /// Bytes of the log file.
    pub(super) size: u64,
    /// Learnt when first asked for: opening a log must not open every file of it.
    pub(super) largest_timestamp: OnceLock<i64>,
}

impl Sealed {
    pub(super) fn new(base: Offset, size: u64) -> Arc<Self> {
        Arc::new(Self { id: SegmentId::next(), base, size, largest_timestamp: OnceLock::new() })
    }

    /// The newest timestamp in the segment, in ms; -1 if it is empty.
    pub(super) fn largest_timestamp(&self, open: &OpenSegment) -> io::Result<i64> {
        if let Some(known) = self.largest_timestamp.get() {
            return Ok(*known);
        }
        let mut largest = open.times.last()?.map_or(-1, |entry| entry.timestamp);
        let from = open.offsets.last()?.map_or(0, |entry| u64::from(entry.position));
        let mut headers = Headers::new(Arc::clone(&open.log), from, self.size);
        while let Some((_, header)) = headers.next()? {
            largest = largest.max(header.max_timestamp);
        }
        Ok(*self.largest_timestamp.get_or_init(|| largest))
    }
}

/// The segment at the end of the log, which appends go to.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) base: Offset,
    pub(super) file: Arc<dyn StoredFile>,
    /// Bytes written.
    pub(super) size: u64,
    /// In memory until the segment is sealed or the log closed.
    pub(super) offsets: Index<OffsetEntry>,
    pub(super) times: Index<TimeEntry>,
    /// Bytes since the last index entry.
    unindexed: u64,
    /// The newest timestamp so far (-1 for none) and the last offset of the batch that has it.
    pub(super) largest_timestamp: i64,
    largest_timestamp_offset: Offset,
    /// The timestamp of the first batch: `segment.ms` counts from it.
    pub(super) first_timestamp: Option<i64>,
}

impl Active {
    /// An active segment over a file that is empty or whose batches are about to be [noted](Self::note).
    pub(super) fn new(base: Offset, file: Arc<dyn StoredFile>) -> Self {
        Self {
            base,
            file,
            size: 0,
            offsets: Index::Memory(Vec::new()),
            times: Index::Memory(Vec::new()),
            unindexed: 0,
            largest_timestamp: -1,
            largest_timestamp_offset: base,
            first_timestamp: None,
        }
    }

    pub(super) fn create(storage: &dyn Storage, dir: &Path, base: Offset) -> io::Result<Self> {
        let file = storage.open(&FileKind::Log.path(dir, base), Access::Create)?;
        Ok(Self::new(base, file))
    }

    /// Goes on with indexes that were written before, the last of whose entries points at `position`.
    pub(super) fn resume_at(
        &mut self,
        offsets: Vec<OffsetEntry>,
        times: Vec<TimeEntry>,
        position: u64,
        first_timestamp: i64,
    ) {
        if let Some(last) = times.last() {
            self.largest_timestamp = last.timestamp;
            self.largest_timestamp_offset = Offset(self.base.0 + i64::from(last.relative));
        }
        self.offsets = Index::Memory(offsets);
        self.times = Index::Memory(times);
        self.size = position;
        self.first_timestamp = Some(first_timestamp);
    }

    /// Takes note of a batch that was written at the end of the file.
    pub(super) fn note(&mut self, header: &BatchHeader, index_interval: u32) {
        if header.max_timestamp > self.largest_timestamp {
            self.largest_timestamp = header.max_timestamp;
            self.largest_timestamp_offset = header.last_offset();
        }
        self.first_timestamp.get_or_insert(header.max_timestamp);
        if self.unindexed > u64::from(index_interval) {
            self.index(header.base_offset);
        }
        let len = header.total_len() as u64;
        self.unindexed += len;
        self.size += len;
    }

    /// Whether `offset` can be told from the base in the 32 bits of an index entry.
    pub(super) fn reaches(&self, offset: Offset) -> bool {
        offset.0 - self.base.0 <= i64::from(i32::MAX)
    }

    /// The entries of the larger index, in bytes.
    pub(super) fn index_bytes(&self) -> usize {
        (self.offsets.len() * 8).max(self.times.len() * 12)
    }

    fn index(&mut self, base_offset: Offset) {
        let relative = self.relative(base_offset);
        if let Index::Memory(offsets) = &mut self.offsets {
            offsets.push(OffsetEntry { relative, position: self.size as u32 });
        }
        self.index_time();
        self.unindexed = 0;
    }

    fn index_time(&mut self) {
        let relative = self.relative(self.largest_timestamp_offset);
        let timestamp = self.largest_timestamp;
        if let Index::Memory(times) = &mut self.times
            && timestamp >= 0
            && times.last().is_none_or(|last| last.timestamp < timestamp)
        {
            times.push(TimeEntry { timestamp, relative });
        }
    }

    fn relative(&self, offset: Offset) -> u32 {
        (offset.0 - self.base.0) as u32
    }

    /// Writes the indexes to their files, the newest timestamp last. Returns the files, which are not synced.
    /// A `suffix` follows the names of files that have not taken their place yet.
    pub(super) fn write_indexes(
        &mut self,
        storage: &dyn Storage,
        dir: &Path,
        suffix: Option<&str>,
    ) -> io::Result<[Arc<dyn StoredFile>; 2]> {
        self.index_time();
        let (Index::Memory(offsets), Index::Memory(times)) = (&self.offsets, &self.times) else {
            return Err(io::Error::other("an active segment keeps its indexes in memory"));
        };
        let write = |kind: FileKind, bytes: Vec<u8>| {
            let path = kind.path(dir, self.base);
            let path = suffix.map_or(path.clone(), |suffix| path.with_added_extension(suffix));
            let file = storage.open(&path, Access::Create)?;
            file.write_all_at(&[&bytes], 0)?;
            io::Result::Ok(file)
        };
        Ok([
            write(FileKind::OffsetIndex, index::encode(offsets))?,
            write(FileKind::TimeIndex, index::encode(times))?,
        ])
    }

    /// This segment as a sealed one.
    pub(super) fn seal(&self) -> Arc<Sealed> {
        let sealed = Sealed::new(self.base, self.size);
        let _ = sealed.largest_timestamp.set(self.largest_timestamp);
        sealed
    }
}
