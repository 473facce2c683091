use std::io;
use std::path::Path;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use millstream_wire::batch::{Batch, BatchHeader, CompactOptions, compact};
use millstream_wire::ids::{Offset, ProducerId};

use super::super::incoming::MAX_DECOMPRESSED_BYTES;
use super::super::names::{CLEANED, FileKind, SEGMENT_FILES, SWAP};
use super::super::scan::{Headers, WholeBatches};
use super::super::segment::{Active, Sealed};
use super::super::{LogConfig, Partition};
use super::Plan;
use super::offset_map::OffsetMap;
use super::swap;
use crate::storage::{Access, Storage};

/// Bytes gathered before they are written.
const WRITE_CHUNK: usize = 1 << 20;

/// One pass over one log.
pub(in crate::log) struct Pass<'a> {
    partition: &'a Arc<Partition>,
    storage: Arc<dyn Storage>,
    config: Arc<LogConfig>,
    map: OffsetMap,
    /// The last offset of each producer in the segments: the batch that ends there is kept, if only empty. One that
    /// the producer wrote later does not count, a crash may take it back.
    last_offsets: HashMap<ProducerId, Offset>,
    now_ms: i64,
    /// Records of a compressed batch.
    scratch: Vec<u8>,
}

impl<'a> Pass<'a> {
    pub(in crate::log) fn new(partition: &'a Arc<Partition>, now_ms: i64) -> Self {
        Self {
            storage: Arc::clone(&partition.shared.storage),
            config: partition.config(),
            map: OffsetMap::new(0, 0),
            last_offsets: HashMap::new(),
            partition,
            now_ms,
            scratch: Vec::new(),
        }
    }

    /// Runs the pass. Returns the offset up to which the log is clean now.
    pub(in crate::log) fn run(mut self, plan: &Plan, max_map_bytes: usize) -> io::Result<Offset> {
        let end = self.learn(plan, max_map_bytes)?;
        let rewritten: Vec<_> =
            plan.segments.iter().take_while(|segment| segment.base < end).cloned().collect();
        self.find_last_batches(&rewritten)?;
        for group in groups(&rewritten, u64::from(self.config.segment_bytes)) {
            if !self.rewrite(group)? {
                // Retention was faster; the next pass goes by what is left.
                return Ok(plan.first_dirty);
            }
        }
        Ok(end)
    }

    fn log_file(&self, segment: &Sealed) -> io::Result<Arc<dyn crate::storage::StoredFile>> {
        Ok(Arc::clone(&self.partition.log.lock().open(segment)?.log))
    }

    /// Puts the keys of the dirty segments into the map, as far as it goes. Returns the offset behind the last one.
    fn learn(&mut self, plan: &Plan, max_map_bytes: usize) -> io::Result<Offset> {
        let dirty: Vec<_> =
            plan.segments.iter().filter(|segment| self.is_dirty(plan, segment)).cloned().collect();
        self.map = OffsetMap::new(self.count_records(&dirty)?, max_map_bytes);
        for segment in &dirty {
            let mut batches = WholeBatches::new(self.log_file(segment)?, 0, segment.size);
            while let Some((_, batch)) = batches.next()? {
                if batch.header.last_offset() >= plan.first_dirty
                    && !self.learn_batch(&batch, plan.first_dirty)
                {
                    return Ok(self.map.latest().map_or(plan.first_dirty, |latest| latest.plus(1)));
                }
            }
        }
        // Not behind the last record: an earlier pass may have removed what the last segment ended with.
        Ok(plan.end)
    }

    fn is_dirty(&self, plan: &Plan, segment: &Sealed) -> bool {
        let log = self.partition.log.lock();
        log.segment_after(segment.base).is_none_or(|end| end > plan.first_dirty)
    }

    fn count_records(&self, segments: &[Arc<Sealed>]) -> io::Result<usize> {
        let mut records = 0;
        for segment in segments {
            let mut headers = Headers::new(self.log_file(segment)?, 0, segment.size);
            while let Some((_, header)) = headers.next()? {
                records += usize::try_from(header.record_count).unwrap_or_default();
            }
        }
        Ok(records)
    }

    /// Finds the last batch of each producer that is still remembered.
    fn find_last_batches(&mut self, segments: &[Arc<Sealed>]) -> io::Result<()> {
        let known: HashSet<ProducerId> =
            self.partition.log.lock().producers.iter().map(|(id, _)| id).collect();
        for segment in segments {
            let mut headers = Headers::new(self.log_file(segment)?, 0, segment.size);
            while let Some((_, header)) = headers.next()? {
                if known.contains(&header.producer_id) {
                    self.last_offsets.insert(header.producer_id, header.last_offset());
                }
            }
        }
        Ok(())
    }

    /// Returns false if the map is full.
    fn learn_batch(&mut self, batch: &Batch<'_>, first_dirty: Offset) -> bool {
        // A batch whose records do not parse has no keys; it is kept as it is.
        if let Some(records) = readable(batch, &mut self.scratch) {
            for record in records.filter(|record| record.offset >= first_dirty) {
                if !record.key.is_none_or(|key| self.map.put(key, record.offset)) {
                    return false;
                }
            }
        }
        self.map.pass(batch.header.last_offset());
        true
    }

    /// Writes one segment in the place of several. Returns false if they are not there any more.
    fn rewrite(&mut self, group: &[Arc<Sealed>]) -> io::Result<bool> {
        let base = group[0].base;
        let dir = self.partition.dir.clone();
        let path = FileKind::Log.path(&dir, base).with_added_extension(CLEANED);
        let mut target = Active::new(base, self.storage.open(&path, Access::Create)?);
        let mut out = Vec::new();
        for segment in group {
            let mut batches = WholeBatches::new(self.log_file(segment)?, 0, segment.size);
            while let Some((_, batch)) = batches.next()? {
                self.keep(&batch, &mut out)?;
                if out.len() >= WRITE_CHUNK {
                    drain(&mut out, &mut target, self.config.index_interval_bytes)?;
                }
            }
        }
        drain(&mut out, &mut target, self.config.index_interval_bytes)?;
        let indexes = target.write_indexes(&*self.storage, &dir, Some(CLEANED))?;
        target.file.sync()?;
        indexes.iter().try_for_each(|file| file.sync())?;
        self.swap_in(&dir, group, &target)
    }

    /// Appends what is to be kept of a batch.
    fn keep(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        if batch.header.is_control() {
            out.extend_from_slice(batch.bytes);
            return Ok(());
        }
        let header = &batch.header;
        let expired = header.delete_horizon().is_some_and(|horizon| horizon <= self.now_ms);
        let map = &self.map;
        let is_kept = |key: Option<&[u8]>, value: Option<&[u8]>, offset: Offset| {
            let unseen = map.latest().is_none_or(|latest| offset > latest);
            unseen || key.is_some_and(|key| !map.is_superseded(key, offset)) && (value.is_some() || !expired)
        };
        let has_tombstone = header.delete_horizon().is_none()
            && readable(batch, &mut self.scratch).is_some_and(|mut records| {
                records.any(|record| record.value.is_none() && is_kept(record.key, None, record.offset))
            });
        let options = CompactOptions {
            retain_empty: self.last_offsets.get(&header.producer_id) == Some(&header.last_offset()),
            delete_horizon: has_tombstone
                .then(|| self.now_ms.saturating_add(self.config.delete_retention_ms)),
            max_decompressed: MAX_DECOMPRESSED_BYTES,
            level: None,
        };
        let kept = compact(batch, options, &mut self.scratch, out, |record| {
            is_kept(record.key, record.value, record.offset)
        });
        if kept.is_err() {
            // Its producer lied about what is in it. Consumers will see that; it is not ours to remove.
            out.extend_from_slice(batch.bytes);
        }
        Ok(())
    }

    /// Puts the new segment into the old ones' place.
    fn swap_in(&self, dir: &Path, group: &[Arc<Sealed>], target: &Active) -> io::Result<bool> {
        let _no_retention = self.partition.tidying.lock();
        if !self.partition.log.lock().holds(group) {
            return Ok(false);
        }
        for kind in SEGMENT_FILES {
            let path = kind.path(dir, target.base);
            self.storage.rename(&path.with_added_extension(CLEANED), &path.with_added_extension(SWAP))?;
        }
        self.storage.sync_dir(dir)?;
        {
            // Under the lock, one directory sync included: a read must find the files that the segments stand for.
            let log = &mut *self.partition.log.lock();
            let covered: Vec<Offset> = group[1..].iter().map(|segment| segment.base).collect();
            swap::replace(&*self.storage, dir, target.base, &covered)?;
            log.replace_segments(group, target.seal());
        }
        Ok(true)
    }
}

/// The records of a batch; `None` if one of them does not parse.
fn readable<'a>(
    batch: &Batch<'a>,
    scratch: &'a mut Vec<u8>,
) -> Option<impl Iterator<Item = millstream_wire::batch::Record<'a>>> {
    if batch.header.is_control() {
        return None;
    }
    let records = batch.records(scratch, MAX_DECOMPRESSED_BYTES).ok()?;
    records.clone().all(|record| record.is_ok()).then(|| records.filter_map(Result::ok))
}

/// Writes what was gathered and takes note of the batches.
fn drain(out: &mut Vec<u8>, target: &mut Active, interval: u32) -> io::Result<()> {
    target.file.write_all_at(&[out], target.size)?;
    let mut rest = &out[..];
    while !rest.is_empty() {
        let header = BatchHeader::parse(rest).map_err(io::Error::other)?;
        target.note(&header, interval);
        rest = &rest[header.total_len()..];
    }
    out.clear();
    Ok(())
}

/// Consecutive segments that fit into one together.
fn groups(segments: &[Arc<Sealed>], max_bytes: u64) -> Vec<&[Arc<Sealed>]> {
    let mut groups = Vec::new();
    let mut rest = segments;
    while let Some(first) = rest.first() {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|segment| {
            bytes += segment.size;
            bytes <= max_bytes && segment.base.0 - first.base.0 <= i64::from(i32::MAX / 2)
        });
        let (group, behind) = rest.split_at(fitting.count().max(1));
        groups.push(group);
        rest = behind;
    }
    groups
}
