//! Opening a log that was written in an earlier life of the broker (Kafka: `LogLoader`).

use std::io;
use std::path::Path;
use std::sync::Arc;

use millstream_wire::batch::{BATCH_HEADER_LEN, BatchHeader};
use millstream_wire::ids::{LeaderEpoch, Offset};

use super::epochs::Epochs;
use super::incoming::producer_stamp;
use super::index::{self, OffsetEntry, TimeEntry};
use super::names::{CLEANED, DELETED, EPOCHS_FILE, FileKind, SEGMENT_FILES};
use super::scan::{Headers, WholeBatches};
use super::segment::{Active, Sealed};
use super::state::{Log, LogHome};
use super::{Durability, LogConfig, snapshot};
use crate::storage::{Access, Storage, StoredFile};

/// Bytes of the longest small file (epochs) that is read.
const MAX_SMALL_FILE: usize = 1 << 20;

/// What is known of a log before its files are looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    /// Whether the last life closed its logs.
    pub(super) clean: bool,
    /// Everything below was synced: it is not scanned and never cut.
    pub(super) recovery_point: Offset,
    /// Whether offsets may be missing above the recovery point too, because nobody knows any more where it was.
    pub(super) gaps: bool,
    /// Where the log starts, if DeleteRecords moved that.
    pub(super) start: Offset,
    /// The epoch of this life of the broker.
    pub(super) epoch: LeaderEpoch,
}

/// Why a log cannot be opened.
#[derive(Debug)]
pub(super) enum Unrecoverable {
    /// The storage failed.
    Io(io::Error),
    /// Batches that were acknowledged may lie behind a bad one, which begins at this offset.
    BadBatch { offset: Offset, reason: String },
    /// The files end before what was synced.
    Short { end: Offset, recovery_point: Offset },
}

impl From<io::Error> for Unrecoverable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Opens the log in `home.dir`, which exists.
pub(super) fn load(home: LogHome, config: Arc<LogConfig>, past: Past) -> Result<Log, Unrecoverable> {
    let mut log = Log::empty(home, config, past.epoch);
    let bases = log.tidy_directory()?;
    log.load_segments(&bases, past)?;
    log.start = past.start.max(bases.first().copied().unwrap_or_default()).min(log.end);
    log.load_epochs(past)?;
    log.load_producers()?;
    log.remove_stray_snapshots(&bases)?;
    if log.end < past.recovery_point {
        log.end_short(past)?;
    }
    if !past.clean && !bases.is_empty() {
        log.write_snapshot()?;
        log.write_epochs()?;
        log.sync_all()?;
    }
    log.epoch = log.epochs.latest().map_or(past.epoch, |latest| latest.max(past.epoch));
    log.durable = log.end_position();
    log.high_watermark = log.durable;
    Ok(log)
}

impl Log {
    /// Removes what an interrupted deletion or compaction left, and lists the segments that remain.
    fn tidy_directory(&self) -> io::Result<Vec<Offset>> {
        let LogHome { dir, storage, .. } = &self.home;
        super::cleaner::finish_swaps(&**storage, dir)?;
        let mut bases = Vec::new();
        for entry in storage.list(dir)? {
            let leftover =
                [DELETED, CLEANED, "tmp"].iter().any(|suffix| entry.name.ends_with(&format!(".{suffix}")));
            if leftover {
                storage.remove_file(&dir.join(&entry.name))?;
            } else if let Some((FileKind::Log, base)) = FileKind::of_name(&entry.name) {
                bases.push(base);
            }
        }
        bases.sort_unstable();
        Ok(bases)
    }

    /// Opens the segments: trusts what lies below the recovery point, scans the rest and cuts at the first bad batch.
    fn load_segments(&mut self, bases: &[Offset], past: Past) -> Result<(), Unrecoverable> {
        let mut intact = bases.len();
        for (at, &base) in bases.iter().enumerate() {
            let next_base = bases.get(at + 1).copied();
            let trusted = past.clean || next_base.is_some_and(|next| next <= past.recovery_point);
            let active = match (trusted, next_base) {
                (true, Some(_)) => {
                    let size = self.open_log(base)?.len()?;
                    self.sealed.insert(base, Sealed::new(base, size));
                    continue;
                }
                (true, None) => self.resume(base)?,
                (false, _) => {
                    let (active, complete) = self.scan(base, next_base, past)?;
                    intact = if complete { intact } else { at + 1 };
                    active
                }
            };
            self.end = self.end_of(&active)?;
            if next_base.is_some() && intact > at + 1 {
                self.seal_scanned(active)?;
            } else {
                self.active = Some(active);
                break;
            }
        }
        for &base in &bases[intact..] {
            remove_segment_files(&*self.home.storage, &self.home.dir, base)?;
        }
        Ok(())
    }

    /// Removes the snapshots of records that a crash took back, for the offsets up to them will be given to others,
    /// and those that belong to no segment.
    fn remove_stray_snapshots(&self, bases: &[Offset]) -> io::Result<()> {
        let LogHome { dir, storage, .. } = &self.home;
        for (kind, offset) in storage.list(dir)?.iter().filter_map(|entry| FileKind::of_name(&entry.name)) {
            if kind == FileKind::Snapshot
                && (offset > self.end || offset < self.end && bases.binary_search(&offset).is_err())
            {
                storage.remove_file(&kind.path(dir, offset))?;
            }
        }
        Ok(())
    }

    fn open_log(&self, base: Offset) -> io::Result<Arc<dyn StoredFile>> {
        self.home.storage.open(&FileKind::Log.path(&self.home.dir, base), Access::Write)
    }

    /// The active segment of a log that was closed: its indexes are on disk, only their tail is walked.
    fn resume(&self, base: Offset) -> io::Result<Active> {
        let file = self.open_log(base)?;
        let size = file.len()?;
        let read = |kind: FileKind| {
            let limit = self.config.segment_index_bytes as usize * 2;
            self.home.storage.read_small(&kind.path(&self.home.dir, base), limit).unwrap_or_default()
        };
        let offsets: Vec<OffsetEntry> = index::decode(&read(FileKind::OffsetIndex));
        let times: Vec<TimeEntry> = index::decode(&read(FileKind::TimeIndex));
        let mut active = Active::new(base, Arc::clone(&file));
        let mut headers = Headers::new(Arc::clone(&file), 0, size);
        if let Some((position, _)) = active.restore(offsets, times, &file, size)? {
            headers = Headers::new(file, position, size);
        }
        while let Some((_, header)) = headers.next()? {
            active.note(&header, self.config.index_interval_bytes);
        }
        Ok(active)
    }

    /// Reads a whole segment, its CRCs too. Returns it up to the first bad batch, and whether that was its end.
    fn scan(
        &self,
        base: Offset,
        next_base: Option<Offset>,
        past: Past,
    ) -> Result<(Active, bool), Unrecoverable> {
        let file = self.open_log(base)?;
        let size = file.len()?;
        let mut active = Active::new(base, Arc::clone(&file));
        let mut next = base;
        let mut batches = WholeBatches::new(Arc::clone(&file), 0, size);
        let bad = loop {
            match batches.next() {
                Ok(Some((_, batch))) if batch.header.base_offset >= next => {
                    next = batch.header.next_offset();
                    active.note(&batch.header, self.config.index_interval_bytes);
                }
                Ok(Some((position, batch))) => {
                    break format!("at {position}: offset {} after {next}", batch.header.base_offset);
                }
                Ok(None) if past.gaps || next_base.is_none_or(|base| base == next) => {
                    return Ok((active, true));
                }
                Ok(None) => break format!("the segment ends at offset {next}, before the next one begins"),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => break error.to_string(),
                Err(error) => return Err(error.into()),
            }
        };
        let synced = self.config.durability == Durability::Sync;
        if synced && (next_base.is_some() || valid_batch_behind(&file, active.size, size, next)?) {
            return Err(Unrecoverable::BadBatch { offset: next, reason: bad });
        }
        if next < past.recovery_point && synced {
            return Err(Unrecoverable::Short { end: next, recovery_point: past.recovery_point });
        }
        tracing::warn!(dir = %self.home.dir.display(), offset = %next, reason = bad, "log cut at the first bad batch");
        file.set_len(active.size)?;
        Ok((active, false))
    }

    fn end_of(&self, active: &Active) -> io::Result<Offset> {
        let entry = active.offsets.last()?;
        let mut end = active.base;
        let from = entry.map_or(0, |entry| u64::from(entry.position));
        let mut headers = Headers::new(Arc::clone(&active.file), from, active.size);
        while let Some((_, header)) = headers.next()? {
            end = header.next_offset();
        }
        Ok(end)
    }

    /// A scanned segment that is not the last one gets its indexes anew.
    fn seal_scanned(&mut self, mut active: Active) -> io::Result<()> {
        let indexes = active.write_indexes(&*self.home.storage, &self.home.dir, None)?;
        active.file.sync()?;
        indexes.iter().try_for_each(|file| file.sync())?;
        self.sealed.insert(active.base, active.seal());
        Ok(())
    }

    /// The files end before what was synced: something took them away. `page` goes on where no offset is used twice.
    fn end_short(&mut self, past: Past) -> Result<(), Unrecoverable> {
        let (end, recovery_point) = (self.end, past.recovery_point);
        if self.config.durability == Durability::Sync {
            return Err(Unrecoverable::Short { end, recovery_point });
        }
        tracing::error!(dir = %self.home.dir.display(), %end, %recovery_point, "synced records are missing");
        self.end = recovery_point;
        if self.active.is_some() {
            self.roll()?;
        } else {
            self.active = Some(Active::create(&*self.home.storage, &self.home.dir, self.end)?);
        }
        Ok(())
    }

    /// What a process wrote before it died may still be in the page cache only. It is about to be promised to stay.
    /// The directory's own name is durable since the epoch of this life was written beside it.
    fn sync_all(&mut self) -> io::Result<()> {
        if let Some(active) = &self.active {
            active.file.sync()?;
        }
        match self.begin_flush() {
            Some(job) => job.run(&*self.home.storage),
            None => Ok(()),
        }
    }

    /// Reads the checkpoint, cut to the log; batches that it does not cover are asked for theirs.
    fn load_epochs(&mut self, past: Past) -> io::Result<()> {
        let path = self.home.dir.join(EPOCHS_FILE);
        let text = self.home.storage.read_small(&path, MAX_SMALL_FILE).unwrap_or_default();
        let known = std::str::from_utf8(&text).ok().and_then(Epochs::from_text);
        let from = match &known {
            Some(_) if past.clean => self.end,
            Some(_) => past.recovery_point.min(self.end),
            None => self.start,
        };
        let mut epochs = known.unwrap_or_default();
        epochs.cut_end(self.end);
        self.walk(from, |header| {
            epochs.assign(header.leader_epoch, header.base_offset);
        })?;
        epochs.cut_start(self.start);
        self.epochs = epochs;
        Ok(())
    }

    /// Starts from the newest readable snapshot and replays the headers behind it.
    fn load_producers(&mut self) -> io::Result<()> {
        let LogHome { dir, storage, .. } = &self.home;
        let names = storage.list(dir)?;
        let mut offsets: Vec<Offset> = names
            .iter()
            .filter_map(|entry| FileKind::of_name(&entry.name))
            .filter(|(kind, offset)| *kind == FileKind::Snapshot && *offset <= self.end)
            .map(|(_, offset)| offset)
            .collect();
        offsets.sort_unstable();
        let newest = offsets.into_iter().rev().find_map(|offset| {
            let bytes = storage.read_small(&FileKind::Snapshot.path(dir, offset), snapshot::MAX_LEN).ok()?;
            Some((offset, snapshot::decode(&bytes)?))
        });
        let (from, mut producers) = newest.unwrap_or((self.start, Default::default()));
        self.walk(from, |header| {
            if let Some(stamp) = producer_stamp(header) {
                producers.record(&stamp, header.last_offset());
            }
        })?;
        self.producers = producers;
        Ok(())
    }

    /// Shows the headers of all batches that begin at or beyond `from`, in order.
    pub(super) fn walk(&self, from: Offset, mut see: impl FnMut(&BatchHeader)) -> io::Result<()> {
        if from >= self.end {
            return Ok(());
        }
        let first = self.sealed.range(..=from).next_back().map_or(Offset(0), |(base, _)| *base);
        let mut files = Vec::new();
        for (_, segment) in self.sealed.range(first..) {
            let file =
                self.home.storage.open(&FileKind::Log.path(&self.home.dir, segment.base), Access::Read)?;
            files.push((file, segment.size));
        }
        files.extend(self.active.iter().map(|active| (Arc::clone(&active.file), active.size)));
        for (file, size) in files {
            let mut headers = Headers::new(file, 0, size);
            while let Some((_, header)) = headers.next()? {
                if header.base_offset >= from {
                    see(&header);
                }
            }
        }
        Ok(())
    }
}

/// Removes the files of a segment, whichever are there.
pub(super) fn remove_segment_files(storage: &dyn Storage, dir: &Path, base: Offset) -> io::Result<()> {
    for kind in SEGMENT_FILES.into_iter().chain([FileKind::Snapshot]) {
        match storage.remove_file(&kind.path(dir, base)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Bytes searched at once for a batch behind a bad one.
const SEARCH_CHUNK: usize = 1 << 20;

/// Whether a whole batch with a right CRC and an offset of at least `next` begins anywhere behind a bad one.
fn valid_batch_behind(file: &Arc<dyn StoredFile>, bad: u64, size: u64, next: Offset) -> io::Result<bool> {
    let mut chunk = vec![0; SEARCH_CHUNK.min(usize::try_from(size - bad).unwrap_or(SEARCH_CHUNK))];
    let mut from = bad + 1;
    while from + BATCH_HEADER_LEN as u64 <= size {
        let read = file.read_at(&mut chunk, from)?;
        let whole_headers = (read + 1).saturating_sub(BATCH_HEADER_LEN);
        for at in 0..whole_headers {
            // The magic byte first: it rules out nearly every position without parsing.
            if chunk[at + 16] == 2
                && let Ok(header) = BatchHeader::parse(&chunk[at..])
                && header.base_offset >= next
                && matches!(WholeBatches::new(Arc::clone(file), from + at as u64, size).next(), Ok(Some(_)))
            {
                return Ok(true);
            }
        }
        if whole_headers == 0 {
            return Ok(false);
        }
        from += whole_headers as u64;
    }
    Ok(false)
}

impl Active {
    /// Takes the indexes that were read from disk as far as they agree with the log. Returns the position and header
    /// of the batch that the last entry points at, from which the rest is to be [noted](Self::note).
    fn restore(
        &mut self,
        offsets: Vec<OffsetEntry>,
        times: Vec<TimeEntry>,
        file: &Arc<dyn StoredFile>,
        size: u64,
    ) -> io::Result<Option<(u64, BatchHeader)>> {
        let Some(first) = Headers::new(Arc::clone(file), 0, size).next()? else { return Ok(None) };
        let rising = offsets.windows(2).all(|pair| pair[0].position < pair[1].position);
        let timely = times.windows(2).all(|pair| pair[0].timestamp < pair[1].timestamp);
        let Some(last) = offsets.last().copied().filter(|_| rising && timely) else { return Ok(None) };
        let position = u64::from(last.position);
        let pointed = Headers::new(Arc::clone(file), position, size).next();
        let Ok(Some((_, header))) = pointed else { return Ok(None) };
        let indexed = Offset(self.base.0 + i64::from(last.relative));
        if !(header.base_offset..=header.last_offset()).contains(&indexed) {
            return Ok(None);
        }
        self.resume_at(offsets, times, position, first.1.max_timestamp);
        Ok(Some((position, header)))
    }
}
