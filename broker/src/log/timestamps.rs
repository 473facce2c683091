//! Offsets by time (ListOffsets; Kafka: `UnifiedLog.fetchOffsetByTimestamp`, `LogSegment.findOffsetByTimestamp`).

use std::io;
use std::sync::Arc;

use millstream_wire::batch::{Batch, BatchHeader};
use millstream_wire::ids::{LeaderEpoch, Offset};

use super::incoming::MAX_DECOMPRESSED_BYTES;
use super::read::FileRange;
use super::scan::Headers;
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
        loop {
            let place = {
                let log = self.log.lock();
                log.locate_time(from, timestamp).map_err(|error| self.read_failed(&error))?
            };
            let Some(place) = place else { return Ok(None) };
            let found = place.find_time(start, timestamp).map_err(|error| self.read_failed(&error))?;
            match (found, place.next_segment) {
                (Some(found), _) => return Ok(Some(found)),
                (None, Some(next)) => from = next,
                (None, None) => return Ok(None),
            }
        }
    }

    /// The first record below the high watermark that has the largest timestamp; `None` in an empty partition.
    ///
    /// # Errors
    /// As [`Partition::offset_for_timestamp`].
    pub fn max_timestamp_offset(&self) -> Result<Option<TimedOffset>, ReadError> {
        self.check_readable()?;
        let largest = {
            let log = self.log.lock();
            log.largest_timestamp().map_err(|error| self.read_failed(&error))?
        };
        match largest {
            Some(largest) => self.offset_for_timestamp(largest),
            None => Ok(None),
        }
    }
}

impl Log {
    /// Where to look for the first record of at least `timestamp`, from the segment of `from` on.
    fn locate_time(&self, from: Offset, timestamp: i64) -> io::Result<Option<Located>> {
        let limit = self.limit(ReadUpTo::HighWatermark);
        let in_active = self.active.as_ref().is_some_and(|active| from >= active.base);
        let holder = self.sealed.range(..=from).next_back().filter(|_| !in_active);
        let first = holder.map_or(from, |(base, _)| *base);
        for (_, segment) in self.sealed.range(first..).take_while(|(base, _)| **base < limit.offset) {
            let open = self.open(segment)?;
            if segment.largest_timestamp(&open)? < timestamp {
                continue;
            }
            let older = open.times.floor(|entry| entry.timestamp < timestamp)?;
            let relative = older.map_or(0, |entry| entry.relative);
            let scan_from = open.position_of(relative)?;
            let end = if limit.segment == segment.base { limit.position } else { segment.size };
            let next_segment = self.segment_after(segment.base);
            let (segment, file) = (segment.base, Arc::clone(&open.log));
            return Ok(Some(Located { segment, file, scan_from, stop: end, end, next_segment }));
        }
        let Some(active) = self.active.as_ref().filter(|active| active.largest_timestamp >= timestamp) else {
            return Ok(None);
        };
        if limit.segment != active.base {
            return Ok(None);
        }
        let older = active.times.floor(|entry| entry.timestamp < timestamp)?;
        let relative = older.map_or(0, |entry| entry.relative);
        let entry = active.offsets.floor(|entry| entry.relative <= relative)?;
        let scan_from = entry.map_or(0, |entry| u64::from(entry.position));
        let end = limit.position;
        let (segment, file) = (active.base, Arc::clone(&active.file));
        Ok(Some(Located { segment, file, scan_from, stop: end, end, next_segment: None }))
    }

    /// The largest timestamp below the high watermark.
    fn largest_timestamp(&self) -> io::Result<Option<i64>> {
        let limit = self.limit(ReadUpTo::HighWatermark);
        let mut largest = None;
        for (base, segment) in self.sealed.range(..limit.offset) {
            let known = if limit.segment == *base {
                let open = self.open(segment)?;
                walk_largest(Headers::new(Arc::clone(&open.log), 0, limit.position))?
            } else {
                Some(segment.largest_timestamp(&*self.open(segment)?)?).filter(|_| segment.size > 0)
            };
            largest = largest.max(known);
        }
        let Some(active) = self.active.as_ref().filter(|active| active.base == limit.segment) else {
            return Ok(largest);
        };
        let known = if limit.position == active.size {
            Some(active.largest_timestamp).filter(|_| active.size > 0)
        } else {
            // Some of it is not synced yet and may hold the newest record.
            walk_largest(Headers::new(Arc::clone(&active.file), 0, limit.position))?
        };
        Ok(largest.max(known))
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
