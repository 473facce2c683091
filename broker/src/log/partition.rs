use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering, fence};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use millstream_wire::ids::{LeaderEpoch, Offset};
use parking_lot::{Mutex, RwLock};
use smallvec::{SmallVec, smallvec};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use super::incoming::{self, AppendOrigin};
use super::logs::Shared;
use super::producers::ActiveProducer;
use super::read::{FileRange, ReadSlice, ReadUpTo};
use super::scan::{Headers, damaged};
use super::state::{AppendFailure, Appended, Located, Log};
use super::traffic::Traffic;
use super::waiters::Waiters;
use super::{AppendError, Durability, LogConfig, ReadError, TopicPartition};
use crate::storage::{Reach, Storage};

/// One partition's log, shared by connections, coordinators and the threads that flush and clean.
pub struct Partition {
    name: TopicPartition,
    topic_id: Uuid,
    /// Where the files are.
    pub(super) dir: PathBuf,
    /// What all partitions share: storage, flusher, checkpoints.
    pub(super) shared: Arc<Shared>,
    /// The one lock of the partition. Not tokio's: it is held across one write to the page cache, never across an
    /// await or an fsync.
    pub(super) log: Mutex<Log>,
    /// Offsets that are asked for on every fetch, readable without the lock.
    offsets: Offsets,
    /// For metrics.
    traffic: Traffic,
    /// Read before the lock is taken, when a batch is checked.
    config: RwLock<Arc<LogConfig>>,
    /// Held for the length of a flush: of two that ran at once the later could vouch for the earlier's files.
    flushing: Mutex<()>,
    /// Held while segments are removed or replaced, so that the cleaner and retention do not meet.
    pub(super) tidying: Mutex<()>,
    /// Set when the cleaner found the log damaged: it is served, but not cleaned until a restart.
    uncleanable: AtomicBool,
    /// Whether the partition stands in the flusher's queue.
    queued: AtomicBool,
    /// Whether a thread came to flush while another did.
    flush_wanted: AtomicBool,
    /// Why the partition serves nobody any more. Set once: only a restart brings it back.
    offline: OnceLock<Arc<str>>,
    deleted: AtomicBool,
    /// Woken with every advance, for `acks=all`.
    advanced: Notify,
    /// Fetches, each of which waits for many partitions with one `Notify`.
    waiters: Mutex<Waiters>,
}

/// Written under the log's lock, read without.
#[derive(Debug)]
struct Offsets {
    start: AtomicI64,
    high_watermark: AtomicI64,
    end: AtomicI64,
    leader_epoch: LeaderEpoch,
}

/// Why a partition serves nobody after [`super::Logs::close`].
const CLOSED: &str = "the broker is shutting down";

impl Partition {
    pub(super) fn new(name: TopicPartition, shared: Arc<Shared>, log: Log) -> Self {
        let offsets = Offsets {
            start: AtomicI64::new(log.start.0),
            high_watermark: AtomicI64::new(log.high_watermark.offset.0),
            end: AtomicI64::new(log.end.0),
            leader_epoch: log.epoch,
        };
        let traffic = Traffic::of(log.size());
        Self {
            name,
            topic_id: log.home.topic_id,
            dir: log.home.dir.clone(),
            shared,
            config: RwLock::new(Arc::clone(&log.config)),
            log: Mutex::new(log),
            offsets,
            traffic,
            flushing: Mutex::new(()),
            tidying: Mutex::new(()),
            uncleanable: AtomicBool::new(false),
            queued: AtomicBool::new(false),
            flush_wanted: AtomicBool::new(false),
            offline: OnceLock::new(),
            deleted: AtomicBool::new(false),
            advanced: Notify::new(),
            waiters: Mutex::new(Waiters::default()),
        }
    }

    /// Where the files are, for those who keep others beside them.
    pub(crate) fn home(&self) -> (&Arc<dyn Storage>, &Path) {
        (&self.shared.storage, &self.dir)
    }

    /// Topic and number.
    pub fn name(&self) -> &TopicPartition {
        &self.name
    }

    /// The id of the topic.
    pub fn topic_id(&self) -> Uuid {
        self.topic_id
    }

    /// The offset below which consumers may read. In `durability=sync` everything below survives a power cut.
    pub fn high_watermark(&self) -> Offset {
        Offset(self.offsets.high_watermark.load(Ordering::Acquire))
    }

    /// The offset that the next record gets.
    pub fn log_end_offset(&self) -> Offset {
        Offset(self.offsets.end.load(Ordering::Acquire))
    }

    /// The first offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        Offset(self.offsets.start.load(Ordering::Acquire))
    }

    /// The epoch in which this broker leads the partition; it rises at every unclean start.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.offsets.leader_epoch
    }

    /// The topic's configuration.
    pub fn config(&self) -> Arc<LogConfig> {
        Arc::clone(&self.config.read())
    }

    /// Changes the configuration, in force from the next append, flush and cleaning on.
    pub fn configure(self: &Arc<Self>, config: Arc<LogConfig>) {
        let log = &mut *self.log.lock();
        *self.config.write() = Arc::clone(&config);
        log.config = config;
        if log.config.durability == Durability::Page && log.high_watermark.offset < log.end {
            log.high_watermark = log.end_position();
            self.publish(log);
        }
        self.queue_flush();
    }

    /// Bytes of all segments.
    pub fn size(&self) -> u64 {
        self.log.lock().size()
    }

    /// As [`Partition::size`], without waiting: of the last time that it was asked where the log is busy, perhaps with a disk
    /// that does not answer.
    pub(crate) fn recent_size(&self) -> u64 {
        if let Some(log) = self.log.try_lock() {
            self.traffic.size.store(log.size(), Ordering::Relaxed);
        }
        self.traffic.size.load(Ordering::Relaxed)
    }

    /// For tests of those who must not wait for the lock.
    #[cfg(test)]
    pub(crate) fn while_locked<T>(&self, work: impl FnOnce() -> T) -> T {
        let _log = self.log.lock();
        work()
    }

    /// What has passed through it since the start.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The idempotent producers that wrote here of late, by id.
    pub(crate) fn producers(&self) -> Vec<ActiveProducer> {
        self.log.lock().producers.active()
    }

    /// Whether the storage failed this partition; it serves nobody until the broker is restarted.
    pub fn is_offline(&self) -> bool {
        self.offline.get().is_some()
    }

    /// Appends the batches of one partition of a produce request (or of a coordinator) and returns where they went.
    /// Blocks for one write to the page cache. `now_ms` is the broker's time in ms since 1970.
    ///
    /// A duplicate of one of the producer's last five batches is answered with its first offset and not written.
    ///
    /// # Errors
    /// See [`AppendError`]; on every error the log is as it was. A failing storage takes the partition offline.
    pub fn append(
        self: &Arc<Self>,
        batches: Bytes,
        origin: AppendOrigin,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        let config = self.config();
        let bytes = batches.len();
        let batches = incoming::check(batches, origin, &config, now_ms)?;
        let mut log = self.log.lock();
        self.check_serving()?;
        match log.append(&batches, now_ms) {
            Ok(appended) if appended.duplicate => Ok(appended),
            Ok(appended) => {
                self.traffic.appended(bytes, appended.last_offset.0 - appended.base_offset.0 + 1);
                self.publish(&log);
                let flush = log.wants_flush();
                drop(log);
                if flush {
                    self.queue_flush();
                }
                Ok(appended)
            }
            Err(AppendFailure::Refused(error)) => Err(error),
            Err(AppendFailure::Broken(error)) => Err(AppendError::Offline(self.fail("append", &error))),
        }
    }

    /// The batches from the one that holds `from` on, as ranges of files: at most `max_bytes` of them, but with
    /// `min_one` at least one batch, however large. At the limit of `up_to` the slice is empty.
    ///
    /// # Errors
    /// [`ReadError::OffsetOutOfRange`] below the log start or beyond the limit.
    pub fn read(
        self: &Arc<Self>,
        from: Offset,
        max_bytes: usize,
        up_to: ReadUpTo,
        min_one: bool,
    ) -> Result<ReadSlice, ReadError> {
        self.read_within(Reach::Disk, from, max_bytes, up_to, min_one)
    }

    /// As [`Partition::read`]. What it may not reach is [`ReadError::NotCached`]; the ranges themselves are not read.
    pub(crate) fn read_within(
        self: &Arc<Self>,
        reach: Reach,
        from: Offset,
        max_bytes: usize,
        up_to: ReadUpTo,
        min_one: bool,
    ) -> Result<ReadSlice, ReadError> {
        self.check_readable()?;
        if let Some(nothing) = self.read_at_end(from, up_to) {
            return Ok(nothing);
        }
        let (mut slice, mut holder) = {
            let log = self.log.lock();
            let (start, end) = (log.start, log.limit(up_to).offset);
            if from < start || from > end {
                return Err(ReadError::OffsetOutOfRange { offset: from, start, end });
            }
            let slice = ReadSlice {
                ranges: SmallVec::new(),
                high_watermark: log.high_watermark.offset,
                log_start_offset: start,
                log_end_offset: log.end,
            };
            (slice, log.holder(from, up_to, max_bytes, reach).map_err(|error| self.unread(&error))?)
        };
        // Indexes and headers are read without the lock: what lies below the limit does not change any more.
        while let Some(found) = holder {
            let place = found.locate(max_bytes, reach).map_err(|error| self.unread(&error))?;
            let next = match self.cut(&place, reach, from, max_bytes, min_one)? {
                Cut::Range(range) => {
                    slice.ranges = smallvec![range];
                    break;
                }
                Cut::TooLarge => break,
                Cut::Later => place.next_segment,
                Cut::Astray => Some(from),
            };
            let Some(next) = next else { break };
            let log = self.log.lock();
            holder = log.holder(next, up_to, max_bytes, reach).map_err(|error| self.unread(&error))?;
        }
        Ok(slice)
    }

    /// The answer to a consumer that has caught up, which is most of them most of the time, without the lock.
    fn read_at_end(&self, from: Offset, up_to: ReadUpTo) -> Option<ReadSlice> {
        let high_watermark = self.high_watermark();
        (up_to == ReadUpTo::HighWatermark && from == high_watermark).then(|| ReadSlice {
            ranges: SmallVec::new(),
            high_watermark,
            log_start_offset: self.log_start_offset(),
            log_end_offset: self.log_end_offset(),
        })
    }

    /// Cuts the place to what is asked for. An index that leads astray is made anew, once.
    fn cut(
        &self,
        place: &Located,
        reach: Reach,
        from: Offset,
        max_bytes: usize,
        min_one: bool,
    ) -> Result<Cut, ReadError> {
        let cut = place.cut(reach, from, max_bytes, min_one).and_then(|cut| match cut {
            Cut::Astray if !self.log.lock().reindex(place.segment)? => Err(damaged("the index is wrong")),
            cut => Ok(cut),
        });
        cut.map_err(|error| self.unread(&error))
    }

    fn unread(&self, error: &io::Error) -> ReadError {
        match error.kind() {
            io::ErrorKind::WouldBlock => ReadError::NotCached,
            _ => self.read_failed(error),
        }
    }

    /// Takes the partition offline after a read of one of its [ranges](FileRange) failed. For those who read them
    /// behind our back, by `sendfile`.
    pub fn read_failed(&self, error: &io::Error) -> ReadError {
        ReadError::Offline(self.fail("read", error))
    }

    /// Waits until the high watermark has passed `offset`: what `acks=all` promises.
    ///
    /// # Errors
    /// When the partition goes offline or is deleted meanwhile.
    pub async fn wait_for(&self, offset: Offset) -> Result<(), AppendError> {
        loop {
            if self.high_watermark() > offset {
                return Ok(());
            }
            let mut advanced = std::pin::pin!(self.advanced.notified());
            // Registered before the second look: an advance in between must wake us.
            advanced.as_mut().enable();
            self.check_serving()?;
            if self.high_watermark() > offset {
                return Ok(());
            }
            advanced.await;
        }
    }

    /// As [`Self::wait_for`], but not beyond `deadline`: a disk may hang.
    ///
    /// # Errors
    /// [`AppendError::TimedOut`] at the deadline, besides those of [`Self::wait_for`].
    pub async fn wait_until(&self, offset: Offset, deadline: Instant) -> Result<(), AppendError> {
        timeout_at(deadline, self.wait_for(offset)).await.unwrap_or(Err(AppendError::TimedOut))
    }

    /// Tells `waiter` once: when the high watermark advances, or the partition goes offline or is deleted. Look at
    /// the partition after registering. A waiter that is dropped is forgotten.
    pub fn notify_on_advance(&self, waiter: &Arc<Notify>) {
        self.waiters.lock().register(waiter);
    }

    /// Where the newest epoch at or below `epoch` ends: that epoch and the offset after its last record (KIP-101).
    /// `None` if the log has only newer ones, or is not yet so far.
    pub fn end_offset_for_epoch(&self, epoch: LeaderEpoch) -> Option<(LeaderEpoch, Offset)> {
        let log = self.log.lock();
        if epoch > log.epoch {
            return None;
        }
        if epoch == log.epoch {
            return Some((epoch, log.end));
        }
        log.epochs.end_of(epoch, log.end)
    }

    /// Moves the log start up to `offset` (-1 for the high watermark) and makes that durable. Returns the log start.
    ///
    /// # Errors
    /// [`ReadError::OffsetOutOfRange`] beyond the high watermark.
    pub fn delete_records_before(self: &Arc<Self>, offset: Offset) -> Result<Offset, ReadError> {
        self.check_readable()?;
        let start = {
            let log = &mut *self.log.lock();
            let end = log.high_watermark.offset;
            let wanted = if offset.0 == -1 { end } else { offset };
            if wanted > end || wanted.0 < 0 {
                return Err(ReadError::OffsetOutOfRange { offset, start: log.start, end });
            }
            if log.raise_start(wanted) {
                log.write_epochs().map_err(|error| self.read_failed(&error))?;
                self.publish(log);
            }
            log.start
        };
        // First the records up to there: a log that ended below its start would give offsets out twice.
        self.flush().map_err(|error| self.read_failed(&error))?;
        let durable = self.shared.checkpoint_start(&self.name, start).map_err(io::Error::other);
        durable.map_err(|error| self.read_failed(&error))?;
        Ok(start)
    }

    /// Makes everything appended so far durable, on this thread.
    pub fn flush(self: &Arc<Self>) -> io::Result<()> {
        let flushing = self.flushing.lock();
        let flushed = self.flush_alone();
        drop(flushing);
        self.flush_again_if_wanted();
        flushed
    }

    /// For the flusher's threads. What is appended from here on queues the partition again.
    pub(super) fn flush_queued(self: &Arc<Self>) {
        self.queued.store(false, Ordering::Release);
        if self.is_offline() {
            return;
        }
        self.flush_wanted.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        // Whoever flushes already queues it again: a thread that waited here, too, would be missing elsewhere for as
        // long as the disk hangs.
        let Some(flushing) = self.flushing.try_lock() else { return };
        self.flush_wanted.store(false, Ordering::SeqCst);
        // A failure has taken the partition offline and was logged.
        let _ = self.flush_alone();
        drop(flushing);
        self.flush_again_if_wanted();
    }

    fn flush_again_if_wanted(self: &Arc<Self>) {
        fence(Ordering::SeqCst);
        if self.flush_wanted.swap(false, Ordering::SeqCst) {
            self.queue_flush();
        }
    }

    /// The caller holds `flushing`.
    fn flush_alone(&self) -> io::Result<()> {
        let Some(job) = self.log.lock().begin_flush() else { return Ok(()) };
        let began = std::time::Instant::now();
        let done = job.run(&*self.shared.storage);
        self.shared.flushes.record(began.elapsed());
        if let Err(error) = done {
            if self.is_deleted() {
                return Ok(());
            }
            self.fail("fsync", &error);
            return Err(error);
        }
        let log = &mut *self.log.lock();
        if log.finish_flush(&job) {
            self.publish(log);
        }
        Ok(())
    }

    fn queue_flush(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.shared.flusher.push(Arc::downgrade(self));
        }
    }

    /// Makes the log's offsets visible and wakes who waits for them.
    pub(super) fn publish(&self, log: &Log) {
        self.offsets.start.store(log.start.0, Ordering::Release);
        self.offsets.end.store(log.end.0, Ordering::Release);
        let before = self.offsets.high_watermark.swap(log.high_watermark.offset.0, Ordering::AcqRel);
        if before != log.high_watermark.offset.0 {
            self.wake();
        }
    }

    fn wake(&self) {
        self.advanced.notify_waiters();
        self.waiters.lock().notify();
    }

    /// Takes the partition offline. The first failure is the one that is told, here and to clients.
    pub(super) fn fail(&self, action: &str, error: &dyn fmt::Display) -> Arc<str> {
        let reason = self.offline.get_or_init(|| {
            let reason: Arc<str> = format!("{action} failed: {error}").into();
            tracing::error!(
                partition = %self.name,
                reason = %reason,
                "partition is offline; repair the disk or free space, then restart the broker"
            );
            reason
        });
        self.wake();
        Arc::clone(reason)
    }

    /// Flushes everything, with what a clean start needs, and serves nobody any more. Returns whether that worked.
    pub(super) fn close(self: &Arc<Self>) -> bool {
        let serving = self.offline.set(CLOSED.into()).is_ok();
        let written = serving && {
            let log = &mut *self.log.lock();
            log.write_for_close().is_ok()
        };
        let closed = written && self.flush().is_ok();
        self.wake();
        closed || self.is_deleted()
    }

    /// Takes the partition offline because its files cannot be opened.
    pub(super) fn fail_to_open(&self, reason: String) {
        let _ = self.offline.set(reason.into());
    }

    /// Whether the cleaner has business here.
    pub(super) fn is_cleanable(&self) -> bool {
        self.config.read().cleanup.compact && !self.uncleanable.load(Ordering::Acquire)
    }

    /// Leaves the partition to itself after a pass failed.
    pub(super) fn give_up_cleaning(&self, error: &io::Error) {
        if !self.is_deleted() && !self.is_offline() {
            tracing::error!(partition = %self.name, %error, "cannot be compacted; served as it is until a restart");
        }
        self.uncleanable.store(true, Ordering::Release);
    }

    pub(super) fn delete(&self) {
        // Under the lock, so that no append that has begun makes files afterwards.
        let log = self.log.lock();
        self.deleted.store(true, Ordering::Release);
        drop(log);
        self.wake();
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    fn check_serving(&self) -> Result<(), AppendError> {
        if let Some(reason) = self.offline.get() {
            return Err(AppendError::Offline(Arc::clone(reason)));
        }
        if self.is_deleted() { Err(AppendError::Deleted) } else { Ok(()) }
    }

    /// Whether the partition may be read.
    pub(crate) fn check_readable(&self) -> Result<(), ReadError> {
        if let Some(reason) = self.offline.get() {
            return Err(ReadError::Offline(Arc::clone(reason)));
        }
        if self.is_deleted() { Err(ReadError::Deleted) } else { Ok(()) }
    }
}

/// What a search of one segment found.
enum Cut {
    Range(FileRange),
    /// The batch does not fit.
    TooLarge,
    /// The offset lies in a later segment: compaction removed the end of this one.
    Later,
    /// The index pointed behind the offset, or at no batch.
    Astray,
}

impl Located {
    /// The batches from the one that holds `from` on.
    fn cut(&self, reach: Reach, from: Offset, max_bytes: usize, min_one: bool) -> io::Result<Cut> {
        let mut headers = Headers::within(reach, Arc::clone(&self.file), self.scan_from, self.end);
        let hinted = self.scan_from > 0;
        match headers.next() {
            Ok(Some((_, header))) if hinted && header.base_offset > from.max(self.segment) => {
                return Ok(Cut::Astray);
            }
            Err(error) if hinted && error.kind() == io::ErrorKind::InvalidData => return Ok(Cut::Astray),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let mut headers = headers.restarted(self.scan_from);
        let Some((position, first)) = headers.seek(from)? else { return Ok(Cut::Later) };
        let first_len = first.total_len();
        let mut stop = self.stop;
        if stop < position + first_len as u64 {
            if !min_one && first_len > max_bytes {
                return Ok(Cut::TooLarge);
            }
            stop = position + first_len as u64;
        }
        Ok(Cut::Range(FileRange { file: Arc::clone(&self.file), position, len: (stop - position) as usize }))
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partition")
            .field("name", &self.name)
            .field("offsets", &self.offsets)
            .finish_non_exhaustive()
    }
}
