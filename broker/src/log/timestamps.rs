//! Offsets by time (ListOffsets; Kafka: `UnifiedLog.fetchOffsetByTimestamp`, `LogSegment.findOffsetByTimestamp`).

use std::io;
use std::sync::Arc;

use millstream_wire::batch::{Batch, BatchHeader};
use millstream_wire::ids::{LeaderEpoch, Offset};

use super::descriptors::OpenSegment;
use super::incoming::MAX_DECOMPRESSED_BYTES;
use super::read::FileRange;
use super::scan::Headers;
use super::segment::Sealed;
use super::state::{Located, Log};
use super::{Partition, ReadError, ReadUpTo};

/// A record found by its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedOffset {
    /// Where it is.
    pub offset: Offset,
    /// Its timestamp in ms since 1970.
    pub timestamp: i64,
    /// The epoch it was appended in.
    pub leader_epoch: LeaderEpoch,
}

impl Partition {
    /// The first record below the high watermark whose timestamp is at least `timestamp` (ms); `None` if all are
    /// older. Reads one batch, decompressing it if need be.
    ///
    /// # Errors
    /// When the partition is offline, deleted, or cannot be read.
    pub fn offset_for_timestamp(&self, timestamp: i64) -> Result<Option<TimedOffset>, ReadError> {
        self.check_readable()?;
        let start = self.log_start_offset();
        let mut from = start;
        while let Some(holder) = self.time_holder(from, timestamp)? {
            let next = holder.next_segment();
            if let Some(found) = holder.find(start, timestamp).map_err(|error| self.read_failed(&error))? {
                return Ok(Some(found));
            }
            let Some(next) = next else { break };
            from = next;
        }
        Ok(None)
    }

    /// The first record below the high watermark that has the largest timestamp; `None` in an empty partition.
    ///
    /// # Errors
    /// As [`Partition::offset_for_timestamp`].
    pub fn max_timestamp_offset(&self) -> Result<Option<TimedOffset>, ReadError> {
        self.check_readable()?;
        let (mut largest, mut from) = (None, self.log_start_offset());
        while let Some(holder) = self.time_holder(from, i64::MIN)? {
            largest = largest.max(holder.largest().map_err(|error| self.read_failed(&error))?);
            let Some(next) = holder.next_segment() else { break };
            from = next;
        }
        match largest {
            Some(largest) => self.offset_for_timestamp(largest),
            None => Ok(None),
        }
    }

    fn time_holder(&self, from: Offset, timestamp: i64) -> Result<Option<TimeHolder>, ReadError> {
        self.log.lock().time_holder(from, timestamp).map_err(|error| self.read_failed(&error))
    }
}

/// A segment that may hold a time. It is found under the log's lock and searched without, for it may be on the disk.
enum TimeHolder {
    Active {
        located: Located,
        /// The newest timestamp, where all of the segment is readable.
        largest: Option<i64>,
    },
    Sealed {
        segment: Arc<Sealed>,
        open: Arc<OpenSegment>,
        /// Where the readable part of it ends.
        end: u64,
        next_segment: Option<Offset>,
    },
}

impl Log {
    /// The first segment, from that of `from` on, that is not known to be older than `timestamp`.
    fn time_holder(&self, from: Offset, timestamp: i64) -> io::Result<Option<TimeHolder>> {
        let limit = self.limit(ReadUpTo::HighWatermark);
        let in_active = self.active.as_ref().is_some_and(|active| from >= active.base);
        let holder = self.sealed.range(..=from).next_back().filter(|_| !in_active);
        let first = holder.map_or(from, |(base, _)| *base);
        let known_older =
            |segment: &Sealed| segment.largest_timestamp.get().is_some_and(|largest| *largest < timestamp);
        let mut readable = self.sealed.range(first..).take_while(|(base, _)| **base < limit.offset);
        if let Some((_, segment)) = readable.find(|(_, segment)| !known_older(segment)) {
            return Ok(Some(TimeHolder::Sealed {
                segment: Arc::clone(segment),
                open: self.open(segment)?,
                end: if limit.segment == segment.base { limit.position } else { segment.size },
                next_segment: self.segment_after(segment.base),
            }));
        }
        let active = self.active.as_ref().filter(|active| active.base == limit.segment);
        let Some(active) = active.filter(|active| active.largest_timestamp >= timestamp) else {
            return Ok(None);
        };
        let older = active.times.floor(|entry| entry.timestamp < timestamp)?;
        let relative = older.map_or(0, |entry| entry.relative);
        let entry = active.offsets.floor(|entry| entry.relative <= relative)?;
        let scan_from = entry.map_or(0, |entry| u64::from(entry.position));
        let end = limit.position;
        let (segment, file) = (active.base, Arc::clone(&active.file));
        let whole = end == active.size && active.size > 0;
        Ok(Some(TimeHolder::Active {
            located: Located { segment, file, scan_from, stop: end, end, next_segment: None },
            largest: whole.then_some(active.largest_timestamp),
        }))
    }
}

impl TimeHolder {
    fn next_segment(&self) -> Option<Offset> {
        match self {
            Self::Active { .. } => None,
            Self::Sealed { next_segment, .. } => *next_segment,
        }
    }

    /// The first record here that is not below `start` and has at least `timestamp`.
    fn find(self, start: Offset, timestamp: i64) -> io::Result<Option<TimedOffset>> {
        let located = match self {
            Self::Active { located, .. } => located,
            Self::Sealed { segment, open, .. } if segment.largest_timestamp(&open)? < timestamp => {
                return Ok(None);
            }
            Self::Sealed { segment, open, end, next_segment } => {
                let older = open.times.floor(|entry| entry.timestamp < timestamp)?;
                let scan_from = open.position_of(older.map_or(0, |entry| entry.relative))?;
                let (segment, file) = (segment.base, Arc::clone(&open.log));
                Located { segment, file, scan_from, stop: end, end, next_segment }
            }
        };
        located.find_time(start, timestamp)
    }

    /// The newest timestamp of what is readable here.
    fn largest(&self) -> io::Result<Option<i64>> {
        match self {
            Self::Active { largest: Some(largest), .. } => Ok(Some(*largest)),
            // Some of it is not synced yet and may hold the newest record.
            Self::Active { located, .. } => {
                walk_largest(Headers::new(Arc::clone(&located.file), 0, located.end))
            }
            Self::Sealed { segment, open, end, .. } if *end < segment.size => {
                walk_largest(Headers::new(Arc::clone(&open.log), 0, *end))
            }
            Self::Sealed { segment, open, .. } => {
                Ok(Some(segment.largest_timestamp(open)?).filter(|_| segment.size > 0))
            }
        }
    }
}

fn walk_largest(mut headers: Headers) -> io::Result<Option<i64>> {
    let mut largest = None;
    while let Some((_, header)) = headers.next()? {
        largest = largest.max(Some(header.max_timestamp));
    }
    Ok(largest)
}

impl Located {
    /// The first record here that is not below `start` and has at least `timestamp`.
    fn find_time(&self, start: Offset, timestamp: i64) -> io::Result<Option<TimedOffset>> {
        let mut headers = Headers::new(Arc::clone(&self.file), self.scan_from, self.end);
        while let Some((position, header)) = headers.next()? {
            if header.max_timestamp < timestamp || header.last_offset() < start {
                continue;
            }
            let range = FileRange { file: Arc::clone(&self.file), position, len: header.total_len() };
            let mut bytes = Vec::new();
            range.read(&mut bytes)?;
            if let Some(found) = find_in(&Batch { header, bytes: &bytes }, start, timestamp) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

fn find_in(batch: &Batch<'_>, start: Offset, timestamp: i64) -> Option<TimedOffset> {
    let leader_epoch = batch.header.leader_epoch;
    let mut scratch = Vec::new();
    let Ok(records) = batch.records(&mut scratch, MAX_DECOMPRESSED_BYTES) else {
        return Some(at_header(&batch.header, start));
    };
    for record in records {
        match record {
            Ok(record) if record.offset >= start && record.timestamp >= timestamp => {
                return Some(TimedOffset {
                    offset: record.offset,
                    timestamp: record.timestamp,
                    leader_epoch,
                });
            }
            Ok(_) => {}
            Err(_) => return Some(at_header(&batch.header, start)),
        }
    }
    None
}

/// A batch whose records do not parse is found as a whole: its consumer sees what is wrong with it.
fn at_header(header: &BatchHeader, start: Offset) -> TimedOffset {
    let (offset, timestamp) = (header.base_offset.max(start), header.max_timestamp);
    TimedOffset { offset, timestamp, leader_epoch: header.leader_epoch }
}
