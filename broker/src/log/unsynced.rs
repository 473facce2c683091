//! What a log has written and not synced, and what makes it durable.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Durability;
use super::state::{Log, LogPosition};
use crate::storage::{Storage, StoredFile};

/// What was written and not yet fsynced.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    /// Files apart from the active segment's.
    pub(super) files: Vec<Arc<dyn StoredFile>>,
    /// Whether the active segment was written to.
    pub(super) active: bool,
    /// Whether names in the partition's directory changed.
    pub(super) names: bool,
    /// Whether the directory itself is new.
    pub(super) dir: bool,
    /// Whether a segment was sealed.
    pub(super) sealed: bool,
    /// Records appended since the last flush, for `flush.messages`.
    pub(super) records: i64,
    /// When the first of them was appended, in ms since 1970, for `flush.ms`.
    pub(super) since: Option<i64>,
}

/// Syncs to be done outside the lock. Once all are done, `target` is durable.
#[derive(Debug)]
pub(super) struct FlushJob {
    files: Vec<Arc<dyn StoredFile>>,
    dirs: SmallVec<[PathBuf; 2]>,
    target: LogPosition,
}

impl FlushJob {
    pub(super) fn run(&self, storage: &dyn Storage) -> io::Result<()> {
        self.files.iter().try_for_each(|file| file.sync())?;
        self.dirs.iter().try_for_each(|dir| storage.sync_dir(dir))
    }
}

impl Log {
    /// Whether what was appended must be synced without delay. In `page` a sealed segment is, as in Kafka, so that
    /// the recovery point moves on.
    pub(super) fn wants_flush(&self) -> bool {
        match self.config.durability {
            Durability::Sync => true,
            Durability::Page => self.unsynced.sealed || self.unsynced.records >= self.config.flush_messages,
        }
    }

    /// When the oldest record was appended that is not synced, in ms since 1970.
    pub(super) fn unsynced_since(&self) -> Option<i64> {
        self.unsynced.since
    }

    /// What has to be synced to make all of the log durable; `None` if it is.
    pub(super) fn begin_flush(&mut self) -> Option<FlushJob> {
        let unsynced = std::mem::take(&mut self.unsynced);
        let target = self.end_position();
        let mut files = unsynced.files;
        if let Some(active) = self.active.as_ref().filter(|_| unsynced.active) {
            files.push(Arc::clone(&active.file));
        }
        let mut dirs = SmallVec::new();
        if unsynced.names {
            dirs.push(self.home.dir.clone());
        }
        if let Some(parent) = self.home.dir.parent().filter(|_| unsynced.dir) {
            dirs.push(parent.to_owned());
        }
        (!files.is_empty() || !dirs.is_empty()).then_some(FlushJob { files, dirs, target })
    }

    /// Takes note that a job was run. Returns whether the high watermark moved.
    pub(super) fn finish_flush(&mut self, job: &FlushJob) -> bool {
        if job.target.offset < self.durable.offset {
            return false;
        }
        self.durable = self.settled(job.target);
        if self.config.durability == Durability::Page || self.high_watermark.offset >= self.durable.offset {
            return false;
        }
        self.high_watermark = self.durable;
        true
    }
}
