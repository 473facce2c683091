//! One partition's log as a state machine: no lock, no thread, no clock. [`super::Partition`] drives it, and the
//! simulation drives both over a storage that forgets.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;

use millstream_wire::batch::{BATCH_PREFIX_LEN, BatchHeader, patch_prefix};
use millstream_wire::ids::{LeaderEpoch, Offset};
use smallvec::SmallVec;
use uuid::Uuid;

use super::descriptors::{Descriptors, OpenSegment};
use super::epochs::Epochs;
use super::incoming::{Incoming, producer_stamp};
use super::index::{Index, OffsetEntry};
use super::producers::{Producers, Verdict};
use super::read::ReadUpTo;
use super::retention::Doomed;
use super::segment::{Active, Sealed};
use super::unsynced::Unsynced;
use super::{AppendError, Durability, LogConfig, reindex};
use crate::storage::{Reach, Storage, StoredFile};

/// An offset and where its batch begins: what bounds a read without a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogPosition {
    pub(super) offset: Offset,
    /// Base of the segment.
    pub(super) segment: Offset,
    /// Bytes into the segment's file.
    pub(super) position: u64,
}

impl LogPosition {
    pub(super) fn start_of(segment: Offset) -> Self {
        Self { offset: segment, segment, position: 0 }
    }
}

/// What an append did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record; of the first append where this one is a duplicate.
    pub base_offset: Offset,
    /// Offset of the last record: what `acks=all` [waits for](super::Partition::wait_for).
    pub last_offset: Offset,
    /// The time that the broker gave the batch, in ms; -1 where the topic keeps its producers' times.
    pub log_append_time: i64,
    /// The log start offset at the time of the append.
    pub log_start_offset: Offset,
    /// Whether the producer sent this batch before: nothing was written.
    pub duplicate: bool,
}

/// Why an append did not happen.
#[derive(Debug)]
pub(super) enum AppendFailure {
    /// The batch is not taken; the log is as it was.
    Refused(AppendError),
    /// The storage failed; what the files hold behind the log end is not known.
    Broken(io::Error),
}

impl From<io::Error> for AppendFailure {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

/// Where the pieces of a log come from.
#[derive(Clone, Debug)]
pub(super) struct LogHome {
    pub(super) dir: PathBuf,
    pub(super) topic_id: Uuid,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) descriptors: Arc<Descriptors>,
}

/// The log of one partition.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) home: LogHome,
    pub(super) config: Arc<LogConfig>,
    /// Stamped on every batch appended in this life of the broker.
    pub(super) epoch: LeaderEpoch,
    /// Segments that no longer grow, by base offset.
    pub(super) sealed: BTreeMap<Offset, Arc<Sealed>>,
    /// The segment that grows. `None` until the first append: an empty partition has no files.
    pub(super) active: Option<Active>,
    /// The first offset that may be read. Retention and DeleteRecords move it up.
    pub(super) start: Offset,
    /// The offset that the next record gets.
    pub(super) end: Offset,
    /// Everything below survives a power cut.
    pub(super) durable: LogPosition,
    /// Everything below may be read by consumers. Equals `durable` in `sync`, the log end in `page`.
    pub(super) high_watermark: LogPosition,
    pub(super) producers: Producers,
    pub(super) epochs: Epochs,
    pub(super) unsynced: Unsynced,
    /// Files of removed segments that wait for `file.delete.delay.ms`.
    pub(super) doomed: Vec<Doomed>,
}

/// A stretch of one segment's file in which an offset is to be found.
#[derive(Debug)]
pub(super) struct Located {
    /// Base of the segment.
    pub(super) segment: Offset,
    pub(super) file: Arc<dyn StoredFile>,
    /// A batch begins here, at or before the offset.
    pub(super) scan_from: u64,
    /// A batch begins or ends here: as far as the read may go by `max_bytes`, going by the index.
    pub(super) stop: u64,
    /// Where the readable part of the segment ends.
    pub(super) end: u64,
    /// The next segment's base, for offsets that compaction removed from the end of this one.
    pub(super) next_segment: Option<Offset>,
}

/// The segment that holds an offset.
pub(super) enum Holder {
    /// The active one. Its index is in memory and grows, so it was asked under the lock.
    Active(Located),
    /// Its index may be on the disk, so it is asked without the lock.
    Sealed {
        base: Offset,
        /// The offset, counted from the base.
        relative: u32,
        open: Arc<OpenSegment>,
        /// See [`Located`].
        end: u64,
        next_segment: Option<Offset>,
    },
}

impl Log {
    /// A log without files that starts at offset 0.
    pub(super) fn empty(home: LogHome, config: Arc<LogConfig>, epoch: LeaderEpoch) -> Self {
        let origin = LogPosition::start_of(Offset(0));
        Self {
            home,
            config,
            epoch,
            sealed: BTreeMap::new(),
            active: None,
            start: Offset(0),
            end: Offset(0),
            durable: origin,
            high_watermark: origin,
            producers: Producers::default(),
            epochs: Epochs::default(),
            unsynced: Unsynced::default(),
            doomed: Vec::new(),
        }
    }

    /// Appends checked batches: all of them or none.
    pub(super) fn append(&mut self, batches: &[Incoming], now_ms: i64) -> Result<Appended, AppendFailure> {
        let log_append_time = match self.config.timestamp_type {
            super::TimestampType::LogAppendTime => now_ms,
            super::TimestampType::CreateTime => -1,
        };
        if let Some(duplicate) = self.check_producers(batches).map_err(AppendFailure::Refused)? {
            return Ok(Appended { log_append_time, log_start_offset: self.start, ..duplicate });
        }
        let bytes = batches.iter().map(|batch| batch.bytes.len() as u64).sum();
        let records: i64 = batches.iter().map(|batch| i64::from(batch.header.last_offset_delta) + 1).sum();
        self.make_room(bytes, records, batches[0].header.max_timestamp, now_ms)?;
        let base_offset = self.end;
        self.write(batches)?;
        self.unsynced.active = true;
        self.unsynced.records += records;
        self.unsynced.since.get_or_insert(now_ms);
        if self.config.durability == Durability::Page {
            self.high_watermark = self.end_position();
        }
        let last_offset = Offset(self.end.0 - 1);
        Ok(Appended {
            base_offset,
            last_offset,
            log_append_time,
            log_start_offset: self.start,
            duplicate: false,
        })
    }

    fn check_producers(&self, batches: &[Incoming]) -> Result<Option<Appended>, AppendError> {
        for batch in batches {
            let Some(stamp) = producer_stamp(&batch.header) else { continue };
            if let Verdict::Duplicate(known) = self.producers.check(&stamp)? {
                return Ok(Some(Appended {
                    base_offset: known.first_offset(),
                    last_offset: known.last_offset,
                    log_append_time: -1,
                    log_start_offset: self.start,
                    duplicate: true,
                }));
            }
        }
        Ok(None)
    }

    /// Writes batches at the log end in one call and takes note of them.
    fn write(&mut self, batches: &[Incoming]) -> io::Result<()> {
        let Some(active) = &mut self.active else { return Err(io::Error::other("no segment was made")) };
        let mut headers: SmallVec<[BatchHeader; 1]> = SmallVec::new();
        let mut prefixes: SmallVec<[[u8; BATCH_PREFIX_LEN]; 1]> = SmallVec::new();
        let mut next = self.end;
        for batch in batches {
            let mut prefix = [0; BATCH_PREFIX_LEN];
            prefix.copy_from_slice(&batch.bytes[..BATCH_PREFIX_LEN]);
            patch_prefix(&mut prefix, next, self.epoch);
            prefixes.push(prefix);
            let header = BatchHeader { base_offset: next, leader_epoch: self.epoch, ..batch.header };
            next = header.next_offset();
            headers.push(header);
        }
        let mut parts: SmallVec<[&[u8]; 2]> = SmallVec::new();
        for (prefix, batch) in prefixes.iter().zip(batches) {
            parts.push(prefix);
            parts.push(&batch.bytes[BATCH_PREFIX_LEN..]);
        }
        active.file.write_all_at(&parts, active.size)?;
        for header in &headers {
            active.note(header, self.config.index_interval_bytes);
            if let Some(stamp) = producer_stamp(header) {
                self.producers.record(&stamp, header.last_offset());
            }
        }
        self.end = next;
        if self.epochs.assign(self.epoch, headers[0].base_offset) {
            self.write_epochs()?;
        }
        Ok(())
    }

    /// The end of the log as a position.
    pub(super) fn end_position(&self) -> LogPosition {
        match &self.active {
            Some(active) => LogPosition { offset: self.end, segment: active.base, position: active.size },
            None => LogPosition::start_of(self.end),
        }
    }

    /// Which segment to search for `from`; `None` at the limit.
    pub(super) fn holder(
        &self,
        from: Offset,
        up_to: ReadUpTo,
        max_bytes: usize,
        reach: Reach,
    ) -> io::Result<Option<Holder>> {
        let limit = self.limit(up_to);
        if from >= limit.offset {
            return Ok(None);
        }
        if let Some(active) = self.active.as_ref().filter(|active| from >= active.base) {
            let relative = (from.0 - active.base.0) as u32;
            let end = if limit.segment == active.base { limit.position } else { active.size };
            let (scan_from, stop) = bounds(&active.offsets, relative, max_bytes, end, reach)?;
            let (segment, file) = (active.base, Arc::clone(&active.file));
            return Ok(Some(Holder::Active(Located {
                segment,
                file,
                scan_from,
                stop,
                end,
                next_segment: None,
            })));
        }
        let Some((_, segment)) = self.sealed.range(..=from).next_back() else { return Ok(None) };
        let open = match reach {
            Reach::Cache => {
                self.home.descriptors.get(segment.id, || Err(io::ErrorKind::WouldBlock.into()))?
            }
            Reach::Disk => self.open(segment)?,
        };
        Ok(Some(Holder::Sealed {
            base: segment.base,
            relative: (from.0 - segment.base.0) as u32,
            open,
            end: if limit.segment == segment.base { limit.position } else { segment.size },
            next_segment: self.segment_after(segment.base),
        }))
    }

    pub(super) fn limit(&self, up_to: ReadUpTo) -> LogPosition {
        match up_to {
            ReadUpTo::HighWatermark => self.high_watermark,
            ReadUpTo::LogEnd => self.end_position(),
        }
    }

    /// The base of the segment behind the one that begins at `base`.
    pub(super) fn segment_after(&self, base: Offset) -> Option<Offset> {
        let sealed =
            self.sealed.range((Bound::Excluded(base), Bound::Unbounded)).next().map(|(next, _)| *next);
        sealed.or_else(|| self.active.as_ref().map(|active| active.base).filter(|active| *active > base))
    }

    /// The files of a sealed segment.
    pub(super) fn open(&self, segment: &Sealed) -> io::Result<Arc<OpenSegment>> {
        let LogHome { dir, storage, descriptors, .. } = &self.home;
        let interval = self.config.index_interval_bytes;
        descriptors.get(segment.id, || reindex::open_checked(&**storage, dir, segment, interval))
    }

    /// Whether these very segments are still part of the log.
    pub(super) fn holds(&self, segments: &[Arc<Sealed>]) -> bool {
        segments
            .iter()
            .all(|segment| self.sealed.get(&segment.base).is_some_and(|held| held.id == segment.id))
    }

    /// Puts a rewritten segment into the place of others.
    pub(super) fn replace_segments(&mut self, old: &[Arc<Sealed>], new: Arc<Sealed>) {
        for segment in old {
            self.sealed.remove(&segment.base);
            self.home.descriptors.forget(segment.id);
        }
        self.sealed.insert(new.base, new);
        self.durable = self.settled(self.durable);
        self.high_watermark = self.settled(self.high_watermark);
    }

    /// The same offset as a position that cleaning cannot move: the end of a sealed segment is the start of the next.
    pub(super) fn settled(&self, position: LogPosition) -> LogPosition {
        let next = self.segment_after(position.segment);
        next.filter(|next| *next <= position.offset)
            .map_or(position, |next| LogPosition { offset: position.offset, ..LogPosition::start_of(next) })
    }

    /// Forgets the records below `offset`; segments that hold nothing else are removed by retention.
    pub(super) fn raise_start(&mut self, offset: Offset) -> bool {
        let raised = offset > self.start && offset <= self.high_watermark.offset;
        if raised {
            self.start = offset;
            self.epochs.cut_start(offset);
        }
        raised
    }
}

impl Holder {
    /// Asks the index.
    pub(super) fn locate(self, max_bytes: usize, reach: Reach) -> io::Result<Located> {
        match self {
            Self::Active(located) => Ok(located),
            Self::Sealed { base, relative, open, end, next_segment } => {
                let (scan_from, stop) = bounds(&open.offsets, relative, max_bytes, end, reach)?;
                let file = Arc::clone(&open.log);
                Ok(Located { segment: base, file, scan_from, stop, end, next_segment })
            }
        }
    }
}

/// The last batch boundaries that an index knows: at or before an offset, and within `max_bytes` from there.
fn bounds(
    offsets: &Index<OffsetEntry>,
    relative: u32,
    max_bytes: usize,
    end: u64,
    reach: Reach,
) -> io::Result<(u64, u64)> {
    let entry = offsets.floor_within(reach, |entry| entry.relative <= relative)?;
    let scan_from = entry.map_or(0, |entry| u64::from(entry.position));
    let furthest = scan_from.saturating_add(max_bytes as u64);
    if furthest >= end {
        return Ok((scan_from, end));
    }
    let entry = offsets.floor_within(reach, |entry| u64::from(entry.position) <= furthest)?;
    Ok((scan_from, entry.map_or(scan_from, |entry| u64::from(entry.position)).max(scan_from)))
}
