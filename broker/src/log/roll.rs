//! When a log begins another segment, and the files it writes then.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;

use millstream_wire::ids::Offset;

use super::names::{EPOCHS_FILE, FileKind, METADATA_FILE};
use super::segment::Active;
use super::state::{Log, LogHome, LogPosition};
use super::{Durability, partition_metadata, snapshot};
use crate::storage::Access;

impl Log {
    /// Makes the active segment if there is none, or seals it if the batches do not belong into it any more.
    pub(super) fn make_room(
        &mut self,
        bytes: u64,
        records: i64,
        timestamp: i64,
        now_ms: i64,
    ) -> io::Result<()> {
        let Some(active) = &self.active else { return self.create_files() };
        let now = if timestamp >= 0 { timestamp } else { now_ms };
        let too_old = active
            .first_timestamp
            .is_some_and(|first| now.saturating_sub(first) > self.segment_ms(active.base));
        let full = active.size + bytes > u64::from(self.config.segment_bytes)
            || active.index_bytes() >= self.config.segment_index_bytes as usize
            || !active.reaches(self.end.plus(records));
        if active.size > 0 && (too_old || full) { self.roll() } else { Ok(()) }
    }

    /// `segment.ms` less this segment's share of the jitter; a compacted log also rolls for `max.compaction.lag.ms`.
    fn segment_ms(&self, base: Offset) -> i64 {
        let config = &self.config;
        let lag = if config.cleanup.compact { config.max_compaction_lag_ms } else { i64::MAX };
        (config.segment_ms - self.jitter_ms(base)).min(lag)
    }

    /// Below `segment.jitter.ms`. Drawn from where the segment lies and not from a random source: logs that were begun
    /// together do not roll together, and the same log rolls at the same time whenever it is asked.
    fn jitter_ms(&self, base: Offset) -> i64 {
        let bound = self.config.segment_jitter_ms.min(self.config.segment_ms);
        if bound <= 0 {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        (&self.home.dir, base.0).hash(&mut hasher);
        (hasher.finish() % bound.unsigned_abs()).cast_signed()
    }

    fn create_files(&mut self) -> io::Result<()> {
        let LogHome { dir, storage, topic_id, .. } = &self.home;
        storage.create_dir(dir)?;
        let metadata = storage.open(&dir.join(METADATA_FILE), Access::Create)?;
        metadata.write_all_at(&[partition_metadata::to_text(*topic_id).as_bytes()], 0)?;
        self.active = Some(Active::create(&**storage, dir, self.end)?);
        self.unsynced.files.push(metadata);
        self.unsynced.names = true;
        self.unsynced.dir = true;
        self.durable = LogPosition::start_of(self.end);
        self.high_watermark = self.durable;
        Ok(())
    }

    /// Seals the active segment and begins a new one at the log end.
    pub(super) fn roll(&mut self) -> io::Result<()> {
        let Some(active) = &mut self.active else { return Ok(()) };
        let LogHome { dir, storage, .. } = &self.home;
        if self.config.durability == Durability::Sync && self.unsynced.active {
            // A power cut must not keep the next segment and tear this one: recovery could not tell that from a disk
            // that lost what was acknowledged. Once per segment, of what one group commit would sync anyway.
            active.file.sync()?;
            if self.unsynced.names {
                storage.sync_dir(dir)?;
            }
        }
        let indexes = active.write_indexes(&**storage, dir, None)?;
        let next = Active::create(&**storage, dir, self.end)?;
        let old = std::mem::replace(active, next);
        self.sealed.insert(old.base, old.seal());
        self.unsynced.files.push(old.file);
        self.unsynced.files.extend(indexes);
        self.unsynced.active = false;
        self.unsynced.sealed = true;
        self.unsynced.names = true;
        self.write_snapshot()
    }

    /// Writes the producers as they are at the log end.
    pub(super) fn write_snapshot(&mut self) -> io::Result<()> {
        let file =
            self.home.storage.open(&FileKind::Snapshot.path(&self.home.dir, self.end), Access::Create)?;
        file.write_all_at(&[&snapshot::encode(&self.producers)], 0)?;
        self.unsynced.files.push(file);
        self.unsynced.names = true;
        Ok(())
    }

    pub(super) fn write_epochs(&mut self) -> io::Result<()> {
        let file = self.home.storage.open(&self.home.dir.join(EPOCHS_FILE), Access::Create)?;
        file.write_all_at(&[self.epochs.to_text().as_bytes()], 0)?;
        self.unsynced.files.push(file);
        self.unsynced.names = true;
        Ok(())
    }

    /// Writes what is only in memory, so that a clean start need not scan.
    pub(super) fn write_for_close(&mut self) -> io::Result<()> {
        let Some(active) = &mut self.active else { return Ok(()) };
        self.unsynced.files.extend(active.write_indexes(&*self.home.storage, &self.home.dir, None)?);
        self.write_epochs()?;
        self.write_snapshot()
    }
}
