use std::mem;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use ::rocksdb::WriteBatch;

use super::TaskDatabase;
use crate::store::backend::{Checkpoint, Direction, KeyRange, KeyValueBackend, Position, Visit};
use crate::store::error::StoreError;
use crate::store::window::{key, live_from};
use crate::topology::WindowSpec;

/// A window store of a task: a column family in which the time comes first, so that what expires is the beginning of it. That is
/// deleted as a range, a segment ([`WindowSpec::segment_ms`]) at a time, which costs little however much is in it.
///
/// A segment is no family of its own: to make one and to drop it RocksDB writes all options of all families and syncs them, 20 ms
/// together, and a backlog with a segment a minute has thousands.
pub struct RocksWindowBackend {
    database: Arc<TaskDatabase>,
    store: String,
    family: String,
    spec: WindowSpec,
    /// The latest start (ms) of a window that was staged; `-1` before the first.
    newest: i64,
    /// All windows were deleted since this was opened that start before, ms.
    deleted_to: i64,
    staged: WriteBatch,
    position: Option<Checkpoint>,
    /// For the store's bytes of a changelog's key.
    scratch: Vec<u8>,
}

impl RocksWindowBackend {
    pub(super) fn open(
        database: Arc<TaskDatabase>,
        store: &str,
        spec: WindowSpec,
    ) -> Result<Self, StoreError> {
        let position = database.position(store)?;
        let mut backend = Self {
            database,
            store: store.to_owned(),
            family: family_of(store),
            spec,
            newest: -1,
            deleted_to: 0,
            staged: WriteBatch::default(),
            position,
            scratch: Vec::new(),
        };
        backend.find_family()?;
        backend.newest = backend.find_newest()?;
        Ok(backend)
    }

    /// Makes the family where there is none. A position beside it is that of segments as they were kept before, each a family:
    /// the store is restored from its changelog.
    fn find_family(&mut self) -> Result<(), StoreError> {
        let families = self.database.families();
        if families.contains(&self.family) {
            return Ok(());
        }
        for segment in families.iter().filter(|family| is_old_segment(&self.store, family)) {
            self.database.drop_family(segment).map_err(|error| self.failed(error))?;
        }
        self.forget_position()?;
        self.database.create_family(&self.family).map_err(|error| self.failed(error))
    }

    fn find_newest(&self) -> Result<i64, StoreError> {
        let mut newest = -1;
        self.scan((Bound::Unbounded, Bound::Unbounded), Direction::Reverse, &mut |key, _| {
            newest = key::start(key);
            ControlFlow::Break(())
        })?;
        Ok(newest)
    }

    /// On disk too: a family that is made anew is there after a crash, empty, and must not be taken for complete.
    fn forget_position(&mut self) -> Result<(), StoreError> {
        if self.position.take().is_none() {
            return Ok(());
        }
        let mut batch = WriteBatch::default();
        self.database.forget_position(&mut batch, &self.store);
        let forgotten = self.database.write(batch).and_then(|()| self.database.flush());
        forgotten.map_err(|error| self.failed(error))
    }

    fn live_from(&self) -> i64 {
        live_from(self.newest, self.spec.retention_ms)
    }

    /// The start (ms) of the first segment in which a window lives.
    fn oldest_segment(&self) -> i64 {
        self.live_from() / self.spec.segment_ms * self.spec.segment_ms
    }

    fn failed(&self, error: ::rocksdb::Error) -> StoreError {
        StoreError::backend(&self.store, error)
    }
}

impl KeyValueBackend for RocksWindowBackend {
    fn get(&self, key: &[u8], value: &mut Vec<u8>) -> Result<bool, StoreError> {
        value.clear();
        if key::start(key) < self.live_from() {
            return Ok(false);
        }
        self.database.get(&self.family, key, value).map_err(|error| self.failed(error))
    }

    fn stage(&mut self, key: &[u8], value: Option<&[u8]>) {
        let start = key::start(key);
        self.newest = self.newest.max(start);
        if start < self.live_from() {
            return;
        }
        let family = self.database.family(&self.family);
        match value {
            Some(value) => self.staged.put_cf(&family, key, value),
            None => self.staged.delete_cf(&family, key),
        }
    }

    fn stage_changelog(&mut self, key: &[u8], value: Option<&[u8]>) {
        let mut stored = mem::take(&mut self.scratch);
        if key::from_changelog(key, &mut stored) {
            self.stage(&stored, value);
        }
        self.scratch = stored;
    }

    fn write(&mut self, position: Position) -> Result<(), StoreError> {
        let mut batch = mem::take(&mut self.staged);
        if let Position::At(checkpoint) = position {
            self.database.stage_position(&mut batch, &self.store, checkpoint);
            self.position = Some(checkpoint);
        }
        if batch.is_empty() {
            return Ok(());
        }
        let oldest_segment = self.oldest_segment();
        if oldest_segment <= self.deleted_to {
            return self.database.write(batch).map_err(|error| self.failed(error));
        }
        let expired = [self.deleted_to.to_be_bytes(), oldest_segment.to_be_bytes()];
        self.deleted_to = oldest_segment;
        let written = self.database.write_and_expire(batch, &self.family, expired);
        written.map_err(|error| self.failed(error))
    }

    fn position(&self) -> Option<Checkpoint> {
        self.position
    }

    fn scan(&self, range: KeyRange<'_>, direction: Direction, visit: Visit<'_>) -> Result<(), StoreError> {
        let live_from = self.live_from().to_be_bytes();
        let range = (from_at_least(range.0, &live_from), range.1);
        let scanned = self.database.scan(&self.family, range, direction, visit);
        scanned.map(drop).map_err(|error| self.failed(error))
    }

    fn approximate_len(&self) -> u64 {
        self.database.approximate_len(&self.family)
    }

    fn newest_window(&self) -> i64 {
        self.newest
    }

    fn clear(&mut self) -> Result<(), StoreError> {
        self.staged.clear();
        self.newest = -1;
        self.deleted_to = 0;
        self.forget_position()?;
        let emptied = self.database.drop_family(&self.family);
        emptied.and_then(|()| self.database.create_family(&self.family)).map_err(|error| self.failed(error))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.database.flush().map_err(|error| self.failed(error))
    }
}

/// The later of two beginnings of a range.
fn from_at_least<'a>(from: Bound<&'a [u8]>, least: &'a [u8]) -> Bound<&'a [u8]> {
    match from {
        Bound::Included(key) | Bound::Excluded(key) if key >= least => from,
        _ => Bound::Included(least),
    }
}

/// Prefixed, so that no key-value store has the same.
pub(super) fn family_of(store: &str) -> String {
    format!("windows.{store}")
}

/// Whether a column family is a segment of this store as they were kept before: `win.<store>.<length>.<start>`, both in ms.
fn is_old_segment(store: &str, family: &str) -> bool {
    let segment = family.strip_prefix("win.").and_then(|rest| rest.strip_prefix(store)?.strip_prefix('.'));
    let times = segment.and_then(|segment| segment.split_once('.'));
    times.is_some_and(|(length, start)| length.parse::<i64>().is_ok() && start.parse::<i64>().is_ok())
}
